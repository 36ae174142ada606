"""Who is refused all the time is not listened to; who is proved always is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.refusal_limit import PROVED_FOR, RefusalLimit
from tests.conftest import FakeClock
from tests.support.receiver import body_of, receiver, request_bytes

STRANGER = request_bytes(body_of(), secret="wrong")


def exhausted(clock: FakeClock, address: str = "192.0.2.1", per_minute: int = 60) -> RefusalLimit:
    """Return a limit that an address has used up."""
    limit = RefusalLimit(per_minute, now=clock)
    for _ in range(per_minute):
        assert limit.wait(address) is None
        limit.refused(address)
    return limit


def test_over_the_limit_an_address_waits(clock: FakeClock) -> None:
    """It is told how long, and comes in again when that is over."""
    limit = exhausted(clock)
    wait = limit.wait("192.0.2.1")
    assert wait == 1
    clock.advance(wait)
    assert limit.wait("192.0.2.1") is None
    limit.refused("192.0.2.1")
    assert limit.wait("192.0.2.1") == 1


def test_other_addresses_do_not_wait(clock: FakeClock) -> None:
    """One stranger costs nobody else anything."""
    assert exhausted(clock).wait("192.0.2.2") is None


def test_an_address_that_was_proved_lately_is_listened_to(clock: FakeClock) -> None:
    """P3: a provider behind the same address as strangers is never shut out; for so long."""
    limit = exhausted(clock)
    limit.proved("192.0.2.1")
    assert limit.wait("192.0.2.1") is None
    clock.advance(PROVED_FOR + 1)
    for _ in range(60):
        limit.refused("192.0.2.1")
    assert limit.wait("192.0.2.1") == 1


@pytest.mark.parametrize(
    ("other", "same"), [("2001:db8:0:1:ffff::9", True), ("2001:db8:0:2::1", False), ("192.0.2.1", False)]
)
def test_a_host_has_all_the_addresses_of_its_64(clock: FakeClock, other: str, *, same: bool) -> None:
    """IPv6 is counted by /64."""
    assert (exhausted(clock, "2001:db8:0:1::1").wait(other) is not None) == same


def test_zero_sets_no_limit(clock: FakeClock) -> None:
    """It is turned off, and remembers nobody."""
    limit = RefusalLimit(0, now=clock)
    for _ in range(2000):
        limit.refused("192.0.2.1")
    assert (limit.wait("192.0.2.1"), limit.size) == (None, 0)


def test_strangers_without_number_do_not_push_the_proved_out(clock: FakeClock) -> None:
    """The table is bounded, and that of the proved is one of its own."""
    limit = RefusalLimit(1, now=clock, most_addresses=100)
    limit.proved("192.0.2.1")
    limit.refused("192.0.2.1")
    for number in range(1000):
        limit.refused(f"198.51.{number // 250}.{number % 250}")
    limit.refused("192.0.2.1")
    assert limit.wait("192.0.2.1") is None
    assert limit.size == 100


@given(st.lists(st.tuples(st.sampled_from("rpw"), st.integers(0, 30), st.floats(0, 100)), max_size=80))
def test_it_never_holds_more_than_its_bounds(steps: list[tuple[str, int, float]]) -> None:
    """Any order of calls: a bounded table, and a wait of one second up to a minute."""
    clock = FakeClock(0)
    limit = RefusalLimit(3, now=clock, most_addresses=10)
    for what, number, passed in steps:
        clock.advance(passed)
        address = f"192.0.2.{number}"
        if what == "r":
            limit.refused(address)
        elif what == "p":
            limit.proved(address)
        assert 1 <= (limit.wait(address) or 1) <= 20
        assert limit.size <= 10


async def test_a_stranger_over_the_limit_gets_429_before_its_body_is_read() -> None:
    """Retry-After, the connection closed, counted under its own word, and no signature checked."""
    async with receiver(refused_per_minute=5) as bench:
        assert [(await bench.ask(STRANGER)).status for _ in range(5)] == [401] * 5
        async with bench.connect() as wire:
            await wire.send(STRANGER[:-10])
            answer = await wire.answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (429, b"too many refused\n", "close")
        assert 1 <= int(answer.headers["retry-after"]) <= 12
        assert bench.refused("rate_limited", "(none)") == 1
        assert bench.refused("signature_mismatch") == 5


@pytest.mark.parametrize("target", ["/webhooks/main", "/webhooks/nobody", "/elsewhere"])
async def test_the_429_is_the_same_for_every_path(target: str) -> None:
    """It does not tell which accounts there are."""
    async with receiver(refused_per_minute=1) as bench:
        await bench.ask(STRANGER)
        answer = await bench.ask(request_bytes(body_of(), secret=None, target=target))
        assert (answer.status, answer.body) == (429, b"too many refused\n")
        assert set(answer.headers) == {"server", "content-type", "content-length", "date", "retry-after", "connection"}


async def test_a_proved_sender_behind_the_same_address_is_not_shut_out() -> None:
    """Its webhooks are stored, and strangers from there are refused as always."""
    async with receiver(refused_per_minute=5) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 202
        assert {(await bench.ask(STRANGER)).status for _ in range(20)} == {401}
        assert (await bench.ask(request_bytes(body_of("+15550101")))).status == 202


async def test_a_repeat_proves_no_address() -> None:
    """A listener has one genuine webhook, and sending it again frees him from nothing."""
    async with receiver(refused_per_minute=2, trusted_proxies=("127.0.0.1",)) as bench:

        async def status(client: bytes, secret: str) -> int:
            request = request_bytes(body_of(), secret=secret, headers=[(b"X-Forwarded-For", client)])
            return (await bench.ask(request)).status

        assert await status(b"203.0.113.1", "open-sesame") == 202
        assert await status(b"203.0.113.66", "open-sesame") == 202
        assert bench.value("webhooks_total", account="main", outcome="duplicate") == 1
        assert [await status(b"203.0.113.66", "wrong") for _ in range(3)] == [401, 401, 429]
        assert [await status(b"203.0.113.1", "wrong") for _ in range(3)] == [401] * 3


async def test_what_is_no_http_counts() -> None:
    """Each 400 is a refusal of its peer."""
    async with receiver(refused_per_minute=3) as bench:
        assert [(await bench.ask(b"nonsense\r\n\r\n")).status for _ in range(3)] == [400] * 3
        assert (await bench.ask(STRANGER)).status == 429


async def test_what_is_no_http_does_not_count_against_a_trusted_proxy() -> None:
    """Its header cannot be read, so it may be anybody's behind it."""
    async with receiver(refused_per_minute=3, trusted_proxies=("127.0.0.1",)) as bench:
        assert [(await bench.ask(b"nonsense\r\n\r\n")).status for _ in range(5)] == [400] * 5
        assert (await bench.ask(STRANGER)).status == 401


async def test_clients_behind_a_trusted_proxy_are_told_apart() -> None:
    """A stranger behind the proxy is limited; another client is not, nor is what the proxy itself asks."""
    async with receiver(refused_per_minute=2, trusted_proxies=("127.0.0.1",)) as bench:

        async def status(client: bytes | None, secret: str) -> int:
            headers = [] if client is None else [(b"X-Forwarded-For", client)]
            return (await bench.ask(request_bytes(body_of(), secret=secret, headers=headers))).status

        assert [await status(b"203.0.113.1", "wrong") for _ in range(3)] == [401, 401, 429]
        assert await status(b"203.0.113.2", "wrong") == 401
        assert [await status(None, "wrong") for _ in range(4)] == [401] * 4
        assert await status(b"203.0.113.3", "open-sesame") == 202


async def test_genuine_webhooks_never_meet_the_limit() -> None:
    """Only refusals count."""
    async with receiver(refused_per_minute=1) as bench:
        assert {(await bench.ask(request_bytes(body_of()))).status for _ in range(20)} == {202}
