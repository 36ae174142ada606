"""MessageMedia's cloud as a receiver sees it: signed notifications, retries, and the API with its queues."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import formatdate
from itertools import count
from random import Random

from providers.api_calls import Call
from providers.contract import Request
from providers.fiction import Fiction
from providers.messagemedia.simulation.api import Api
from providers.messagemedia.simulation.authorization import Gate
from providers.messagemedia.simulation.books import Books
from providers.messagemedia.simulation.refusals import NOT_AUTHENTICATED, error
from providers.messagemedia.simulation.rsa_keys import KeyRing
from providers.messagemedia.simulation.sending import Messages
from providers.messagemedia.simulation.signature_keys import SignatureKeys
from providers.messagemedia.simulation.stories import Teller, traffic
from providers.messagemedia.simulation.webhooks import Webhooks
from providers.simulation import ApiAnswer, Forgery, Misbehavior, Outgoing, RetryPlan

_SEED_BYTES = 32
_LONG_AGO = 30 * 86_400.0


class MessageMediaCloud:
    """A cloud with one API key and a ring of signature keys; with a `seed` of 32 bytes always the same ones.

    What it told stays in the queues of its API until it is confirmed, as with the provider.
    """

    # Notifications back off until a 2xx comes; number and length are not documented (README, section 2).
    retry = RetryPlan(timeout=20.0, pauses=(1.0, 2.0, 4.0, 8.0, 16.0), succeeded=lambda status: 200 <= status < 300)

    def __init__(self, seed: bytes | None = None) -> None:
        seed = secrets.token_bytes(_SEED_BYTES) if seed is None else seed
        self._people = count()
        self._ring = KeyRing(seed)
        self._gate = Gate(_derived(seed, "key")[:20], _derived(seed, "secret"))
        self._books = Books()
        fiction = Fiction(Random(seed))  # noqa: S311 - ids of a simulation
        self._webhooks = Webhooks(fiction)
        keys = SignatureKeys(self._ring)
        self._api = Api(self._books, Messages(fiction, self._books), self._webhooks, keys)

    def environment(self) -> Mapping[str, str]:
        """Return the first public key and the API key by their customary names."""
        return {
            "MESSAGEMEDIA_PUBLIC_KEY": self._ring.first.public,
            "MESSAGEMEDIA_API_KEY": self._gate.key,
            "MESSAGEMEDIA_API_SECRET": self._gate.secret,
        }

    def account_lines(self, base_url: str, reference: Callable[[str], str]) -> Sequence[str]:
        """Return the TOML lines of an account that trusts this cloud, sends through it and empties its queues."""
        key = self._ring.first
        public = json.dumps(reference("MESSAGEMEDIA_PUBLIC_KEY"))
        return (
            'provider = "messagemedia"',
            f'keys = [{{ id = "{key.id}", digest = "{key.digest}", public_key = {public} }}]',
            f"api_key = {json.dumps(reference('MESSAGEMEDIA_API_KEY'))}",
            f"api_secret = {json.dumps(reference('MESSAGEMEDIA_API_SECRET'))}",
            f"base_url = {json.dumps(base_url)}",
            'polls = ["delivery_reports", "replies"]',
            "poll_every = 2",
        )

    def headers(self, request: Request, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:
        """Return the headers of a delivery, signed as MessageMedia signs, or wrong as asked.

        Without an enabled key nothing is signed; then the headers of the registered webhooks alone prove it.
        """
        date = formatdate(now - (_LONG_AGO if forgery is Forgery.OLD else 0.0), usegmt=True)
        plain = {"user-agent": "MessageMedia", "date": date}
        if forgery is None:
            plain.update(self._webhooks.headers(request.method))
        key = self._ring.stranger() if forgery is Forgery.OTHER_KEY else self._ring.enabled
        if key is None or forgery is Forgery.UNSIGNED:
            return plain
        body = request.body + b" " if forgery is Forgery.CHANGED_BODY else request.body
        line = f"{request.method} {request.target} HTTP/1.1{date}".encode()
        return {
            **plain,
            "x-messagemedia-signature": key.sign(line + body),
            "x-messagemedia-digest-type": key.digest,
            "x-messagemedia-cipher-type": "RSA",
            "x-messagemedia-key-id": key.id,
        }

    def misbehave(self, kind: Misbehavior, times: int) -> bool:
        """Know none of its own."""
        del kind, times
        return False

    def traffic(self, random: Random, clock: Callable[[], float]) -> Iterator[Sequence[Outgoing]]:
        """Yield stories without end; each round holds every kind of notification, and a forged one."""
        return traffic(Teller(Fiction(random, self._people), clock, self._books))

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> ApiAnswer:
        """Answer a call of the API. The header `Account` is accepted: all sub-accounts are one here."""
        call = Call(method, path, headers, body, now)
        return self._api.answer(call) if self._gate.admits(call) else error(401, NOT_AUTHENTICATED)

    def unconfirmed(self) -> int:
        """Return how many reports and replies nobody has confirmed."""
        return sum(queue.waiting for queue in self._books.queues)

    def confirmed(self) -> int:
        """Return how many reports and replies were confirmed."""
        return sum(queue.confirmed for queue in self._books.queues)

    def strays(self) -> int:
        """Return how many confirmations named what was never in the queues."""
        return sum(queue.strays for queue in self._books.queues)


def _derived(seed: bytes, purpose: str) -> str:
    return hashlib.sha256(purpose.encode() + seed).hexdigest()
