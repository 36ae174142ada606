"""`hookline erase`: what goes, what is told, and that it may be repeated."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete

from broker.log import Log
from consumers.consent.book import ConsentBook
from consumers.consent.publishing import Decision, Owner, by_company
from consumers.forgetting.keys import Ends, OnTopics, keys_of
from consumers.forgetting.person import InState, Person
from consumers.state.schema import consents
from consumers.state.survey import survey
from hookline import cli
from hookline.configuration.config import load_config
from hookline.erasing import planning
from hookline.erasing.planning import Done, Eraser, Plan, Spooled, left_to_time
from hookline.erasing.telling import done_lines, rest_lines
from hookline.opened_log import opened_log
from hookline.opened_state import opened_state
from hookline.topics import all_topics
from ingest.settings import SpoolSettings
from schemas.envelope import event_to_record
from schemas.events import ConsentChanged
from schemas.records import Record, StoredRecord
from schemas.topics import CONSENT, INBOUND, STATES, WEBHOOKS, partition_key
from schemas.vocabulary import Consent
from tests.support.front import Desk
from tests.support.postgresql import postgresql_url
from tests.support.spool_on_disk import orphan

PERSON, OTHER, THIRD = "+15550000002", "+15550000003", "+15550000004"
NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Return a folder where two persons opted out."""
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path)
    desk.write_sound("[consumers]", 'state = "sqlite:///state.db"')
    assert cli.main(["topics", "apply"]) == 0
    words = ["--number", PERSON, "--number", OTHER, "--account", "main", "--opted-out"]
    assert cli.main(["consent", "set", *words]) == 0
    assert cli.main(["consent", "rebuild"]) == 0
    capsys.readouterr()
    return desk


def erase(*words: str, number: str = PERSON) -> int:
    """Run the command."""
    return cli.main(["erase", "--number", number, *words])


def statement(word: Consent, number: str, moment: float) -> ConsentChanged:
    """Return what ourselves say of a person."""
    decision = Decision(account="main", owner=Owner("telnyx", "acme"), scope="account", consent=word)
    return by_company(decision, number, datetime.fromtimestamp(moment, UTC))


async def records_of(log: Log) -> list[StoredRecord]:
    """Return what is on the topic of consent."""
    return [record for at in await log.partitions(CONSENT.name) async for record in log.read(at, 0, 100)]


def known(number: str, capsys: pytest.CaptureFixture[str]) -> bool:
    """Tell whether the book, filled once more from the topic, knows the person."""
    cli.main(["consent", "rebuild"])
    capsys.readouterr()
    cli.main(["consent", "show", "--number", number])
    return "nothing was said" not in capsys.readouterr().out


