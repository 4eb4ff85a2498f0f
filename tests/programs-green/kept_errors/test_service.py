"""Errors that queues, futures and results hand on, checked by assertRaises, and then the service is used again."""
import unittest

import gevent
from gevent.event import AsyncResult, Event
from gevent.queue import Queue


class Service:
    def __init__(self):
        self.inbox = Queue()
        self.outbox = Queue()
        self.count = 0
        self.last_error = None
        self.changed = Event()
        self.loop = gevent.spawn(self.run)

    def run(self):
        while True:
            item, reply = self.inbox.get()
            self.count += 1
            try:
                value = 10 // item
            except ZeroDivisionError as error:
                self.last_error = error
                if reply is None:
                    self.outbox.put(error)
                else:
                    reply.set_exception(error)
            else:
                if reply is None:
                    self.outbox.put(value)
                else:
                    reply.set(value)
            self.changed.set()

    def by_result(self, item):
        reply = AsyncResult()
        self.inbox.put((item, reply))
        return reply.get(timeout=1)

    def by_queue(self, item):
        self.inbox.put((item, None))
        value = self.outbox.get(timeout=1)
        if isinstance(value, Exception):
            raise value
        return value

    def check(self):
        if self.last_error:
            raise self.last_error

    def stop(self):
        self.loop.kill()


class ServiceTest(unittest.TestCase):
    def setUp(self):
        self.service = Service()
        self.addCleanup(self.service.stop)

    def test_result(self):
        self.assertEqual(self.service.by_result(5), 2)
        with self.assertRaises(ZeroDivisionError):
            self.service.by_result(0)
        self.assertRaises(ZeroDivisionError, self.service.by_result, 0)
        self.assertEqual(self.service.by_result(2), 5)
        self.assertEqual(self.service.count, 4)

    def test_queue(self):
        with self.assertRaisesRegex(ZeroDivisionError, "by zero"):
            self.service.by_queue(0)
        self.assertEqual(self.service.by_queue(1), 10)

    def test_kept(self):
        self.service.inbox.put((0, None))
        self.service.changed.wait(1)
        with self.assertRaises(ZeroDivisionError):
            self.service.check()
        self.assertEqual(self.service.by_result(5), 2)


if __name__ == "__main__":
    unittest.main()
