"""Telnyx's cloud as a receiver sees it: signed webhooks, retries, and the API that sends."""

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random, SystemRandom
from typing import Any

import orjson
from nacl.signing import SigningKey

from providers.contract import Request
from providers.simulation import ApiAnswer, Forgery, Misbehavior, Outgoing, RetryPlan
from providers.telnyx.keys import SIGNATURE_HEADER, TIMESTAMP_HEADER
from providers.telnyx.simulation.bodies import Message, outbound, stamp
from providers.telnyx.simulation.stories import Teller, traffic

_REMEMBERED_CALLS = 10_000
_SEND_PATHS = frozenset({"/messages", "/v2/messages"})
_WANTED = ("from", "to", "text")


class TelnyxCloud:
    """A cloud with one key pair and one API key; with a `seed` of 32 bytes always the same ones."""

    # Pages disagree on number and spacing (README, section 2): three attempts, then Telnyx would turn to the
    # failover URL, which a receiver of one host does not have. Only 200 counts (error 75299).
    retry = RetryPlan(timeout=2.0, pauses=(1.0, 2.0), succeeded=lambda status: status == 200)

    def __init__(self, seed: bytes | None = None) -> None:
        self._key = SigningKey.generate() if seed is None else SigningKey(seed)
        self._other_key = SigningKey(hashlib.sha256(bytes(self._key)).digest())
        self._random: Random = SystemRandom() if seed is None else Random(seed)  # noqa: S311 - ids of a simulation
        self._api_key = f"KEY{hashlib.sha256(b'api' + bytes(self._key)).hexdigest()[:40]}"
        self._calls: OrderedDict[str, tuple[bytes, ApiAnswer]] = OrderedDict()

    def environment(self) -> Mapping[str, str]:
        """Return the public key and the API key by their customary names."""
        public_key = base64.b64encode(bytes(self._key.verify_key)).decode("ascii")
        return {"TELNYX_PUBLIC_KEY": public_key, "TELNYX_API_KEY": self._api_key}

    def account_lines(self, base_url: str, reference: Callable[[str], str]) -> Sequence[str]:
        """Return the TOML lines of an account that trusts this cloud and sends through it."""
        return (
            'provider = "telnyx"',
            f"public_keys = [{json.dumps(reference('TELNYX_PUBLIC_KEY'))}]",
            f"api_key = {json.dumps(reference('TELNYX_API_KEY'))}",
            f"base_url = {json.dumps(base_url)}",
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
        return traffic(random, clock)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> ApiAnswer:
        """Answer `POST /messages`; the same Idempotency-Key with the same bytes has no second effect."""
        if path.partition("?")[0] not in _SEND_PATHS:
            return _error(404, "10005", "Resource not found")
        if method != "POST":
            return _error(405, "10030", "Method not allowed")
        if headers.get("authorization") != f"Bearer {self._api_key}":
            return _error(401, "10009", "Authentication failed")
        key = headers.get("idempotency-key")
        if key is not None and key in self._calls:
            return _repeated(body, *self._calls[key])
        answer = self._send(body, now)
        if key is not None and answer.effect is not None:
            self._remember(key, body, answer)
        return answer

    def _send(self, body: bytes, now: float) -> ApiAnswer:
        fields = _fields(body)
        if fields is None:
            return _error(400, "10023", "Invalid JSON")
        missing = next((name for name in _WANTED if not isinstance(fields.get(name), str) or not fields[name]), None)
        if missing is not None:
            return _error(422, "10004", "Missing required parameter", f"/{missing}")
        teller = Teller(self._random, lambda: now)
        message = Message(id=teller.id(), ours=fields["from"], theirs=(fields["to"],), text=fields["text"])
        sent = teller.tell("message.sent", outbound(message, now, ["sent"]), 0.1)
        done = outbound(message, now, ["delivered"], completed_at=stamp(now + 0.5))
        return ApiAnswer(
            status=200,
            body=orjson.dumps({"data": outbound(message, now, ["queued"], sent_at=None)}),
            headers={"content-type": "application/json"},
            follow_ups=(sent, teller.tell("message.finalized", done, 0.5)),
            effect=message.id,
        )

    def _remember(self, key: str, body: bytes, answer: ApiAnswer) -> None:
        self._calls[key] = (body, answer)
        if len(self._calls) > _REMEMBERED_CALLS:
            self._calls.popitem(last=False)


def _repeated(body: bytes, first: bytes, answer: ApiAnswer) -> ApiAnswer:
    if body != first:
        return _error(422, "10027", "Unprocessable Entity")
    return ApiAnswer(status=answer.status, body=answer.body, headers=answer.headers)


def _fields(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _error(status: int, code: str, title: str, pointer: str | None = None) -> ApiAnswer:
    error: dict[str, Any] = {"code": code, "title": title, "detail": f"{title}."}
    if pointer is not None:
        error["source"] = {"pointer": pointer}
    headers = {"content-type": "application/json"}
    return ApiAnswer(status=status, body=orjson.dumps({"errors": [error]}), headers=headers)
