"""Whose address it is: a header counts from named proxies alone, and only as far as they vouch for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.forwarded import address_of, network_of, trusted
from providers.contract import Request, Verdict, Verification
from tests.support.receiver import body_of, receiver, request_bytes
from tests.support.sample_provider import SECRET, FixedVerdict, endpoint

PROXIES = trusted(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])


def client(peer: str | None, *values: str) -> str | None:
    """Return whose a request is that came from there with these fields."""
    return PROXIES.client(peer, tuple(("x-forwarded-for", value) for value in values))


@pytest.mark.parametrize(
    ("peer", "values", "expected"),
    [
        ("10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1, 203.0.113.9, 10.2.2.2, 192.0.2.7"], "203.0.113.9"),
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", ["198.51.100.1, unknown"], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.1, _hidden, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", [""], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.1.1.1", ["[2001:db9::1]:4711"], "2001:db9::1"),
        ("2001:db8::5", ["2001:db9::1"], "2001:db9::1"),
        ("::ffff:10.1.1.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("192.0.2.8", ["198.51.100.1"], "192.0.2.8"),
        (None, ["198.51.100.1"], None),
        ("somewhere", ["198.51.100.1"], "somewhere"),
    ],
)
def test_the_client_is_the_rightmost_that_is_no_proxy(peer: str, values: list[str], expected: str) -> None:
    """What stands left of it is the client's own word."""
    assert client(peer, *values) == expected


@given(said=st.text(max_size=80), real=st.ip_addresses(v=4, network="198.18.0.0/15").map(str))
def test_a_client_cannot_choose_its_address(said: str, real: str) -> None:
    """Whatever it sends, the proxy's entry is behind it."""
    assert client("10.1.1.1", f"{said}, {real}") == real
    assert client("10.1.1.1", said, real) == real


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_none(text: str) -> None:
    """It raises for nothing."""
    found = address_of(text)
    assert found is None or address_of(str(found)) == found


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy.example", "", "10.0.0.0/33"])
def test_what_names_no_proxy_is_refused(text: str) -> None:
    """Everybody is no proxy, and a network has no bits behind its prefix."""
    with pytest.raises(ValueError, match="is"):
        network_of(text)


FORWARDED = [(b"X-Forwarded-For", b"198.51.100.1, 203.0.113.9")]


@pytest.mark.parametrize(
    ("proxies", "peer"), [(("127.0.0.0/8",), "203.0.113.9"), (("10.0.0.1",), "127.0.0.1"), ((), "127.0.0.1")]
)
async def test_the_record_has_the_address_that_counts(proxies: tuple[str, ...], peer: str) -> None:
    """The header is believed from named proxies alone."""
    async with receiver(trusted_proxies=proxies) as bench:
        assert (await bench.ask(request_bytes(body_of(), headers=FORWARDED))).status == 202
        assert [webhook.peer for webhook in bench.memory.webhooks] == [peer]


class NotingPeers(FixedVerdict):
    """A verifier that keeps the peers that it was shown."""

    def __init__(self) -> None:
        super().__init__(Verdict.VERIFIED)
        self.peers: list[str | None] = []

    def verify(self, request: Request, now: float) -> Verification:
        """Note the peer."""
        self.peers.append(request.peer)
        return super().verify(request, now)


async def test_a_verifier_sees_the_direct_peer() -> None:
    """A proxy that vouches for certificates is known by its own address."""
    verifier = NotingPeers()
    async with receiver(endpoints=[endpoint(verifier=verifier)], trusted_proxies=("127.0.0.1",)) as bench:
        assert (await bench.ask(request_bytes(body_of(), secret=SECRET, headers=FORWARDED))).status == 202
    assert verifier.peers == ["127.0.0.1"]
