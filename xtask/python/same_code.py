"""Tell which programs are the same code: reads [[path, path], ...] as JSON, prints [true, false, ...].

Comments, blank lines and the spelling of literals don't count.
"""

import ast
import json
import pathlib
import sys


def shape(path):
    return ast.dump(ast.parse(pathlib.Path(path).read_bytes()))


json.dump([shape(a) == shape(b) for a, b in json.load(sys.stdin)], sys.stdout)
