# moves: fully
import gevent


def work(n):
    gevent.sleep(0.05 * n)
    if n == 2:
        raise RuntimeError("two")
    return n * 10


done = []


def finished(g):
    done.append(g.value)
    print("finished", g.value)


def saved(g):
    gevent.sleep(0.02)
    print("saved", g.value)


def failed(g):
    print("failed", type(g.exception).__name__, g.exception, g.successful())


def main():
    gs = []
    for n in (1, 2, 3):
        g = gevent.spawn(work, n)
        g.link(finished)
        g.link_value(saved)
        g.link_exception(failed)
        gs.append(g)
    done_gs = gevent.joinall(gs, timeout=1)
    print(len(done_gs))
    gevent.sleep(0.05)
    print(done)
    try:
        gs[1].get()
    except RuntimeError as error:
        print("raised", error)
    try:
        gevent.joinall([gevent.spawn(work, 2), gevent.spawn(work, 3)], raise_error=True)
    except RuntimeError as error:
        print("joinall raised", error)
    first = gevent.joinall([gevent.spawn(work, 3), gevent.spawn(work, 1)], count=1)
    print(first[0].value)


if __name__ == "__main__":
    main()
