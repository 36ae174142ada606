"""Where the jars of Apache Kafka come from: Maven, once, into a folder that every cluster shares."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INSTALL = "apt-get install default-jre-headless maven"


class KafkaMissingError(Exception):
    """Kafka cannot run here; the message is one line that says what to install or look at."""


def libraries() -> Path:
    """Return the folder of the jars: `HOOKLINE_KAFKA_LIBS`, or `var/kafka/libs` in the repository."""
    return Path(os.environ.get("HOOKLINE_KAFKA_LIBS") or ROOT / "var" / "kafka" / "libs").resolve()


def archive(libs: Path, version: str) -> Path:
    """Return where the archive of Kafka's classes for a version of Java is: beside the jars it is made from."""
    return libs / f"classes-{version}.jsa"


def fetch(libs: Path, say: Callable[[str], None] = print) -> None:
    """Fill the folder with the jars that `pom.xml` names, once, also where several processes ask together.

    Raises KafkaMissingError.
    """
    wanted = hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()
    with locked(libs):
        if _stamp(libs) == wanted:
            return
        _require("mvn", "Maven")
        say(f"fetching the jars of Apache Kafka into {libs} (54 MB, once)")
        fresh = libs.with_name(f"{libs.name}.{os.getpid()}.tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            _download(fresh, libs.with_name(libs.name + ".log"))
            (fresh / "pom.sha256").write_text(wanted)
            shutil.rmtree(libs, ignore_errors=True)
            fresh.rename(libs)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _stamp(libs: Path) -> str:
    try:
        return (libs / "pom.sha256").read_text()
    except OSError:
        return ""


def _download(into: Path, log: Path) -> None:
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={into}", "-DincludeScope=runtime"]
    with log.open("wb") as output:
        done = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *goal],
            stdout=output,
            stderr=output,
            check=False,
            timeout=600,
        )
    if done.returncode or not any(into.glob("kafka_*.jar")):
        raise KafkaMissingError(f"Maven could not fetch Apache Kafka (no network?); what it said is in {log}")


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Let one process at a time make what is to be at the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require_java() -> str:
    """Check that a Java that Kafka takes is on the PATH, return its version, like 17.0.15.

    Raises KafkaMissingError.
    """
    _require("java", "Java")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "((\d+)[\d.]*)', said)
    if version is None or int(version[2]) < 17:
        found = version[2] if version else "an unknown one"
        raise KafkaMissingError(f"Apache Kafka needs Java 17 or newer, found {found}: {INSTALL}")
    return version[1]


def _require(program: str, name: str) -> None:
    if shutil.which(program) is None:
        raise KafkaMissingError(f"{name} is missing: {INSTALL}")
