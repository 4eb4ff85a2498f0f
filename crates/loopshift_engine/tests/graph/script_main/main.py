import sys
import argparse

def parse(argv):
    p = argparse.ArgumentParser()
    p.add_argument("--x")
    return p.parse_args(argv)

def main(argv=None):
    ns = parse(argv or [])
    return run(ns)

def run(ns):
    print(ns.x)
    return 0

if __name__ == "__main__":
    main()
