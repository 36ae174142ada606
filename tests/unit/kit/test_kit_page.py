"""The page for other teams: its examples run exactly as they stand there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hookline import DeliveryUpdated, MessageReceived
from hookline.kit.finding import find_consumer
from hookline.testing import run_consumer, sample_events

PAGE = Path(__file__).parents[3] / "docs" / "writing-a-consumer.md"
_FILES = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
FILES = dict(_FILES.findall(PAGE.read_text(encoding="utf-8")))


@pytest.fixture
def written(workshop: Path) -> Path:
    """Return the working directory with the page's files."""
    for name, text in FILES.items():
        (workshop / name).write_text(text, encoding="utf-8")
    return workshop


def test_every_python_of_the_page_is_run_here() -> None:
    """A block without a file's name would be believed and not tested."""
    assert set(FILES) == {"crm.py", "orders.py", "desk.py", "test_desk.py"}
    assert PAGE.read_text(encoding="utf-8").count("```python") == len(FILES)


def test_the_first_example_has_ten_lines() -> None:
    """What it says above it: lines of code, without the empty ones."""
    assert len([line for line in FILES["crm.py"].splitlines() if line.strip()]) <= 10
    assert {node.module for node in ast.walk(ast.parse(FILES["crm.py"])) if isinstance(node, ast.ImportFrom)} == {
        "hookline"
    }


@pytest.mark.usefixtures("written")
def test_the_first_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """On events of every provider."""
    events = [*sample_events().of(MessageReceived)[:5], *sample_events().of(DeliveryUpdated)[:5]]
    outcome = run_consumer(find_consumer("crm:crm"), events)
    assert outcome.handled == tuple(events)
    printed = capsys.readouterr().out
    assert printed.count("a message:") == printed.count("a delivery:") == 5


@pytest.mark.usefixtures("written")
def test_the_example_with_ids_drops_duplicates() -> None:
    """Twice the same list has the effect once."""
    import sqlite3
    from contextlib import closing

    events = list(sample_events().of(DeliveryUpdated, "telnyx"))
    consumer = find_consumer("orders:orders")
    outcome = run_consumer(consumer, [*events, *events])
    assert outcome.dead_letters == ()
    with closing(sqlite3.connect("orders.db")) as database:
        assert database.execute("select count(*) from closed").fetchone() == (len({event.id for event in events}),)


def test_the_pages_own_tests_pass(written: Path) -> None:
    """With pytest, as another team would run them, and nothing of ours beside them."""
    # Only pytest itself, whose warnings are errors here: what other plugins want set is no concern of the page.
    without = [word for name in ("cacheprovider", "randomly", "xdist", "asyncio") for word in ("-p", f"no:{name}")]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *without],
        cwd=written,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout
