"""What the polls of all providers share: their settings, and which of them an account wants."""

from collections.abc import Sequence

from providers.contract import Account, AccountError, Setting
from providers.rest.errors import RefusedError

DEFAULT_EVERY = 60.0
DEFAULT_LOOKBACK = 86_400.0

# A request that took too long, came too early, or was one of too many.
_OF_THE_MOMENT = frozenset({408, 425, 429})


LOOKBACK_SUMMARY = (
    "seconds that the first poll after a start looks back; what is stored already is stored again under its id"
)


def poll_settings(names: Sequence[str], lookback: str = LOOKBACK_SUMMARY) -> tuple[Setting, ...]:
    """Return the settings of an account that can be polled for `names`; `lookback` says what `poll_lookback` means."""
    return (
        Setting(
            "polls",
            f"what to ask for besides what is pushed: any of {', '.join(names)}",
            many=True,
            choices=tuple(names),
            example=list(names),
            optional=True,
        ),
        Setting("poll_every", "seconds from one poll to the next", kind=float, default=DEFAULT_EVERY),
        Setting("poll_lookback", lookback, kind=float, default=DEFAULT_LOOKBACK),
    )


def wanted_polls(account: Account, names: Sequence[str]) -> tuple[str, ...]:
    """Return which of the polls `names` the account wants. Raises AccountError for a name that is none of them."""
    wanted = tuple(str(name) for name in account.settings.get("polls") or ())
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise AccountError(f"account {account.name!r}: no poll {unknown[0]!r}; there are: {', '.join(names)}")
    return wanted


def poll_every(account: Account) -> float:
    """Return the seconds from one poll to the next."""
    return float(account.settings.get("poll_every") or DEFAULT_EVERY)


def poll_lookback(account: Account) -> float:
    """Return the seconds that a poll looks back."""
    return float(account.settings.get("poll_lookback") or DEFAULT_LOOKBACK)


def stays_refused(error: RefusedError) -> bool:
    """Tell whether the same question would be refused again a moment later: a 4xx that is about the question."""
    return 400 <= error.status < 500 and error.status not in _OF_THE_MOMENT
