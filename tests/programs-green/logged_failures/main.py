# moves: fully
"""Green threads fail, and nobody asks for it: their errors go to stderr, while the program logs to stdout."""

import logging

import gevent

from report import configure

log = logging.getLogger("jobs")


def job(number):
    gevent.sleep(0.01 * number)
    if number % 2:
        raise ValueError(number)
    log.info("job %d is done", number)


def main():
    configure()
    jobs = [gevent.spawn(job, number) for number in range(4)]
    gevent.joinall(jobs)
    gevent.spawn(job, 5)
    gevent.sleep(0.1)
    log.warning("%d failed", sum(not job.successful() for job in jobs))


if __name__ == "__main__":
    main()
