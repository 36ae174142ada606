"""`python -m hookline`."""

import contextlib
import sys
from pathlib import Path

import hookline

# `-m` looks into the working directory first, which may hold a file that is named like one of our packages. Only where
# this package was found there itself, the others are to be found there as well.
with contextlib.suppress(FileNotFoundError):
    if sys.path[0] == str(Path.cwd()) != str(Path(hookline.__file__).parents[1]):
        del sys.path[0]

from hookline.cli import main

if __name__ == "__main__":
    sys.exit(main())
