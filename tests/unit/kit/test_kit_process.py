"""A process with consumers of another team alone, and its command line."""

import argparse
import asyncio
from pathlib import Path

import orjson
import pytest

from hookline import Consumer, MessageReceived
from hookline.commands import consume, topics
from hookline.configuration.config import load_config
from hookline.kit.finding import Found, NoConsumerError
from hookline.process import serving
from hookline.process.application import Application, Role
from tests.support.admin import ask, until

CONFIG = """
[server]
admin = "127.0.0.1:0"
drain_listen = 0.0
[broker]
url = "sqlite:///log.db"
"""
CRM = """
from hookline import Consumer, MessageReceived

crm = Consumer("crm")

@crm.on(MessageReceived)
async def note(event: MessageReceived) -> None: ...
"""


@pytest.fixture
def config(workshop: Path) -> Path:
    """Return a configuration without an account, beside a module with a consumer."""
    (workshop / "crm.py").write_text(CRM, encoding="utf-8")
    path = workshop / "hookline.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def crm() -> Found:
    """Return a consumer of messages."""
    made = Consumer("crm")

    @made.on(MessageReceived)
    async def note(event: MessageReceived) -> None:
        del event

    return Found("crm:crm", made)


async def test_a_process_of_a_consumer_alone_is_ready_when_it_runs(config: Path) -> None:
    """Without an account or a credential; a topic that is missing is told beside that."""
    loaded = await asyncio.to_thread(load_config, config, {})
    application = Application(loaded, frozenset(), others=[crm()])
    await application.start()
    try:

        async def ready() -> bool:
            return (await ask(application.admin_address, "/readyz"))[0] == 200

        await until(ready)
        application._topics.missing = ("messaging.inbound.v1.crm.dlq",)
        status, body = await ask(application.admin_address, "/readyz")
    finally:
        await application.stop()
    told = orjson.loads(body)
    assert (status, told["degraded"]) == (200, True)
    assert "`hookline topics apply --consumer crm:crm` makes them: messaging.inbound.v1.crm.dlq" in told["reason"]


async def test_one_that_cannot_join_says_so_and_why(config: Path) -> None:
    """It does not run; the topics that are missing stand behind that."""
    loaded = await asyncio.to_thread(load_config, config, {})
    application = Application(loaded, frozenset(), others=[crm()])
    application._topics.missing = ("messaging.inbound.v1.crm.retry",)
    answer = application.readiness()
    assert not answer.ok
    assert answer.fields["reason"].startswith("not running: crm; topics missing, `hookline topics apply --consumer crm")


def test_ours_and_theirs_may_be_named_together(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any order; `auto_reply` as the configuration writes it."""
    served: list[tuple[frozenset[Role], list[str]]] = []

    def serve(_config: object, roles: frozenset[Role], others: tuple[Found, ...]) -> int:
        served.append((roles, [found.consumer.name for found in others]))
        return 0

    monkeypatch.setattr(serving, "serve", serve)
    assert consume.run(parsed(config, "crm:crm", "auto_reply", "crm:crm", "send")) == 0
    assert served == [(frozenset({Role.AUTO_REPLY, Role.SEND}), ["crm"])]


def parsed(config: Path, *names: str) -> argparse.Namespace:
    """Return the arguments of `hookline consume NAMES`."""
    parser = argparse.ArgumentParser()
    consume.add_arguments(parser)
    return parser.parse_args([*names, "--config", str(config)])


def test_an_unknown_name_is_told_with_those_that_there_are(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And how one of your own is written."""
    with pytest.raises(SystemExit) as ended:
        parsed(config, "crm")
    assert ended.value.code == 2
    words = capsys.readouterr().err
    assert "no consumer 'crm' (choose from auto-reply, " in words
    assert "or name one of your own as MODULE:NAME)" in words


def test_topics_of_a_consumer_that_is_not_there_are_a_wrong_call(config: Path) -> None:
    """The error is the one of `consume`, and nothing was asked of the log."""
    parser = argparse.ArgumentParser()
    topics.add_arguments(parser)
    with pytest.raises(NoConsumerError, match="has no nope; consumers there: crm"):
        topics.run(parser.parse_args(["plan", "--consumer", "crm:nope", "--config", str(config)]))
