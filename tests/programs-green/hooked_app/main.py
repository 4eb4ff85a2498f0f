# moves: no, code that can't be seen calls it
"""An application whose hooks are imported by names of a configuration."""

import sys
from app import run
from app.config import CONFIG

if __name__ == "__main__":
    sys.exit(run(CONFIG))
