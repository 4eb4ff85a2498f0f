import gevent


def greet(name):
    gevent.sleep(0.001)
    return f"hello {name}"


def count(to):
    jobs = [gevent.spawn(step, n) for n in range(to)]
    gevent.joinall(jobs)
    return sum(job.value for job in jobs)


def step(n):
    gevent.sleep(0.001 * n)
    return n
