# moves: fully
import unittest

import gevent
from gevent import monkey
monkey.patch_all()
import time
from unittest import mock
import threading


class Cache:
    def __init__(self, loader, ttl=0.05):
        self.loader = loader
        self.ttl = ttl
        self.lock = threading.RLock()
        self.data = {}
        self.loads = 0

    def get(self, key):
        with self.lock:
            hit = self.data.get(key)
            if hit and time.time() - hit[1] < self.ttl:
                return hit[0]
            value = self.loader(key)
            self.loads += 1
            self.data[key] = (value, time.time())
            return value


def load(key):
    time.sleep(0.005)
    return key.upper()


class CacheTest(unittest.TestCase):
    def setUp(self):
        self.cache = Cache(load)

    def test_loads_once(self):
        jobs = [gevent.spawn(self.cache.get, "a") for _ in range(3)]
        gevent.joinall(jobs)
        self.assertEqual([j.value for j in jobs], ["A"] * 3)
        self.assertEqual(self.cache.loads, 1)

    def test_expires(self):
        self.assertEqual(self.cache.get("b"), "B")
        gevent.sleep(0.08)
        self.cache.get("b")
        self.assertEqual(self.cache.loads, 2)

    def test_mock(self):
        with mock.patch(__name__ + ".load", return_value="X") as fake:
            self.cache.loader = fake
            self.assertEqual(self.cache.get("q"), "X")
            fake.assert_called_once_with("q")


if __name__ == "__main__":
    import io
    r = unittest.TextTestRunner(stream=io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(CacheTest))
    print(r.testsRun, len(r.failures), len(r.errors))
