# moves: fully
"""Test cases that end what they start, after each test."""

import unittest
import gevent
from gevent.event import Event

class Case(unittest.TestCase):
    def setUp(self):
        self.ended = []
        self.g = gevent.spawn(self.loop)
        self.addCleanup(self.check)
        self.addCleanup(self.g.kill)
    def loop(self):
        try:
            while True:
                gevent.sleep(0.01)
        finally:
            self.ended.append(1)
    def check(self):
        assert self.ended == [1]
    def test_one(self):
        gevent.sleep(0.02)
        self.assertFalse(self.g.dead)

r = unittest.TextTestRunner(stream=open("/dev/null", "w")).run(unittest.defaultTestLoader.loadTestsFromTestCase(Case))
print(r.testsRun, r.wasSuccessful())
for _, e in r.errors + r.failures: print(e)
