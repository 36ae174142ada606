"""Folders of the spool that gave an error when we wanted to take them over: counted, and told, but not at each look."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)

PATIENT_LOOKS = 2
"""Errors of a folder, one look after the other, from which on it counts. A shortage of files passes by itself."""

TELL_EVERY = 600.0
"""Seconds between two lines of the log about one folder."""

_ADVICE = "give the receiver's user the right to read and write it, or see to the disk: webhooks may wait in it"


class Untaken:
    """What failed in the looks up to now, by name. The root stands for itself where it cannot be listed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._errors: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    @property
    def lasting(self) -> frozenset[str]:
        """Those that failed in two looks or more. May be read in a thread."""
        return frozenset(name for name, errors in self._errors.copy().items() if errors >= PATIENT_LOOKS)

    def looked(self, failed: Mapping[str, OSError]) -> None:
        """Take what one look at all folders found."""
        self._errors = Counter({name: self._errors[name] + 1 for name in failed})
        for name in self.lasting:
            self._tell(name, failed[name])
        for name in [name for name in self._told if name not in failed]:
            del self._told[name]
            _log.info("spool_folder_readable", path=str(self._root / name))

    def not_listed(self, error: OSError) -> None:
        """Take that the root could not be listed. What is known of the folders in it stays."""
        self._errors[""] += 1
        if "" in self.lasting:
            self._tell("", error)

    def _tell(self, name: str, error: OSError) -> None:
        now = time.monotonic()
        if now < self._told.get(name, now):
            return
        self._told[name] = now + TELL_EVERY
        _log.error(
            "spool_folder_unreadable",
            path=str(self._root / name),
            error=f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error),
            advice=_ADVICE,
            again_in=TELL_EVERY,
        )
