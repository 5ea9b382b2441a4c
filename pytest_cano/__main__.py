"""``python -m pytest_cano``: what can be done without a test."""

import sys

from .commands import main

if __name__ == "__main__":
    sys.exit(main())
