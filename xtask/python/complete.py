"""Copy what a distribution installs and its sources lack: compiled modules and generated files.

usage: complete.py DISTRIBUTION DIRECTORY
"""

import importlib.metadata
import pathlib
import shutil
import sys

name, directory = sys.argv[1], pathlib.Path(sys.argv[2])
for file in importlib.metadata.distribution(name).files or ():
    target = directory / file
    if ".." in file.parts or target.exists() or not target.parent.is_dir() or "__pycache__" in file.parts:
        continue
    shutil.copy2(file.locate(), target)
