"""Print the paths, read from standard input one a line, that are no Python, each with the error."""

import ast
import pathlib
import sys
import warnings

warnings.simplefilter("ignore")
for line in sys.stdin:
    path = line.rstrip("\n")
    try:
        ast.parse(pathlib.Path(path).read_bytes(), path)
    except (SyntaxError, ValueError) as error:
        print(f"{path}: {error}")
