"""What is sent: the stories of the simulated clouds, and lists of events as Syniverse sends them.

Three accounts side by side. The lists make several events out of one webhook and tell of the same messages again and
again, so that there is an order to keep for every key.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from random import Random

import orjson

from providers.contract import Policy
from providers.fiction import Fiction
from providers.registry import cloud as cloud_of
from providers.registry import provider
from providers.simulation import Cloud, Outgoing
from providers.syniverse.simulation.bodies import Message, Told, state_fields
from providers.syniverse.simulation.telling import CONTENT_TYPE, SUCCESS

_STEPS = (("QUEUED", "SENT"), ("SENT", "DELIVERED"), ("DELIVERED", "READ"))
_LIST_PAUSE = 0.8
LISTED = 8
"""Events of one list."""


@dataclass(frozen=True, slots=True)
class Sender:
    """One account and the cloud that delivers to it."""

    account: str
    provider: str
    cloud: Cloud
    policy: Policy

    @property
    def path(self) -> str:
        """Where its webhooks go."""
        return f"/webhooks/{self.account}"


@dataclass(frozen=True, slots=True)
class Item:
    """One webhook to deliver, and how many events it holds, as far as its maker knows."""

    sender: Sender
    outgoing: Outgoing
    events: int = 1


@dataclass(frozen=True, slots=True)
class Mix:
    """The parts of the traffic, in webhooks of a hundred. What is left over is Telnyx's."""

    messagemedia: int = 6
    syniverse: int = 14
    lists: int = 34


def new_senders() -> Mapping[str, Sender]:
    """Return the three senders by provider, with new keys."""
    accounts = {"telnyx": "main", "messagemedia": "mm", "syniverse": "scg"}
    return {name: Sender(account, name, cloud_of(name), provider(name).policy) for name, account in accounts.items()}


def traffic(senders: Mapping[str, Sender], random: Random, mix: Mix | None = None) -> Iterator[Item]:
    """Yield webhooks without end."""
    mix = mix or Mix()
    told = {name: _told(sender, random) for name, sender in senders.items()}
    lists = _lists(senders["syniverse"], random)
    while True:
        chance = random.randrange(100)
        if chance < mix.lists:
            yield next(lists)
        elif chance < mix.lists + mix.syniverse:
            yield next(told["syniverse"])
        elif chance < mix.lists + mix.syniverse + mix.messagemedia:
            yield next(told["messagemedia"])
        else:
            yield next(told["telnyx"])


def _told(sender: Sender, random: Random) -> Iterator[Item]:
    """Yield what the cloud's own stories tell; forgeries are the demo's business, not this bench's."""
    stories = chain.from_iterable(sender.cloud.traffic(Random(random.random()), time.time))  # noqa: S311 - traffic is no secret
    return (Item(sender, outgoing) for outgoing in stories if outgoing.forgery is None)


def _lists(sender: Sender, random: Random) -> Iterator[Item]:
    """Yield campaigns: the same messages are sent, then delivered, then read, a list of events each time."""
    fiction = Fiction(Random(random.random()))  # noqa: S311 - the same
    while True:
        request = fiction.token()
        messages = [Message(id=fiction.token(), theirs=fiction.number(), request_id=request) for _ in range(LISTED)]
        for number, states in enumerate(_STEPS):
            outgoing = _list(fiction, messages, states)
            yield Item(sender, replace(outgoing, after=number * _LIST_PAUSE), LISTED)


def _list(fiction: Fiction, messages: Sequence[Message], states: tuple[str, str]) -> Outgoing:
    moment = time.time()
    told = [
        Told(
            id=fiction.token(),
            type="message_state_change",
            moment=moment,
            fields=state_fields(message, *states, SUCCESS),
        )
        for message in messages
    ]

    def body(attempt: int) -> bytes:
        return orjson.dumps([one.value(attempt) for one in told])

    return Outgoing(label="list", body=body, content_type=CONTENT_TYPE)
