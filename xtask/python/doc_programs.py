"""Write the programs of reStructuredText pages to a directory: the blocks of code that run by themselves.

usage: doc_programs.py DIRECTORY PAGE...
"""

import ast
import pathlib
import sys
import textwrap


def blocks(text):
    """The indented blocks behind `::` and `code-block`."""
    lines = text.expandtabs().splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        directive = line.strip().startswith(".. ")
        if not (line.rstrip().endswith("::") and not directive or line.strip().startswith(".. code-block::")):
            continue
        indent = len(line) - len(line.lstrip())
        block = []
        while at < len(lines) and (not lines[at].strip() or len(lines[at]) - len(lines[at].lstrip()) > indent):
            block.append(lines[at])
            at += 1
        yield textwrap.dedent("\n".join(block)).strip("\n") + "\n"


def is_program(code):
    """Whether it is Python that imports asyncio and runs something."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return False
    imports = any(isinstance(it, ast.Import) and it.names[0].name == "asyncio" for it in tree.body)
    last = tree.body[-1] if tree.body else None
    runs = isinstance(last, (ast.Expr, ast.Try, ast.With, ast.If))
    return imports and runs


directory = pathlib.Path(sys.argv[1])
for page in map(pathlib.Path, sys.argv[2:]):
    name = page.name.split(".")[0]
    programs = filter(is_program, blocks(page.read_text(encoding="utf-8")))
    for number, code in enumerate(programs, 1):
        (directory / f"{name}-{number}.py").write_text(code, encoding="utf-8")
