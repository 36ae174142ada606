"""What can go wrong with a call, as typed exceptions that carry the provider's own code and words.

```
ApiError
├── LimitError               refused by us before the call: a documented limit
├── NotConnectedError        nothing was sent
├── OutcomeUnknownError      sent, and no answer: it may have had its effect
│   └── DeadlineError        no answer in time
├── UnreadableAnswerError    a success, or a 404, whose body is not what is documented
└── RefusedError             an answer that is no success
    ├── AuthenticationError  401, 403
    ├── NotFoundError        404
    ├── ConflictError        409
    ├── RateLimitedError     429
    └── ProviderFaultError   5xx
```
"""

import re
from collections.abc import Collection

from schemas.errors import HooklineError
from schemas.events import ProviderError

# What any provider here calls a code; a number of a person is longer.
_CODE = re.compile(r"[0-9]{1,6}|[A-Za-z][A-Za-z0-9_.-]{0,39}", re.ASCII)


class ApiError(HooklineError):
    """A call that did not do what was asked. Its text names the operation, never a number, a text or a secret."""


class LimitError(ApiError, ValueError):
    """A value that the provider documents as refused, found before anything was sent."""


class NotConnectedError(ApiError):
    """No connection came about: nothing was sent."""


class OutcomeUnknownError(ApiError):
    """The request went out and no whole answer came. It may have had its effect."""


class DeadlineError(OutcomeUnknownError):
    """No answer came within the deadline."""


class UnreadableAnswerError(ApiError):
    """The answer is not what the provider documents: a success, or a 404 that may be of any web server."""


class RefusedError(ApiError):
    """The provider answered, and not with success.

    `status` is HTTP's, `code` the provider's own code of the first error, `errors` all that it said, `retry_after`
    the seconds that it asks to wait, `what` names the operation. The text has status and code alone: what providers
    say quotes numbers, texts and sometimes credentials, and an error's text goes into logs.
    """

    def __init__(
        self, status: int, errors: tuple[ProviderError, ...], retry_after: float | None = None, what: str = "the call"
    ) -> None:
        self.status = status
        self.errors = errors
        self.code = next((error.code for error in errors if error.code), None)
        self.retry_after = retry_after
        self.what = what
        code = f", code {self.code}" if self.code and _CODE.fullmatch(self.code) else ""
        super().__init__(f"{what}: status {status}{code}")


class AuthenticationError(RefusedError):
    """The credentials are not accepted, or not for this (401, 403)."""


class NotFoundError(RefusedError):
    """There is no such thing (404)."""

    def raise_if_foreign(self, *, codes: Collection[str] = (), titles: Collection[str] = ()) -> None:
        """Raise UnreadableAnswerError unless the provider says so in its own words: one of the codes or titles.

        Any web server answers 404, also one to which a wrong base URL leads, and gateways do so in JSON: that one knows
        nothing of what was asked. Case and a full stop make no other title.
        """
        known = {_plain(title) for title in titles}
        if not any(error.code in codes or _plain(error.title) in known for error in self.errors):
            words = f"{self}, and not in the provider's words: does `base_url` lead to its API?"
            raise UnreadableAnswerError(words) from self


class ConflictError(RefusedError):
    """It is there already, or was changed meanwhile (409)."""


class RateLimitedError(RefusedError):
    """Too many calls (429)."""


class ProviderFaultError(RefusedError):
    """The provider is not well (5xx)."""


def _plain(title: str | None) -> str:
    return (title or "").rstrip(".").casefold()


_BY_STATUS: dict[int, type[RefusedError]] = {
    401: AuthenticationError,
    403: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitedError,
}


def refused(status: int, errors: tuple[ProviderError, ...], retry_after: float | None, what: str) -> RefusedError:
    """Return the exception for an answer of that status. `what` names the operation."""
    kind = ProviderFaultError if status >= 500 else _BY_STATUS.get(status, RefusedError)
    return kind(status, errors, retry_after, what)
