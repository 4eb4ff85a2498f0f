# moves: fully
import argparse
import sys

import eventlet
eventlet.monkey_patch()

import subprocess
import time
from eventlet.greenpool import GreenPool, GreenPile


def check(host):
    time.sleep(0.002 * len(host))
    out = subprocess.check_output([sys.executable, "-c", "print(%r.upper())" % host])
    return host, out.decode().strip()


def summarize(results, verbose=False):
    for host, text in results:
        if verbose:
            print("%s -> %s" % (host, text))
    return len(results)


def cmd_scan(args):
    pool = GreenPool(args.size)
    results = list(pool.imap(check, args.hosts))
    print(summarize(results, args.verbose), "hosts")
    return 0


def cmd_pile(args):
    pile = GreenPile(args.size)
    for host in args.hosts:
        pile.spawn(check, host)
    for host, text in pile:
        print(text)
    return 0


def main(argv):
    parser = argparse.ArgumentParser()
    sub = parser.add_subparsers(dest="cmd")
    for name, fn in (("scan", cmd_scan), ("pile", cmd_pile)):
        p = sub.add_parser(name)
        p.add_argument("hosts", nargs="+")
        p.add_argument("--size", type=int, default=2)
        p.add_argument("-v", "--verbose", action="store_true")
        p.set_defaults(func=fn)
    args = parser.parse_args(argv)
    return args.func(args)


if __name__ == "__main__":
    code = main(["scan", "a", "bb", "ccc", "-v"])
    code |= main(["pile", "x", "y"])
    sys.exit(code)
