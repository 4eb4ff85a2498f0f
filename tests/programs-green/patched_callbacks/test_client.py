"""Tests that replace what an object was given to call, and methods."""
import unittest
from unittest import mock

import gevent


class Client:
    def __init__(self, send, pause=0.02):
        self.send = send
        self.pause = pause

    def request(self, value):
        gevent.sleep(self.pause)
        return self.send(value)

    def close(self):
        return "closed"


def send(value):
    gevent.sleep(0.02)
    return value.upper()


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.client = Client(send)

    def test_request(self):
        self.assertEqual(self.client.request("a"), "A")

    def test_replaced(self):
        with mock.patch.object(self.client, "send", lambda value: value * 2):
            self.assertEqual(self.client.request("b"), "bb")
        self.assertEqual(self.client.request("b"), "B")

    @mock.patch.object(Client, "request", lambda self, value: value)
    def test_method(self):
        self.assertEqual(self.client.request("c"), "c")

    def test_plain(self):
        with mock.patch.object(self.client, "pause", 0.01), mock.patch.object(Client, "close", lambda self: "not"):
            self.assertEqual((self.client.request("d"), self.client.close()), ("D", "not"))
