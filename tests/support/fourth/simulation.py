"""Acme's cloud: signs, keeps events until they are confirmed, answers its four calls, refuses what is too much."""

import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from providers.api_calls import Call, Route, json_answer, no_content, routed, routes
from providers.contract import Request
from providers.fiction import Fiction
from providers.simulation import ApiAnswer, Forgery, Misbehavior, Outgoing, RetryPlan

_OURS = "+15555550100"
_MOST_IDS = 50
_LONGEST_TEXT = 1600
_PAGE = 100


class AcmeCloud:
    """A cloud with one secret and one token; with a `seed` of 32 bytes always the same ones."""

    retry = RetryPlan(timeout=5.0, pauses=(1.0, 2.0), succeeded=lambda status: status == 204)

    def __init__(self, seed: bytes | None = None) -> None:
        seed = secrets.token_bytes(32) if seed is None else seed
        self._secret = hashlib.sha256(b"secret" + seed).hexdigest()
        self._token = hashlib.sha256(b"token" + seed).hexdigest()
        self._numbers = itertools.count(1)
        self._kept: dict[str, dict[str, Any]] = {}
        self._messages: dict[str, dict[str, Any]] = {}
        self._confirmed, self._strays = 0, 0
        self._routes: Sequence[Route] = (
            *routes(r"/messages", post=self._send),
            *routes(r"/messages/([^/]+)", get=self._retrieve),
            *routes(r"/events", get=self._events),
            *routes(r"/events/confirm", post=self._confirm),
        )

    def environment(self) -> Mapping[str, str]:
        """Return the secret and the token."""
        return {"ACME_SECRET": self._secret, "ACME_TOKEN": self._token}

    def account_lines(self, base_url: str, reference: Callable[[str], str]) -> Sequence[str]:
        """Return the TOML lines of an account that trusts this cloud, polls it and sends through it."""
        return (
            'provider = "acme"',
            f"secrets = [{json.dumps(reference('ACME_SECRET'))}]",
            f"token = {json.dumps(reference('ACME_TOKEN'))}",
            f"base_url = {json.dumps(base_url)}",
            'polls = ["events"]',
        )

    def headers(self, request: Request, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:
        """Return the headers of a delivery, signed, or wrong as asked."""
        if forgery is Forgery.UNSIGNED:
            return {}
        time = str(int(now) - (3600 if forgery is Forgery.OLD else 0))
        secret = "another" if forgery is Forgery.OTHER_KEY else self._secret
        body = request.body + b" " if forgery is Forgery.CHANGED_BODY else request.body
        signature = hmac.new(secret.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"acme-time": time, "acme-signature": signature}

    def misbehave(self, kind: Misbehavior, times: int) -> bool:
        """Know nothing of its own."""
        del kind, times
        return False

    def traffic(self, random: Random, clock: Callable[[], float]) -> Iterator[Sequence[Outgoing]]:
        """Yield a message with its reports, an inbound one, a STOP, and each forgery, again and again."""
        fiction = Fiction(random)
        for forgery in itertools.cycle(Forgery):
            person, now = fiction.number(), clock()
            yield self._reports(f"m-{next(self._numbers)}", person, now)
            yield (self._said(person, "When do you open?", now, expects_reply=True),)
            yield (self._said(person, "STOP", now),)
            yield (self._said(person, "Forged", now, forgery=forgery),)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> ApiAnswer:
        """Answer a call."""
        if headers.get("authorization") != f"Bearer {self._token}":
            return _error(401, "1", "Wrong token")
        call = Call(method, path, headers, body, now)
        return routed(
            self._routes,
            call,
            unknown=lambda: _error(404, "2", "No such path"),
            wrong_method=lambda: _error(405, "3", "No such method"),
        )

    def unconfirmed(self) -> int:
        """Return how many events wait to be confirmed."""
        return len(self._kept)

    def confirmed(self) -> int:
        """Return how many events were confirmed, each counted once."""
        return self._confirmed

    def strays(self) -> int:
        """Return how many confirmations named no event of this cloud."""
        return self._strays

    def _send(self, call: Call) -> ApiAnswer:
        fields = call.fields()
        to, text = fields.get("to"), fields.get("text")
        if not isinstance(to, str) or not isinstance(text, str) or len(text) > _LONGEST_TEXT:
            return _error(422, "30", "Not a text that can be sent")
        message_id = f"m-{next(self._numbers)}"
        self._messages[message_id] = {"id": message_id, "state": "ACCEPTED"}
        follow_ups = self._reports(message_id, to, call.now)
        return json_answer(201, self._messages[message_id], follow_ups=follow_ups, effects=(message_id,))

    def _retrieve(self, _call: Call, message_id: str) -> ApiAnswer:
        found = self._messages.get(message_id)
        return _error(404, "44", "No such message") if found is None else json_answer(200, found)

    def _events(self, _call: Call) -> ApiAnswer:
        return json_answer(200, {"events": list(self._kept.values())[:_PAGE]})

    def _confirm(self, call: Call) -> ApiAnswer:
        ids = call.fields().get("ids")
        if not isinstance(ids, list) or len(ids) > _MOST_IDS:
            return _error(422, "50", "Too many ids")
        for one in ids:
            known = self._kept.pop(str(one), None) is not None
            self._confirmed += known
            self._strays += not known
        return no_content()

    def _reports(self, message_id: str, person: str, now: float) -> tuple[Outgoing, ...]:
        states = ("SENT", "DELIVERED")
        told = [self._event("delivery", now, message=message_id, to=person, state=state) for state in states]
        return tuple(self._outgoing(event, after=0.1 * at) for at, event in enumerate(told, 1))

    def _said(self, person: str, text: str, now: float, **more: Any) -> Outgoing:
        forged = more.get("forgery") is not None
        event = self._event("inbound", now, keep=not forged, **{"from": person}, to=_OURS, text=text)
        return self._outgoing(event, **more)

    def _event(self, kind: str, now: float, *, keep: bool = True, **fields: Any) -> dict[str, Any]:
        moment = datetime.fromtimestamp(now, UTC).isoformat()
        event = {"id": f"ev-{next(self._numbers)}", "type": kind, "at": moment, **fields}
        if keep:
            self._kept[event["id"]] = event
        return event

    def _outgoing(self, event: Mapping[str, Any], **more: Any) -> Outgoing:
        body = json.dumps(event).encode()
        return Outgoing(label=str(event["type"]), body=lambda _attempt: body, **more)


def _error(status: int, code: str, title: str) -> ApiAnswer:
    return json_answer(status, {"error": {"code": code, "title": title}})
