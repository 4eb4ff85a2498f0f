# moves: fully, to asyncio
import gevent


def work(n):
    gevent.sleep(0.01)
    return n


def main():
    jobs = []
    for n in range(2):
        job = gevent.spawn(work, n)
        job.name = f"worker-{n}"
        jobs.append(job)
    (jobs[0]).name = ("first"
                      "one")
    jobs[1].name = ("a"
        "b")
    gevent.joinall(jobs)
    print([job.value for job in jobs])


main()
