"""The application's access token: who calls, when it ends, how it is made anew."""

import hmac
from dataclasses import dataclass, field

from providers.api_calls import Call, json_answer
from providers.fiction import Fiction
from providers.simulation import ApiAnswer


@dataclass(slots=True)
class Access:
    """One application with one token, which never ends unless a refresh says so, or `expire` does.

    `dying` is how often the token is to end while it is in use.
    """

    fiction: Fiction
    consumer_key: str
    consumer_secret: str = field(repr=False)
    token: str = field(repr=False)
    _ends: float | None = None
    _expired: bool = False
    _used: bool = True
    _dying: int = 0

    def expire(self, times: int) -> None:
        """End the token at the next call, and the next tokens too, each after a call that it was good for."""
        self._dying += times

    def admits(self, call: Call) -> bool:
        """Tell whether a call brings the present token."""
        if self._dying and self._used and not self._expired:
            self._dying -= 1
            self._expired = True
        given = call.headers.get("authorization", "")
        known = hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())
        if not known or not self._alive(call.now):
            return False
        self._used = True
        return True

    def refresh(self, call: Call) -> ApiAnswer:
        """Answer a regeneration: the old token dies at once. A wrong key gives 500, as with the provider."""
        query = call.query
        if not query.get("oldtoken"):
            return _failure(400, "Current access token is missing as input parameter.")
        given = (query.get("consumerkey"), query.get("consumersecret"), query["oldtoken"])
        if given != (self.consumer_key, self.consumer_secret, self.token):
            return _failure(500, "System error received during access token regeneration.")
        validity = call.whole("validity", 0)
        if not self._outlives(call.now, validity):
            self.token = self.fiction.uuid()
            self._ends = call.now + validity if validity else None
            self._expired = self._used = False
        return json_answer(200, {"accessToken": self.token, "validityTime": validity})

    def _alive(self, now: float) -> bool:
        return not self._expired and (self._ends is None or now < self._ends)

    def _outlives(self, now: float, validity: int) -> bool:
        """Tell whether the present token lives as long as is asked: then it stays."""
        return self._alive(now) and self._ends is not None and 0 < validity <= self._ends - now


def _failure(status: int, words: str) -> ApiAnswer:
    return json_answer(status, {"errorCode": 1, "moreInfo": words, "userMsg": words})
