"""What a status code of MessageMedia tells to do next.

Source: README of this folder, "Events": the meanings are documented, the classes are what they come to.
"""

from collections.abc import Mapping

from schemas.vocabulary import FailureClass

_CLASSES: Mapping[FailureClass, str] = {
    # The destination is blocked for this account: the platform puts whoever writes STOP on the account's blacklist.
    FailureClass.OPT_OUT: "302",
    # Validity ended, the gateway failed, the handset cannot be reached now.
    FailureClass.TEMPORARY: "320 330 401 414",
    # Usage threshold, blocked or invalid or unsupported source, "contact support": somebody has to do something.
    FailureClass.CONFIGURATION: "301 303 304 333 410",
    # A duplicate, an invalid or blocked destination, no route, rejected or undeliverable for good.
    FailureClass.PERMANENT: "305 332 400 402 411 412 413",
    # Discarded, skipped, cancelled by the provider: no word says why.
    FailureClass.UNKNOWN: "331 403 405",
}
FAILURES: Mapping[str, FailureClass] = {
    code: failure_class for failure_class, codes in _CLASSES.items() for code in codes.split()
}
"""The class of each code that ends a message in failure."""


def failure_class_of(code: str | None) -> FailureClass:
    """Return the class of a failure; UNKNOWN without a code and for codes that are not documented."""
    return FAILURES.get((code or "").strip(), FailureClass.UNKNOWN)
