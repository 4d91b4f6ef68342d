"""``python -m asok_console`` is the same program as ``asok``."""

import sys

from asok_console.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
