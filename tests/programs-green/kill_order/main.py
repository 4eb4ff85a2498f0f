# moves: fully
"""Who kills a green thread goes on before those who wait for it, and before what is linked to it is called."""
import gevent

from watched import Watched


def waiter(job, log):
    job.join()
    log.append("joined")


def killed_alone(log):
    watched = Watched(log)
    other = gevent.spawn(waiter, watched.job, log)
    gevent.sleep(0.01)
    watched.job.kill()
    log.append("killed")
    other.join()


def killed_together(log):
    watched = [Watched(log)]
    others = [gevent.spawn(waiter, it.job, log) for it in watched]
    gevent.sleep(0.01)
    gevent.killall([it.job for it in watched])
    log.append("killed all")
    gevent.joinall(others)


def killed_slowly(log):
    watched = Watched(log, slow=True)
    other = gevent.spawn(waiter, watched.job, log)
    gevent.sleep(0.01)
    watched.job.kill()
    log.append("killed slowly")
    other.join()


def main():
    for kill in (killed_alone, killed_together, killed_slowly):
        log = []
        kill(log)
        print(log)


if __name__ == "__main__":
    main()
