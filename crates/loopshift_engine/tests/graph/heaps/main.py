import bisect
import heapq
import random


class Job:
    def __init__(self, rank):
        self.rank = rank

    def __lt__(self, other):
        return self.rank < other.rank

    def run(self):
        return self.rank


class Jobs:
    def __init__(self):
        self.items = []

    def put(self, item):
        heapq.heappush(self.items, item)

    def get(self):
        return heapq.heappop(self.items)


jobs = Jobs()
jobs.put(Job(1))
job = jobs.get()
job.run()


def pick():
    kept = []
    bisect.insort(kept, Job(2))
    random.choice(kept).run()


pick()
