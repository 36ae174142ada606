"""The wheel: all that another team needs is in it, types and test helpers among it."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["packages"]

USE = """
import sys
from pathlib import Path
from hookline import Consumer, MessageReceived
from hookline.testing import run_consumer, sample_events, signed_request

crm = Consumer("crm")

@crm.on(MessageReceived)
async def note(event: MessageReceived) -> None: ...

events = sample_events().of(MessageReceived)
assert run_consumer(crm, events).handled == events
signed_request("telnyx")
files = [getattr(sys.modules[name], "__file__", None) for name in list(sys.modules) if name.partition(".")[0] in ROOMS]
print([file for file in files if file and not file.startswith(sys.argv[1])])
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the wheel holds, in a folder."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, timeout=50, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_package_of_the_wheel_says_that_it_has_types(unpacked: Path) -> None:
    """A checker takes all of a package without the mark for Any, also what `hookline` passes on."""
    assert [room for room in ROOMS if not (unpacked / room / "py.typed").is_file()] == []


def test_a_consumer_can_be_written_and_tested_with_the_wheel_alone(unpacked: Path, tmp_path: Path) -> None:
    """Nothing of the repository is imported that does not come along."""
    code = USE.replace("ROOMS", repr({*ROOMS, "tests", "deploy"}))
    run = subprocess.run(
        [sys.executable, "-c", code, str(unpacked)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(unpacked), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"
