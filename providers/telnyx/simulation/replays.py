"""Calls with an `Idempotency-Key`: the same key and bytes have one effect."""

import re
from collections import OrderedDict

from providers.api_calls import Call, Handler
from providers.simulation import ApiAnswer
from providers.telnyx.simulation.refusals import error

_KEY = re.compile(r"[A-Za-z0-9_:-]{1,255}", re.ASCII)
_KEPT = 10_000
_AGE = 86_400.0
_VERSION = "/v2"


class Replays:
    """Keeps the latest 10,000 successes for 24 hours, by path and key. A failure is not kept: the key stays free."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str], tuple[float, bytes, ApiAnswer]] = OrderedDict()

    def once(self, handler: Handler) -> Handler:
        """Return a handler that answers a repeated call as the first time, and with 422 where its bytes differ."""

        def handle(call: Call, *parts: str) -> ApiAnswer:
            key = call.headers.get("idempotency-key")
            if key is None:
                return handler(call, *parts)
            if not _KEY.fullmatch(key):
                return error(422, "10027", "Idempotency-Key: 1 to 255 of A-Z, a-z, 0-9, _, : and -.")
            place = (call.path.removeprefix(_VERSION), key)
            return self._repeated(place, call) or self._first(place, call, handler(call, *parts))

        return handle

    def _repeated(self, place: tuple[str, str], call: Call) -> ApiAnswer | None:
        at, body, answer = self._answers.get(place, (0.0, b"", None))
        if answer is None or call.now - at > _AGE:
            return None
        if call.body != body:
            return error(422, "10027", "This Idempotency-Key was used with another body.")
        return ApiAnswer(status=answer.status, body=answer.body, headers=answer.headers)

    def _first(self, place: tuple[str, str], call: Call, answer: ApiAnswer) -> ApiAnswer:
        if answer.effect is not None:
            self._answers[place] = (call.now, call.body, answer)
            self._answers.move_to_end(place)
            if len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        return answer
