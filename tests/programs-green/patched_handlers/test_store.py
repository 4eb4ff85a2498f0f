import unittest
from unittest import mock
from unittest.mock import MagicMock, Mock, patch

import gevent

import store
from store import HANDLERS, Remote, Store


class StoreTest(unittest.TestCase):
    def setUp(self):
        self.hooked = []
        self.store = Store(hook=lambda key, value: self.hooked.append(key))
        patcher = patch("store.Remote.ping", return_value="patched pong")
        self.ping = patcher.start()
        self.addCleanup(patcher.stop)

    def test_plain(self):
        self.assertEqual(self.store.get("a"), "remote a")
        self.assertEqual(self.hooked, ["a"])

    def test_ping(self):
        self.assertEqual(Remote.ping("x"), "patched pong")
        self.ping.assert_called_once_with("x")

    @patch("store.load")
    def test_load(self, load):
        load.return_value = "fake"
        self.assertEqual(self.store.local("k"), "fake")
        load.assert_called_with("k")

    @patch.object(Remote, "fetch", side_effect=lambda key: key.upper())
    def test_fetch(self, fetch):
        self.assertEqual(self.store.get("b"), "B")
        self.assertEqual(fetch.call_count, 1)

    @patch.object(Remote, "fetch", autospec=True)
    def test_autospec(self, fetch):
        fetch.return_value = "auto"
        self.assertEqual(self.store.get("b"), "auto")

    def test_dict(self):
        with patch.dict(HANDLERS, {"load": lambda key: "dict " + key}):
            self.assertEqual(self.store.handle("load", "z"), "dict z")
        self.assertEqual(self.store.handle("load", "z"), "loaded z")
        self.assertEqual(self.store.handle("size", "zz"), 2)

    @patch.dict("store.HANDLERS", size=lambda text: -1)
    def test_named_dict(self):
        self.assertEqual(self.store.handle("size", "zz"), -1)

    def test_multiple(self):
        with patch.multiple(Remote, timeout=0.01, fetch=lambda self, key: "multi"):
            self.assertEqual(self.store.get("c"), "multi")

    def test_error(self):
        with patch.object(self.store.remote, "fetch", side_effect=OSError("down")):
            with self.assertRaises(OSError):
                self.store.get("d")

    def test_wraps(self):
        with patch.object(self.store.remote, "fetch", wraps=self.store.remote.fetch) as fetch:
            self.assertEqual(self.store.get("e"), "remote e")
        fetch.assert_called_once()

    def test_mock_remote(self):
        remote = Mock()
        remote.fetch.return_value = "mocked"
        self.assertEqual(Store(remote).get("f"), "mocked")
        remote.fetch.assert_called_once_with("f")

    def test_magic(self):
        remote = MagicMock(spec=Remote)
        remote.fetch.side_effect = ["one", "two"]
        other = Store(remote=remote)
        self.assertEqual([other.get("1"), other.get("2")], ["one", "two"])

    def test_mock_hook(self):
        hook = Mock()
        Store(hook=hook).get("g")
        hook.assert_called_once_with("g", "remote g")

    def test_make(self):
        with patch("store.gevent.sleep") as sleep:
            self.assertIsInstance(Remote.make(), Remote)
        sleep.assert_called_once_with(0.01)


if __name__ == "__main__":
    unittest.main()
