"""What a process that serves asks of the system."""

import subprocess
import sys


def test_a_low_limit_of_open_files_is_raised() -> None:
    """Each connection is an open file, and many shells allow fewer than the receiver does."""
    code = (
        "import resource as r; from hookline.process.serving import _allow_connections;"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, 2000)); _allow_connections(); print(r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=30)
    assert done.stdout == "(2000, 2000)\n"
