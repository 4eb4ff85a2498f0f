"""Rename `time.sleep` to `time.pause` in the files named on standard input, as LibCST codemods do: nothing is written.

Prints how many lines it read.
"""

import pathlib
import sys

import libcst
from libcst.codemod import CodemodContext
from libcst.codemod.commands.rename import RenameCommand

lines = 0
for name in sys.stdin.read().splitlines():
    try:
        text = pathlib.Path(name).read_text()
        lines += text.count("\n")
        command = RenameCommand(CodemodContext(filename=name), "time.sleep", "time.pause")
        command.transform_module(libcst.parse_module(text))
    except (libcst.ParserSyntaxError, UnicodeDecodeError):
        pass
print(lines)
