"""The page of the recorded runs: it names every fault, and its total follows from the runs that stand in it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.faults.judge import Account
from deploy.faults.report import Run, add_run, table, with_total
from deploy.faults.run import Line, Outcome
from deploy.faults.scenarios.registry import ALL, chosen

PROOF = Path(__file__).parents[3] / "docs" / "proof.md"
FINE = 0.1


def line(**fields: object) -> Line:
    """Return a scenario that went well."""
    made = Line("steady", 1, account=Account(webhooks=3, events=9), **fields)  # type: ignore[arg-type]
    made.recovery.fresh = made.recovery.empty = FINE
    return made


def run(*lines: Line) -> Run:
    """Return a run of these."""
    return Run(
        outcomes=[Outcome(1, list(lines))],
        seconds=1.0,
        rate=100.0,
        seed=7,
        at="2026-01-01 00:00 UTC",
        commit="abc",
        machine="2 cores",
    )


def rows_of_page() -> list[list[str]]:
    """Return the rows of the page's table of faults."""
    faults = PROOF.read_text(encoding="utf-8").partition("## Faults")[2].partition("## Runs")[0]
    rows = [text.strip("|").split("|") for text in faults.splitlines() if text.startswith("|")][2:]
    return [[cell.strip() for cell in row] for row in rows]


def test_the_page_names_every_fault_with_its_clusters() -> None:
    """In the order of the code, and no other."""
    wanted = [[one.name, ", ".join(map(str, one.nodes))] for one in ALL]
    assert [row[:2] for row in rows_of_page()] == wanted


def test_the_page_says_what_the_code_says() -> None:
    """The summary of each scenario stands there; a word about the machine may follow."""
    for row, scenario in zip(rows_of_page(), ALL, strict=True):
        for part in scenario.summary.split(", "):
            assert part in row[2]


def test_a_recorded_run_counts_into_the_total(tmp_path: Path) -> None:
    """Two runs, twice the events; the page keeps what stood there."""
    page = tmp_path / "proof.md"
    page.write_text(PROOF.read_text(encoding="utf-8"), encoding="utf-8")
    before = with_total(page.read_text(encoding="utf-8")).count("### ")
    add_run(page, run(line()))
    add_run(page, run(line()))
    text = page.read_text(encoding="utf-8")
    assert text.count("### ") == before + 2
    assert text.count("events=9 named=0 lost=0") == 2
    assert text.startswith("# Proof\n\n<!-- total -->\n")


def test_the_total_adds_up() -> None:
    """Webhooks, events and losses each for themselves."""
    text = "<!-- total --> old <!-- end -->\n" + "<!-- run webhooks=2000 events=5000 named=3 lost=1 -->\n" * 2
    total = with_total(text)
    assert "2 recorded runs: 4,000 webhooks with 10,000 events acknowledged; 9,992 events kept, 2 lost, 6 " in total


def test_a_run_is_good_only_without_any_trouble() -> None:
    """Loss, order, lateness, slow recovery, a word of the scenario: each alone fails the run."""
    assert run(line()).good
    lost, unordered, late, told = line(), line(), line(), line(faults=["odd"])
    lost.account.lost_events.append("a")
    unordered.account.out_of_order.append("a")
    late.answers.late.append("telnyx timeout")
    slow = line()
    slow.answers.away.add(1.6)
    for bad in (lost, unordered, late, told, slow):
        assert not run(line(), bad).good


def test_a_part_of_a_run_is_not_held_to_a_thousandth() -> None:
    """It has too few answers for that."""
    slow = line()
    slow.answers.away.add(1.6)
    assert replace(run(slow), full=False).good


def test_a_run_that_proved_nothing_is_not_good() -> None:
    """No event, no proof."""
    assert not run(Line("steady", 1)).good


def test_a_fault_that_could_not_be_run_says_so_in_the_table() -> None:
    """With the reason."""
    assert "not run: no root" in table(run(line(not_run="no root")))


def test_scenarios_are_chosen_by_name_form_and_cluster() -> None:
    """An unknown name is told; what needs three brokers is not run on one."""
    assert [one.name for one in chosen(1, only=["steady"])] == ["steady"]
    assert not chosen(1, only=["one-of-three-gone"])
    assert 1 < len(chosen(1, short=True)) < len(chosen(1))
    with pytest.raises(ValueError, match="no scenario nonsense"):
        chosen(1, only=["nonsense"])


@pytest.mark.parametrize(("waiting", "ratio"), [(5_000, 6.0), (499, None)])
def test_a_drain_is_rated_by_what_waited_and_what_came_meanwhile(waiting: int, ratio: float | None) -> None:
    """5,000 records in 10 s, and 100 a second beside them, are six times the traffic; a few records tell nothing."""
    drained = line(waiting=waiting)
    drained.recovery.empty = 10.0
    assert drained.drain_ratio(100.0) == ratio


def test_what_the_front_page_says_of_the_recorded_runs_is_true() -> None:
    """Over a million events acknowledged, none lost; and the total on the page is that of the runs below it."""
    readme = (PROOF.parents[1] / "README.md").read_text(encoding="utf-8")
    page = PROOF.read_text(encoding="utf-8")
    assert "over a million in the recorded runs, and [none lost](docs/proof.md)" in readme
    assert with_total(page) == page
    found = re.search(r"with ([\d,]+) events acknowledged; [\d,]+ events kept, ([\d,]+) lost", page)
    assert found is not None
    assert int(found[1].replace(",", "")) > 1_000_000
    assert found[2] == "0"
