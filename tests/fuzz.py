"""Fuzz the receive path for a while: `make fuzz`, or `make fuzz ARGS="--seconds 3600"`.

Rounds of the fuzzing tests, each with a new seed and many examples, until the time is over. A case that fails is
written to tests/fixtures/fuzz/found.raw, the smallest that was found: give it a name, and it is replayed for ever.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_TESTS = ("tests/unit/ingest/test_fuzz_receiver.py", "tests/unit/ingest/test_fuzz_providers.py")
_EXAMPLES_A_ROUND = "150"
_LIMIT_OF_A_TEST = "600"


def main() -> int:
    """Run rounds until the time is over or one fails; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="no new round begins after these (300)")
    end = time.monotonic() + parser.parse_args().seconds
    rounds = 0
    while not rounds or time.monotonic() < end:
        seed = secrets.randbelow(1 << 32)
        command = [sys.executable, "-m", "pytest", "-n", "2", f"--timeout={_LIMIT_OF_A_TEST}"]
        environment = {**os.environ, "HOOKLINE_FUZZ_EXAMPLES": _EXAMPLES_A_ROUND}
        found = subprocess.run(
            [*command, f"--hypothesis-seed={seed}", *_TESTS], cwd=_ROOT, env=environment, check=False
        )
        if found.returncode:
            print(f"fuzz: failed in round {rounds + 1} with seed {seed}; see tests/fixtures/fuzz/found.raw")
            return found.returncode
        rounds += 1
    print(f"fuzz: {rounds} rounds, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
