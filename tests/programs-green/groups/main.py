# moves: fully
import gevent
from gevent.pool import Group


class Service:
    def __init__(self):
        self.group = Group()
        self.handled = 0

    def submit(self, n):
        return self.group.spawn(self.handle, n)

    def handle(self, n):
        try:
            gevent.sleep(n * 0.02)
            self.handled += 1
            return n * n
        except gevent.GreenletExit:
            print("cut off", n)
            raise

    def stop(self, timeout):
        if not self.group.join(timeout=timeout):
            print(len(self.group), "left")
            self.group.kill()
        print("empty:", not self.group)


def main():
    service = Service()
    jobs = [service.submit(n) for n in (1, 2, 3, 30)]
    print(len(service.group), jobs[0] in service.group)
    service.stop(0.15)
    print(service.handled, [job.value for job in jobs[:3]])
    group = Group()
    print(group.map(lambda n: n + 1, range(4)))
    print([x for x in group.imap_unordered(service.handle, [3, 1, 2])])
    print(group.apply(pow, (2, 5)))
    with_callback = group.apply_async(service.handle, (1,), callback=lambda v: print("got", v))
    print(with_callback.get())
    gevent.sleep(0.01)


if __name__ == "__main__":
    main()
