# moves: no, it is not known which function it runs
"""Functions that are found by name while the program runs."""

import importlib

import gevent


def work(number):
    gevent.sleep(0.01)
    return number * 2


def main():
    function = vars(importlib.import_module("__main__"))["wo" + "rk"]
    print(gevent.spawn(function, 21).get())


if __name__ == "__main__":
    main()
