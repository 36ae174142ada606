"""`python -m deploy.faults`."""

import sys

from deploy.faults.command import main

if __name__ == "__main__":
    sys.exit(main())
