# moves: fully
import gevent

log = []


def forever():
    try:
        while True:
            gevent.sleep(0.01)
    finally:
        log.append("cleanup")


def main():
    gevent.spawn(forever)
    gevent.sleep(0.02)
    raise ValueError("stop here")


try:
    main()
except ValueError as error:
    print("error", error, log)
else:
    print("fine")
