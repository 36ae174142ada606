"""What an account can prove a sender with: signature keys, shared secrets, or both."""

import math
import re
from dataclasses import dataclass

from providers.contract import Account, AccountError
from providers.messagemedia.events.members import check_field_names
from providers.messagemedia.proof.keys import PublicKey, public_keys_of
from providers.messagemedia.proof.secret_headers import SecretHeader, secret_headers_of

DEFAULT_TOLERANCE = 7 * 86_400.0
"""Seconds. No age limit of `Date` is documented, nor whether a retry is signed anew: wide, and ids stop repeats."""

# An absolute path as a request line has it: visible ASCII without the query that follows it.
_PATH = re.compile(r"/[!\"$->@-~]*", re.ASCII)
_WHERE = "set keys (signatures) or secret_header (a header of the webhook), or let `hookline setup ACCOUNT` do it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """The keys and secrets of an account.

    `outer_path` is the path that MessageMedia posts to, where a proxy changes it; `tolerance` the seconds that `Date`
    may differ from our clock.
    """

    keys: tuple[PublicKey, ...] = ()
    secrets: tuple[SecretHeader, ...] = ()
    tolerance: float = DEFAULT_TOLERANCE
    outer_path: str | None = None


def proofs_of(account: Account) -> Proofs:
    """Return what the account's settings hold.

    Raises AccountError where there is neither key nor secret, a malformed one, or a setting that makes no sense.
    """
    # Not of the proof, yet here it is found before anything comes in: at the start, and by the doctor.
    check_field_names(account)
    proofs = Proofs(
        keys=public_keys_of(account),
        secrets=secret_headers_of(account),
        tolerance=_tolerance_of(account),
        outer_path=_outer_path_of(account),
    )
    if not proofs.keys and not proofs.secrets:
        what = f"account {account.name!r} has no keys and no secret_header: nobody could be proved"
        raise AccountError(f"{what}; {_WHERE}")
    return proofs


def _tolerance_of(account: Account) -> float:
    value = account.settings.get("tolerance")
    if value is None:
        return DEFAULT_TOLERANCE
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise AccountError(f"account {account.name!r}: tolerance must be a number of seconds above 0")
    return float(value)


def _outer_path_of(account: Account) -> str | None:
    value = account.settings.get("outer_path")
    if value is None:
        return None
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise AccountError(f"account {account.name!r}: outer_path must be a path such as /hooks/main, without a query")
    return value
