# moves: fully
import sys
import unittest

import test_store


def run():
    suite = unittest.defaultTestLoader.loadTestsFromModule(test_store)
    result = unittest.TextTestRunner(stream=sys.stderr).run(suite)
    print(result.testsRun, len(result.failures), len(result.errors))


if __name__ == "__main__":
    run()
