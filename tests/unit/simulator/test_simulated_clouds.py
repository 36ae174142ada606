"""What every simulated cloud has to do, whoever wrote it."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.configuration.config import load_config
from providers.contract import Verdict
from providers.registry import CLOUDS, PROVIDERS
from providers.simulation import Cloud, Confirming, Misbehavior
from schemas.events import Event, InboundMessage
from tests.support.simulated import NOW, SEED, account_of, is_due, request_of, told, webhook_of

EVERY = pytest.mark.parametrize("name", list(CLOUDS))
STORIES = 60


def events_of(name: str, made: Cloud) -> Sequence[tuple[bool, Sequence[Event]]]:
    """Return of each genuine delivery whether it expects a reply, and its events."""
    account = account_of(made)
    return [
        (
            outgoing.expects_reply,
            PROVIDERS[name].normalize(webhook_of(name, request_of(made, outgoing)), account.settings),
        )
        for outgoing in told(made, STORIES)
        if outgoing.forgery is None
    ]


def test_every_provider_has_a_cloud() -> None:
    """And no cloud is of nobody."""
    assert CLOUDS.keys() == PROVIDERS.keys()


@EVERY
def test_a_configuration_of_its_lines_loads(name: str, tmp_path: Path) -> None:
    """As an account of the provider, with every reference resolved."""
    made = CLOUDS[name](SEED)
    for variable, value in made.environment().items():
        (tmp_path / variable).write_text(value)
    lines = made.account_lines("http://127.0.0.1:1", lambda variable: f"file:{variable}")
    path = tmp_path / "hookline.toml"
    path.write_text("\n".join(("[broker]", 'url = "sqlite:///log"', "[accounts.main]", *lines)))
    account = load_config(path, {}).accounts["main"]
    assert account.provider == name
    assert PROVIDERS[name].verifier(account) is not None
    assert PROVIDERS[name].sender(account) is not None
    assert (PROVIDERS[name].confirmer(account) is not None) == isinstance(made, Confirming)
    wanted = tomllib.loads("\n".join(lines)).get("polls", [])
    assert [poll.name for poll in PROVIDERS[name].polls(account)] == wanted


@EVERY
def test_genuine_verifies_and_forged_does_not(name: str) -> None:
    """By the provider's own verifier, over many stories."""
    made = CLOUDS[name](SEED)
    verify = PROVIDERS[name].verifier(account_of(made)).verify
    for outgoing in told(made, STORIES):
        verdict = verify(request_of(made, outgoing), NOW).verdict
        assert (verdict is Verdict.VERIFIED) == (outgoing.forgery is None), outgoing.label


@EVERY
def test_a_cloud_does_not_believe_another(name: str) -> None:
    """Genuine deliveries of one are refused by the account of the other."""
    made, other = CLOUDS[name](SEED), CLOUDS[name](SEED[::-1])
    verify = PROVIDERS[name].verifier(account_of(other)).verify
    verdicts = {verify(request_of(made, outgoing), NOW).verdict for outgoing in told(made, STORIES)}
    assert Verdict.VERIFIED not in verdicts


@EVERY
def test_the_demo_can_tell_what_is_to_be_answered(name: str) -> None:
    """What expects a reply is a message from a person, and the demo's rules answer it; nothing else they do."""
    chooses = PROVIDERS[name].chooses_number
    for expected, events in events_of(name, CLOUDS[name](SEED)):
        inbound = [event for event in events if isinstance(event, InboundMessage)]
        assert expected == any(is_due(event, needs_number=not chooses) for event in inbound)
        assert len(inbound) <= 1


@EVERY
def test_all_numbers_are_fiction(name: str) -> None:
    """Every E.164 number of a person is of 555-01XX."""
    for _, events in events_of(name, CLOUDS[name](SEED)):
        for event in events:
            person = event.from_ if isinstance(event, InboundMessage) else None
            assert person is None or not person.startswith("+") or re.fullmatch(r"\+1[0-9]{3}55501[0-9]{2}", person)


@EVERY
def test_secrets_of_a_cloud_are_not_in_its_repr(name: str) -> None:
    """Nor in its account's lines."""
    made = CLOUDS[name](SEED)
    text = repr(made) + "\n".join(made.account_lines("http://127.0.0.1:1", lambda variable: f"env:{variable}"))
    assert [variable for variable, value in made.environment().items() if value in text] == []


@EVERY
def test_misbehavior_of_any_api_is_not_asked_of_a_cloud(name: str) -> None:
    """It is done by the one who serves the API."""
    made = CLOUDS[name](SEED)
    shared = [Misbehavior.RATE_LIMIT, Misbehavior.SERVER_ERROR, Misbehavior.SLOW, Misbehavior.HALF_OPEN]
    assert not any(made.misbehave(kind, 1) for kind in (*shared, Misbehavior.DUPLICATES))


@settings(deadline=None, max_examples=200)
@given(
    name=st.sampled_from(list(CLOUDS)),
    method=st.text(max_size=8),
    path=st.text(max_size=80) | st.from_regex(r"/[!-~]{0,60}", fullmatch=True),
    headers=st.dictionaries(st.sampled_from(["authorization", "date", "content-md5"]), st.text(max_size=60)),
    body=st.binary(max_size=200),
)
def test_no_stranger_breaks_a_cloud(name: str, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
    """Whatever is asked by whom: an error, and never an exception or an effect."""
    answer = CLOUDS[name](SEED).answer(method, path, headers, body, NOW)
    assert 400 <= answer.status <= 500
    assert answer.effect is None
