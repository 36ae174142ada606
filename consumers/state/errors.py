"""What can go wrong with the state, in two kinds: it is away, or a value is not to its liking."""

from typing import NoReturn

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from schemas.errors import HooklineError

_REPEATABLE = frozenset({"40001", "40P01"})
"""PostgreSQL: a serialization failure, a deadlock. The same work, begun anew, has its chance."""

_OF_THE_VALUE = ("22", "23", "54")
"""PostgreSQL's classes of errors that the same value meets for ever."""

_LONGEST = 300


class StateError(HooklineError):
    """The state cannot do what was asked; nothing is known to be noted."""


class NotOursError(StateError):
    """The state is of another program, or of a newer version: it can be reached, and waiting does not help."""


class StateValueError(HooklineError, ValueError):
    """The state will never take this value (a NUL, a text beyond all measure), or has one that cannot be read.

    Waiting does not help.
    """


def is_repeatable(error: SQLAlchemyError) -> bool:
    """Tell whether the database asks for the same work again."""
    return _sqlstate(error) in _REPEATABLE


def plainly(error: SQLAlchemyError, doing: str) -> NoReturn:
    """Raise our error for the driver's; it quotes no value."""
    if isinstance(error, DataError | IntegrityError) or (_sqlstate(error) or "").startswith(_OF_THE_VALUE):
        # What the driver says of a value quotes it: its kind has to do, and nothing stands behind it.
        raise StateValueError(f"{doing}: a value is refused ({type(_cause(error)).__name__})") from None
    cause = _cause(error)
    raise StateError(f"{doing}: {words(cause)}") from cause


def words(error: BaseException) -> str:
    """Return what the driver says, on one line and without what PostgreSQL tells in detail: that quotes rows."""
    told = getattr(getattr(error, "diag", None), "message_primary", None) or str(error) or type(error).__name__
    return " ".join(str(told).split())[:_LONGEST]


def _cause(error: SQLAlchemyError) -> BaseException:
    """Return the driver's own error."""
    return (error.orig if isinstance(error, DBAPIError) else None) or error


def _sqlstate(error: SQLAlchemyError) -> str | None:
    found: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return found
