import unittest

import eventlet
from eventlet import greenthread
from eventlet.event import Event

from actor import Adder, Proxy


class ActorTest(unittest.TestCase):
    def setUp(self):
        self.actor = Adder().start()
        self.proxy = Proxy(self.actor)

    def tearDown(self):
        if self.actor.alive:
            self.actor.thread.kill()

    def test_add(self):
        self.assertEqual(self.proxy.add(1, 2, 3), [1, 3, 6])

    def test_parallel(self):
        threads = [eventlet.spawn(self.actor.ask, "add", n) for n in (1, 1, 1)]
        self.assertEqual([t.wait() for t in threads], [1, 2, 3])

    def test_stop(self):
        self.assertEqual(self.actor.ask("stop"), "stopped")
        self.assertEqual(self.actor.thread.wait(), "ended")
        with self.assertRaisesRegex(RuntimeError, "not running"):
            self.actor.ask("add", 1)

    def test_unknown(self):
        # The actor goes on, also where a test closes the frames of what was raised.
        with self.assertRaises(AttributeError):
            self.actor.ask("fly")
        self.assertTrue(self.actor.alive)
        self.assertEqual(self.actor.ask("add", 2), 2)

    def test_timeout(self):
        with self.assertRaises(eventlet.Timeout):
            with eventlet.Timeout(0.05):
                Event().wait()

    def test_kill(self):
        seen = []

        def body():
            try:
                eventlet.sleep(5)
            finally:
                seen.append("finally")

        thread = greenthread.spawn(body)
        eventlet.sleep(0.05)
        thread.kill()
        eventlet.sleep(0)
        self.assertEqual(seen, ["finally"])
        self.assertTrue(thread.dead)