def test_a_person_is_forgotten_and_nobody_else(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """In table and topic: a rebuild does not bring the person back."""
    assert erase("--yes", number=PERSON.removeprefix("+")) == 0
    told = capsys.readouterr().out
    assert f"forgotten: {PERSON}" in told
    assert "consents         1 rows" in told
    assert "messaging.consent.v1     1 tombstones written" in told
    assert "--keep-opt-out keeps the number for that purpose alone" in told
    assert not known(PERSON, capsys)
    assert known(OTHER, capsys)
    assert desk.config.exists()


def test_it_is_safe_to_repeat(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time there is nothing."""
    erase("--yes")
    capsys.readouterr()
    assert erase("--yes") == 0
    told = capsys.readouterr().out
    assert "consents         0 rows" in told
    assert "messaging.consent.v1     0 tombstones written" in told
    assert desk.config.exists()


@pytest.mark.parametrize(("words", "status"), [(("--dry-run",), 0), ((), 1), (("--dry-run", "--yes"), 0)])
def test_a_trial_changes_nothing(
    desk: Desk, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int
) -> None:
    """It tells what would go; who meant it is told how."""
    assert erase(*words) == status
    told = capsys.readouterr().out
    assert f"would go of {PERSON}" in told
    assert ("--yes` does it" in told) is (status == 1)
    assert known(PERSON, capsys)
    assert desk.config.exists()


def test_an_opt_out_may_be_kept(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """So that it is honoured."""
    assert erase("--yes", "--keep-opt-out") == 0
    assert "kept: 1 opt-outs" in capsys.readouterr().out
    assert known(PERSON, capsys)
    assert desk.config.exists()


@pytest.mark.parametrize("options", [(), ("--account", "main", "--keep-opt-out"), ("--config", "../hookline.toml")])
def test_the_command_that_does_it_has_the_options_of_the_trial(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """Typed as it stands it forgets no more than was shown: not other accounts, not an opt-out that was to be kept."""
    if "--config" in options:
        (desk.folder / "elsewhere").mkdir()
        monkeypatch.chdir(desk.folder / "elsewhere")
    erase(*options)
    suggested = capsys.readouterr().out.split("`")[-2].split()
    assert suggested[suggested.index("erase") :] == ["erase", "--number", PERSON, *options, "--yes"]


def test_it_is_told_that_the_providers_list_brings_an_opt_out_back(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list is the provider's; to pass somebody over we would have to keep the number."""
    erase("--dry-run")
    assert "list of opt-outs: while it has the number" in capsys.readouterr().out
    assert desk.config.exists()


@pytest.mark.parametrize("keeping", [True, False])
async def test_what_is_said_between_look_and_deletion_leaves_table_and_topic_agreeing(
    desk: Desk, keeping: bool
) -> None:
    """An opt-out that is kept keeps its record; one that is not is on neither."""
    config = await asyncio.to_thread(load_config, desk.config, {})
    person = Person(PERSON, keeps_opt_out=keeping)
    async with Eraser(config, person) as eraser, opened_log(config) as log, opened_state(config) as database:
        await database.run(lambda connection: connection.execute(delete(consents)))
        plan_of_before = await eraser.plan()
        event = statement(Consent.OPTED_OUT, PERSON, time.time())
        await log.append([event_to_record(event)], 5.0)
        await ConsentBook(database).note(event)
        await eraser.carry_out(plan_of_before)
        counting = await ConsentBook(database).counting(PERSON)
        last = [record.value for record in await records_of(log) if record.key == partition_key(event)][-1]
    assert [each.consent for each in counting] == ([Consent.OPTED_OUT] if keeping else [])
    assert (last is not None) is keeping


async def test_an_opt_out_that_a_tombstone_overtakes_is_told_again(desk: Desk) -> None:
    """It came right behind the look at the topic, and its consumer has not read it."""
    config = await asyncio.to_thread(load_config, desk.config, {})
    person = Person(THIRD, keeps_opt_out=True)
    async with Eraser(config, person) as eraser, opened_log(config) as log:
        await log.append([event_to_record(statement(Consent.OPTED_IN, THIRD, NOW))], 5.0)
        plan_of_before = await eraser.plan()
        stop = event_to_record(statement(Consent.OPTED_OUT, THIRD, NOW + 1))
        await log.append([stop], 5.0)
        await eraser.carry_out(plan_of_before)
        said = [each.value for each in await records_of(log) if each.key == stop.key]
    assert said[-2:] == [None, stop.value]


async def test_what_a_consumer_had_in_hand_goes_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It read the statement before the tombstone and noted it after the rows were gone."""
    config = await asyncio.to_thread(load_config, desk.config, {})
    async with Eraser(config, Person(PERSON)) as eraser, opened_state(config) as database:
        book = ConsentBook(database)

        async def noted_first(log: Log, person: Person, known: InState, ours: Ends | None = None) -> OnTopics:
            if ours is not None and not noted:
                noted.append(True)
                await book.note(statement(Consent.OPTED_OUT, PERSON, NOW))
            return await keys_of(log, person, known, ours)

        noted: list[bool] = []
        monkeypatch.setattr(planning, "keys_of", noted_first)
        await eraser.carry_out(await eraser.plan())
        assert await book.history(PERSON) == []


@pytest.mark.parametrize("lost", [True, False])
def test_an_opt_out_is_kept_that_the_state_does_not_know(
    desk: Desk, capsys: pytest.CaptureFixture[str], lost: bool
) -> None:
    """There is no state here, or its consumer has not read the statement yet."""
    number = PERSON if lost else THIRD
    if lost:
        (desk.folder / "state.db").unlink()
    else:
        cli.main(["consent", "set", "--number", number, "--account", "main", "--opted-out"])
    assert erase("--yes", "--keep-opt-out", number=number) == 0
    told = capsys.readouterr().out
    assert "kept: 1 opt-outs" in told
    assert "messaging.consent.v1     0 tombstones written" in told
    assert known(number, capsys)


async def test_an_opt_out_that_a_run_cut_off_has_overtaken_is_told_again(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """The topic ends with that run's tombstone, and the table alone would know the opt-out that is said to be kept."""
    config = await asyncio.to_thread(load_config, desk.config, {})
    async with opened_log(config) as log:
        keys = [record.key for record in await records_of(log) if (record.key or b"").endswith(PERSON.encode())]
        await log.append([Record(CONSENT.name, key, None, (), int(time.time() * 1000)) for key in keys], 10)
    assert await asyncio.to_thread(erase, "--yes", "--keep-opt-out") == 0
    assert "kept: 1 opt-outs" in capsys.readouterr().out
    await asyncio.to_thread((desk.folder / "state.db").unlink)
    assert await asyncio.to_thread(known, PERSON, capsys)


def test_where_the_table_was_lost_the_topic_is_read(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """And it is told that there is no state here."""
    (desk.folder / "state.db").unlink()
    assert erase("--yes") == 0
    told = capsys.readouterr().out
    assert "there is no state here" in told
    assert "messaging.consent.v1     1 tombstones written" in told
    assert not (desk.folder / "state.db").exists()


async def test_a_trial_makes_no_tables_on_an_empty_server(desk: Desk) -> None:
    """It was to change nothing; there is no state there yet."""
    config = await asyncio.to_thread(load_config, desk.config, {})
    given = postgresql_url()
    url = await asyncio.to_thread(given.__enter__)
    async with Eraser(replace(config, consumers=replace(config.consumers, state=url)), Person(PERSON)) as eraser:
        assert (await eraser.plan()).state is None
    assert (await asyncio.to_thread(survey, url)).version is None
    await asyncio.to_thread(given.__exit__, None, None, None)


def test_where_there_is_no_log_the_rows_go(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A log that was moved away is no reason to keep them."""
    (desk.folder / "log.db").unlink()
    assert erase("--yes") == 0
    told = capsys.readouterr().out
    assert "there is no log here" in told
    assert "consents         1 rows" in told


def test_what_waits_on_the_disk_is_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """It comes to the log later, and may be of that person."""
    config = load_config(desk.config, {})
    orphan(SpoolSettings(dir=config.spool.dir), 3)
    erase("--dry-run")
    assert "3 webhooks wait there and 0 files are set aside" in capsys.readouterr().out


def test_an_account_that_is_not_configured_is_a_wrong_call(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name would forget nobody."""
    assert erase("--account", "mian", "--yes") == 2
    assert "no account 'mian'" in capsys.readouterr().err
    assert desk.config.exists()


def plan(under_way: int = 0, unnamed: int = 0) -> Plan:
    """Return a plan for a person whom the state knows."""
    state = InState(rows={"consents": 2}, under_way=under_way, unnamed=unnamed)
    return Plan(person=Person(PERSON), now=NOW, state=state, topics=None)


def test_every_topic_is_looked_through_or_named_with_its_end() -> None:
    """Those of the catalogue, the dead letters and whatever else we write."""
    told = "\n".join(rest_lines(plan(), left_to_time(), None, kafka=False))
    assert {*left_to_time(), CONSENT, STATES} == set(all_topics())
    assert f"{WEBHOOKS.name}  7 days, until 2026-01-08" in told
    assert f"{INBOUND.name}  30 days, until 2026-01-31" in told


def test_what_kafka_does_otherwise_is_told() -> None:
    """Segments go as a whole."""
    told = "\n".join(rest_lines(plan(), left_to_time(), Spooled(place="var", records=1, set_aside=2), kafka=True))
    assert "segment.ms" in told
    assert "var: 1 webhooks wait there and 2 files are set aside" in told


def test_hints_name_the_configuration_that_was_meant() -> None:
    """They can be typed as they stand."""
    spool = Spooled(place="var", records=1, set_aside=0)
    told = "\n".join(rest_lines(plan(), left_to_time(), spool, ("--config", "other.toml"), kafka=True))
    assert "dlq list --config other.toml`" in told
    assert "spool inspect --config other.toml`" in told


def test_who_is_not_known_is_not_said_to_be_forgotten(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the finger in the number shows; so does a text that is no number at all."""
    assert erase("--yes", number="no-number") == 0
    told = capsys.readouterr().out
    assert "nothing was found of no-number" in told
    assert "this is no phone number" in told
    assert desk.config.exists()


def test_who_is_known_by_a_kept_opt_out_alone_is_not_said_to_be_unknown(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing goes, and something is kept."""
    assert erase("--keep-opt-out", "--yes") == 0
    told = capsys.readouterr().out
    assert "nothing was found" not in told
    assert "kept: 1 opt-outs" in told
    assert desk.config.exists()


def test_a_log_without_its_topics_is_refused_before_a_row_goes(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Another log, by a slip: without tombstones there the next rebuild from the right one brings the person back."""
    (desk.folder / "other.db").touch()
    right = desk.config.read_text()
    desk.config.write_text(right.replace("log.db", "other.db"))
    assert erase("--yes") == 1
    assert "has no topic messaging.consent.v1" in capsys.readouterr().err
    desk.config.write_text(right)
    assert erase("--dry-run") == 0
    assert "consents         1 rows" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["", " ", "+", "+ -"])
def test_a_number_that_is_nobodys_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str], number: str) -> None:
    """A variable of the shell that was not set; the empty recipient is that of messages to nobody who was named."""
    assert erase("--yes", number=number) == 2
    assert "nobody's" in capsys.readouterr().err
    assert desk.config.exists()


def test_commands_without_a_recipient_are_told() -> None:
    """An earlier version did not note it; whether they are the person's nobody knows."""
    assert "2 commands that an earlier version began" in "\n".join(done_lines(plan(unnamed=2), Done({})))


def test_commands_under_way_are_told() -> None:
    """They stay until they are done."""
    assert "3 commands are under way" in "\n".join(done_lines(plan(under_way=3), Done({})))


def test_a_journal_that_is_in_use_is_told() -> None:
    """Until it is emptied, the disk may hold what was deleted."""
    assert "-wal file is in use" in "\n".join(done_lines(plan(), Done({}, journal_left=True)))
    assert "-wal" not in "\n".join(done_lines(plan(), Done({})))
