"""Syniverse's cloud as a receiver sees it: events with a password, retries, and the API with its store and token."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from random import Random

from providers.api_calls import Call
from providers.contract import Request
from providers.fiction import Fiction
from providers.simulation import ApiAnswer, Forgery, Misbehavior, Outgoing, RetryPlan
from providers.syniverse.simulation.access import Access
from providers.syniverse.simulation.api import CHANNELS, Api
from providers.syniverse.simulation.attachments import Attachments
from providers.syniverse.simulation.bodies import (
    CHANNEL,
    OURS,
    SENDER,
    SHORT_CODE,
    SHORT_SENDER,
    stamp,
)
from providers.syniverse.simulation.consent import Consent
from providers.syniverse.simulation.resources import Resources
from providers.syniverse.simulation.sending import MESSAGES, SENDERS, Sending
from providers.syniverse.simulation.store import Store
from providers.syniverse.simulation.stories import Teller, traffic

_SEED_BYTES = 32
_MANAGER = "SCG_UNSOLICITED_OPT_OUT"


class SyniverseCloud:
    """A cloud with one password for its events and one application; with a `seed` of 32 bytes always the same ones.

    Nothing is signed: a forgery has no password or a wrong one. What it told stands in the store of its API.
    """

    # Nothing is published of patience, pauses and success (README, 8.2, 8.6, 8.7): these are our assumption.
    retry = RetryPlan(timeout=10.0, pauses=(1.0, 2.0, 4.0), succeeded=lambda status: 200 <= status < 300)

    def __init__(self, seed: bytes | None = None) -> None:
        seed = secrets.token_bytes(_SEED_BYTES) if seed is None else seed
        self._people = count()
        self._login = f"hookline:{_derived(seed, 'password')}"
        fiction = Fiction(Random(seed))  # noqa: S311 - ids of a simulation
        key, secret, token = (_derived(seed, purpose) for purpose in ("key", "secret", "token"))
        self._access = Access(fiction, key[:28], secret[:28], token)
        self._store = Store(fiction)
        self._resources = Resources(self._store)
        self._sending = Sending(self._store, fiction, self._resources)
        self._consent = Consent(self._store, self._resources)
        self._files = Attachments(self._store)
        self._api = Api(self._store, self._access, self._sending, self._consent, self._files)
        self._furnish()

    def environment(self) -> Mapping[str, str]:
        """Return the password of its events and the application's credentials, by customary names."""
        return {
            "SYNIVERSE_BASIC": self._login,
            "SYNIVERSE_TOKEN": self._access.token,
            "SYNIVERSE_CONSUMER_KEY": self._access.consumer_key,
            "SYNIVERSE_CONSUMER_SECRET": self._access.consumer_secret,
        }

    def account_lines(self, base_url: str, reference: Callable[[str], str]) -> Sequence[str]:
        """Return the TOML lines of an account that trusts this cloud, sends through it and polls it.

        A token that ends can be refreshed with `consumer_key`, `consumer_secret` and a `token_file` beside them.
        """
        return (
            'provider = "syniverse"',
            f"basic = [{json.dumps(reference('SYNIVERSE_BASIC'))}]",
            f"token = {json.dumps(reference('SYNIVERSE_TOKEN'))}",
            f"base_url = {json.dumps(base_url)}",
            f'consent_managed_by = "{_MANAGER}"',
            f'sender = "sender_id:{SENDER}"',
            'polls = ["inbound", "consent"]',
            "poll_every = 2",
        )

    def headers(self, request: Request, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:
        """Return the headers of a delivery, with the password, or without the right one."""
        del request
        moment = stamp(now)
        plain = {"user-agent": "Syniverse ESS", "x-ess-event-key": f"{OURS},", "x-ess-event-timestamp": moment}
        if forgery is Forgery.UNSIGNED:
            return plain
        login = self._login if forgery is None else f"{self._login}-not"
        return {**plain, "authorization": f"Basic {base64.b64encode(login.encode()).decode('ascii')}"}

    def misbehave(self, kind: Misbehavior, times: int) -> bool:
        """Let the token end, or let somebody else have written before an update."""
        match kind:
            case Misbehavior.EXPIRED_TOKEN:
                self._access.expire(times)
            case Misbehavior.STALE_VERSION:
                self._resources.stale += times
            case _:
                return False
        return True

    def traffic(self, random: Random, clock: Callable[[], float]) -> Iterator[Sequence[Outgoing]]:
        """Yield stories without end; each round holds every kind of event, and a forged one."""
        return traffic(Teller(Fiction(random, self._people), clock, self._store, self._files, self._consent))

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> ApiAnswer:
        """Answer a call of the API."""
        return self._api.answer(Call(method, path, headers, body, now))

    def unconfirmed(self) -> int:
        """Return how many inbound messages nobody has marked as processed."""
        return sum(1 for one in self._store.every(MESSAGES) if one["state"] == "RECEIVED")

    def confirmed(self) -> int:
        """Return how many inbound messages were marked as processed."""
        return self._sending.confirmed

    def strays(self) -> int:
        """Return how many marks named a message that this cloud never had."""
        return self._sending.strays

    def _furnish(self) -> None:
        """Put in place what a customer has before the first call: two sender ids and a channel."""
        for sender, address, kind in ((SENDER, OURS, "LONGCODE"), (SHORT_SENDER, SHORT_CODE, "SHORTCODE")):
            fields = {
                "name": address,
                "address": address,
                "class_id": "COMMERCIAL",
                "type_id": kind,
                "country": "USA",
                "state": "ACTIVE",
                "consent_managed_by": _MANAGER,
                "capabilities": ["SMS", "MMS"],
            }
            self._store.create(SENDERS, fields, 0.0, sender)
        self._store.create(CHANNELS, {"name": "Public test channel", "members": [SENDER]}, 0.0, CHANNEL)


def _derived(seed: bytes, purpose: str) -> str:
    return hashlib.sha256(purpose.encode() + seed).hexdigest()
