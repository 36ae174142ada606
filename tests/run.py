"""Run every check: lint and types beside the tests that need no broker, then the tests on a real Apache Kafka.

`--quick` leaves Kafka out. Other arguments go to pytest (`make test ARGS="-k signature"`).
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "basedpyright": ["basedpyright"],
}
# Half of the tests wait for processes and sockets most of the time.
WORKERS = str(min(2 * (os.cpu_count() or 2), 8))
# Hundreds of processes start from the same files: where no bytecode is kept, each would compile all of them again.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
# Each worker has a Kafka of its own, and a file's tests share one.
KAFKA_WORKERS = ("-n", "2", "--dist", "loadfile")
UNPROVED = """\
UNPROVED without Apache Kafka:
  the Kafka log passes the conformance suite, and the end-to-end suite on it
  P1 and P2 on Kafka: stored with acks=all, answered in time while the broker is killed, stopped or away
  a foreign client reads keys, headers and exact bytes
To prove them: apt-get install default-jre-headless maven, or set HOOKLINE_TEST_KAFKA=kafka://HOST:PORT"""


@dataclass
class Check:
    """One checker that runs beside the tests; its words are shown if it fails."""

    name: str
    output: IO[str]
    process: "subprocess.Popen[str]"

    @classmethod
    def start(cls, name: str, command: list[str]) -> "Check":
        """Start it."""
        output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open for as long as the checker runs
        program = [str(BIN / command[0]), *command[1:]]
        return cls(name, output, subprocess.Popen(program, cwd=ROOT, stdout=output, stderr=output, text=True))

    def passed(self) -> bool:
        """Wait for it, say how it went."""
        good = self.process.wait(timeout=600) == 0
        if not good:
            self.output.seek(0)
            print(self.output.read())
        print(f"{self.name}: {'clean' if good else 'FAILED'}", flush=True)
        self.output.close()
        return good


@dataclass
class Tally:
    """What all runs of pytest counted."""

    counts: Counter[str] = field(default_factory=Counter[str])

    def run(self, *arguments: str) -> int:
        """Run pytest, show what it prints, count its closing line."""
        command = [sys.executable, "-m", "pytest", *arguments]
        closing = ""
        with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                closing = line if re.search(r"\d+ (passed|failed|error|skipped|deselected)", line) else closing
        for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", closing):
            self.counts["failed" if word.startswith("error") else word] += int(number)
        return process.returncode

    def __str__(self) -> str:
        """Return the one closing line."""
        return f"hookline: {', '.join(f'{self.counts[word]} {word}' for word in ('passed', 'failed', 'skipped'))}"


def main() -> int:
    """Run all, return the exit status."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--quick"]
    started = time.monotonic()
    tally = Tally()
    checks = [Check.start(name, command) for name, command in CHECKS.items()]
    status = tally.run("-m", "not kafka", "-n", WORKERS, *arguments)
    clean = not [check for check in checks if not check.passed()]
    verdict = clean and status in _good(arguments)
    print(f"without a broker: {'passed' if verdict else 'FAILED'} after {time.monotonic() - started:.0f} s", flush=True)
    missing = None if "--quick" in sys.argv else _kafka_missing()
    if "--quick" not in sys.argv and missing is None:
        verdict = tally.run("-m", "kafka", *KAFKA_WORKERS, *arguments) in _good(arguments) and verdict
    if missing is not None:
        verdict = verdict and not os.environ.get("CI")
        print(f"\nNo Apache Kafka: {missing}\n{UNPROVED}", flush=True)
    print(tally if verdict or tally.counts["failed"] else f"{tally}\nFAILED")
    return 0 if verdict else 1


def _good(arguments: list[str]) -> tuple[int, ...]:
    # A choice of tests may leave one of the two runs without any, which is pytest's status 5.
    return (0, 5) if arguments else (0,)


def _kafka_missing() -> str | None:
    """Return why there can be no Kafka, None where there is one to run on. Fetches what it needs."""
    if os.environ.get("HOOKLINE_TEST_KAFKA"):
        return None
    # The jars first: a slow network must not count against the time limit of the first test.
    command = [sys.executable, "deploy/kafka/cluster.py", "fetch"]
    fetched = subprocess.run(command, cwd=ROOT, check=False, timeout=900, capture_output=True, text=True)
    return None if fetched.returncode == 0 else (fetched.stderr or fetched.stdout).strip()


if __name__ == "__main__":
    sys.exit(main())
