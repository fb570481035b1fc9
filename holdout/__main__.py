"""`python -m holdout` is the command `holdout`."""

import sys

from holdout.cli import main

if __name__ == "__main__":
    sys.exit(main())
