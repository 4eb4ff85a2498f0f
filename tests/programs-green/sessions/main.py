# moves: fully
import contextlib

import gevent

from session import Session, span, Nested


def work(session, name):
    with session:
        gevent.sleep(0.01)
        print("working", name)


def main():
    session = Session("db")
    work(session, "one")
    with span("outer"):
        with span("inner") as label:
            print("in", label)
    try:
        with Session("bad") as bad, open("/dev/null") as sink:
            print("entered", bad.name, sink.name)
            raise ValueError("boom")
    except ValueError as error:
        print("caught", error)
    with open("/dev/null") as sink, span("second"):
        print("mixed", sink.name)
    with Nested("n") as nested:
        print(nested.name)


if __name__ == "__main__":
    main()
