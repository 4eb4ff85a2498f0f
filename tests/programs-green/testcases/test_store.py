import unittest

from store import Store


class Base(unittest.TestCase):
    def setUp(self):
        self.store = Store()
        self.store.put("a", 1)

    def tearDown(self):
        self.store.close()


class StoreTest(Base):
    def test_get(self):
        print("get")
        self.assertEqual(self.store.get("a"), 1)

    def test_missing(self):
        print("missing")
        with self.assertRaises(KeyError):
            self.store.get("b")

    def test_many(self):
        print("many")
        for key in "xyz":
            with self.subTest(key=key):
                self.store.put(key, key)
        self.assertEqual([self.store.get(key) for key in "xyz"], ["x", "y", "z"])

    def test_plain(self):
        self.assertTrue(True)


if __name__ == "__main__":
    unittest.main()
