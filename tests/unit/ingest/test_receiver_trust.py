"""What a provider may want beside a signature: a read-back, a body of success, a challenge, secrets of an account."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from providers.contract import Request, SecretPlaces, Verdict, Verification
from providers.roles import Corroboration
from schemas.events import Event
from tests.support.receiver import body_of, receiver, request_bytes
from tests.support.sample_provider import SAMPLE, SharedSecret, endpoint, with_policy


@dataclass
class Vouching:
    """Says of every webhook what the test wants; `asked` tells what it was asked."""

    answer: Corroboration | Exception
    asked: list[tuple[int, float]] = field(default_factory=list)
    closed: bool = False

    async def corroborate(self, events: Sequence[Event], wait: float) -> Corroboration:
        """Answer as told."""
        await asyncio.sleep(0)
        self.asked.append((len(events), wait))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        """Note it."""
        self.closed = True


async def test_a_webhook_that_the_provider_confirms_is_stored() -> None:
    """The read-back has half of the time that is left."""
    vouching = Vouching(Corroboration.CONFIRMED)
    async with receiver(endpoints=[replace(endpoint(), corroborator=vouching)]) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 202
        assert len(bench.memory.webhooks) == 1
        await bench.server.close()
    ((events, wait),) = vouching.asked
    assert events == 1
    assert 0 < wait <= SAMPLE.policy.answer_by / 2
    assert vouching.closed


async def test_a_webhook_that_the_provider_contradicts_is_refused_and_not_stored() -> None:
    """Whoever knows the password is not proved by it (P13)."""
    vouching = Vouching(Corroboration.CONTRADICTED)
    async with receiver(endpoints=[replace(endpoint(), corroborator=vouching)]) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 401
        assert bench.memory.records == []
        assert bench.refused(Verdict.CONTRADICTED) == 1


@pytest.mark.parametrize("answer", [Corroboration.UNKNOWN, ValueError("a bug")])
async def test_a_provider_that_cannot_be_asked_means_come_again(answer: Corroboration | Exception) -> None:
    """The sender is not at fault (P3)."""
    async with receiver(endpoints=[replace(endpoint(), corroborator=Vouching(answer))]) as bench:
        found = await bench.ask(request_bytes(body_of()))
        assert (found.status, found.headers["retry-after"]) == (503, "7")
        assert bench.memory.records == []


async def test_a_slow_provider_takes_no_place_from_other_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many wait for it, the next comes again, and the others are stored as always."""
    monkeypatch.setattr("ingest.receiver.MOST_READ_BACKS", 2)
    asked, gate = asyncio.Semaphore(0), asyncio.Event()

    class Slow(Vouching):
        async def corroborate(self, events: Sequence[Event], wait: float) -> Corroboration:
            asked.release()
            await gate.wait()
            return await super().corroborate(events, wait)

    slow = replace(endpoint(name="slow"), corroborator=Slow(Corroboration.CONFIRMED))
    async with receiver(endpoints=[slow, endpoint(name="quick")], max_in_flight=1) as bench:
        waiting = [asyncio.ensure_future(bench.ask(request_bytes(body_of(), target="/webhooks/slow"))) for _ in "ab"]
        for _ in waiting:
            await asked.acquire()
        assert (await bench.ask(request_bytes(body_of(), target="/webhooks/slow"))).status == 503
        assert (await bench.ask(request_bytes(body_of(), target="/webhooks/quick"))).status == 202
        gate.set()
        assert [(await each).status for each in waiting] == [202, 202]


async def test_nobody_asks_the_provider_about_a_stranger() -> None:
    """Else strangers could make us call as often as they like."""
    vouching = Vouching(Corroboration.CONFIRMED)
    async with receiver(endpoints=[replace(endpoint(), corroborator=vouching)]) as bench:
        assert (await bench.ask(request_bytes(body_of(), secret="wrong"))).status == 401
    assert vouching.asked == []


async def test_a_success_has_the_body_that_the_provider_wants() -> None:
    """As JSON, with its type."""
    provider = with_policy(success_body=b'{"status":"ok"}')
    async with receiver(endpoints=[endpoint(provider)]) as bench:
        found = await bench.ask(request_bytes(body_of()))
    assert (found.status, found.body, found.headers["content-type"]) == (202, b'{"status":"ok"}', "application/json")


async def test_a_refusal_challenges_where_the_provider_uses_http_authentication() -> None:
    """RFC 9110, 11.6.1: a 401 names the schemes."""
    async with receiver(endpoints=[endpoint(with_policy(challenge="Basic"))]) as bench:
        found = await bench.ask(request_bytes(body_of(), secret=None))
    assert (found.status, found.headers["www-authenticate"]) == (401, "Basic")


class OwnHeader(SharedSecret):
    """Proves by a header whose name the account chose."""

    @property
    def secrets(self) -> SecretPlaces:
        """The header, and a parameter."""
        return SecretPlaces(frozenset({"x-own-secret"}), frozenset({"pass"}))

    def verify(self, request: Request, now: float) -> Verification:
        """Take the account's own header."""
        del now
        good = request.header("x-own-secret") == "hush"
        return Verification(Verdict.VERIFIED if good else Verdict.WRONG_SECRET)


async def test_secrets_that_an_account_named_never_reach_a_record() -> None:
    """Neither the header nor the parameter."""
    wire = request_bytes(body_of(), target="/webhooks/main?pass=hush&x=1", headers=[(b"X-Own-Secret", b"hush")])
    async with receiver(endpoints=[endpoint(verifier=OwnHeader())]) as bench:
        assert (await bench.ask(wire)).status == 202
        (webhook,) = bench.memory.webhooks
    assert webhook.header("x-own-secret") is None
    assert webhook.target == "/webhooks/main?pass=REDACTED&x=1"


async def test_a_verifier_sees_where_the_request_came_from() -> None:
    """A certificate that a proxy checked counts from that proxy alone."""
    seen: list[str | None] = []

    class Watching(SharedSecret):
        def verify(self, request: Request, now: float) -> Verification:
            seen.append(request.peer)
            return super().verify(request, now)

    async with receiver(endpoints=[endpoint(verifier=Watching())]) as bench:
        await bench.ask(request_bytes(body_of()))
    assert seen == ["127.0.0.1"]
