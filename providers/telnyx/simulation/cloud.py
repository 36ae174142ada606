"""Telnyx's cloud as a receiver sees it: signed webhooks, retries, and the API that sends."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from random import Random, SystemRandom

from nacl.signing import SigningKey

from providers.api_calls import Call
from providers.contract import Request
from providers.fiction import Fiction
from providers.simulation import ApiAnswer, Forgery, Misbehavior, Outgoing, RetryPlan
from providers.telnyx.keys import SIGNATURE_HEADER, TIMESTAMP_HEADER
from providers.telnyx.simulation.api import Api
from providers.telnyx.simulation.books import Books
from providers.telnyx.simulation.stories import traffic
from providers.telnyx.simulation.telling import Teller


class TelnyxCloud:
    """A cloud with one key pair and one API key; with a `seed` of 32 bytes always the same ones.

    What its traffic tells is what its API knows: messages, and who opted out.
    """

    # Pages disagree on number and spacing (README, section 2): three attempts, then Telnyx would turn to the
    # failover URL, which a receiver of one host does not have. Only 200 counts (error 75299).
    retry = RetryPlan(timeout=2.0, pauses=(1.0, 2.0), succeeded=lambda status: status == 200)

    def __init__(self, seed: bytes | None = None) -> None:
        self._people = count()
        self._key = SigningKey.generate() if seed is None else SigningKey(seed)
        self._other_key = SigningKey(hashlib.sha256(bytes(self._key)).digest())
        self._api_key = f"KEY{hashlib.sha256(b'api' + bytes(self._key)).hexdigest()[:40]}"
        self._books = Books()
        random: Random = SystemRandom() if seed is None else Random(seed)  # noqa: S311 - ids of a simulation
        self._api = Api(self._api_key, Fiction(random), self._books)

    def environment(self) -> Mapping[str, str]:
        """Return the public key and the API key by their customary names."""
        public_key = base64.b64encode(bytes(self._key.verify_key)).decode("ascii")
        return {"TELNYX_PUBLIC_KEY": public_key, "TELNYX_API_KEY": self._api_key}

    def account_lines(self, base_url: str, reference: Callable[[str], str]) -> Sequence[str]:
        """Return the TOML lines of an account that trusts this cloud, sends through it and asks for opt-outs."""
        return (
            'provider = "telnyx"',
            f"public_keys = [{json.dumps(reference('TELNYX_PUBLIC_KEY'))}]",
            f"api_key = {json.dumps(reference('TELNYX_API_KEY'))}",
            f"base_url = {json.dumps(base_url)}",
            'polls = ["opt_outs"]',
            "poll_every = 2",
        )

    def headers(self, request: Request, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:
        """Return the headers of a delivery, signed as Telnyx signs, or wrong as asked."""
        timestamp = str(int(now) - (3600 if forgery is Forgery.OLD else 0))
        key = self._other_key if forgery is Forgery.OTHER_KEY else self._key
        signed = request.body + b" " if forgery is Forgery.CHANGED_BODY else request.body
        signature = key.sign(timestamp.encode() + b"|" + signed).signature
        plain = {"user-agent": "telnyx-webhooks", TIMESTAMP_HEADER: timestamp}
        if forgery is Forgery.UNSIGNED:
            return plain
        return {**plain, SIGNATURE_HEADER: base64.b64encode(signature).decode("ascii")}

    def misbehave(self, kind: Misbehavior, times: int) -> bool:
        """Know none of its own."""
        del kind, times
        return False

    def traffic(self, random: Random, clock: Callable[[], float]) -> Iterator[Sequence[Outgoing]]:
        """Yield stories without end; each round holds every kind of event, and a forged one."""
        return traffic(Teller(Fiction(random, self._people), clock, self._books))

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> ApiAnswer:
        """Answer a call of the API."""
        return self._api.answer(Call(method, path, headers, body, now))
