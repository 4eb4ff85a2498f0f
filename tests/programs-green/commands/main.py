# moves: fully
import argparse
import sys

import gevent

from tasks import count, greet


def build():
    parser = argparse.ArgumentParser(prog="tool")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("greet")
    one.add_argument("name")
    one.set_defaults(func=cmd_greet)
    two = commands.add_parser("count")
    two.add_argument("--to", type=int, default=3)
    two.set_defaults(func=cmd_count)
    return parser


def cmd_greet(args):
    print(greet(args.name))
    return 0


def cmd_count(args):
    total = count(args.to)
    print("total", total)
    return 0 if total else 1


def main(argv=None):
    args = build().parse_args(argv)
    return args.func(args)


if __name__ == "__main__":
    for argv in (["greet", "bob"], ["count", "--to", "4"]):
        print("exit", main(argv))
    sys.exit(main(["count"]))
