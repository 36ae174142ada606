"""How a room declares its settings: a frozen dataclass whose fields carry one line of documentation.

The configuration loader, `docs/configuration.md` and the test that no setting goes undocumented all read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """What a number may be: from `least` to `most`, both included. `zero`: 0 is taken besides."""

    least: float
    most: float | None = None
    zero: bool = False

    def allow(self, value: float) -> bool:
        """Tell whether a number fits. One that is not finite does not."""
        if self.zero and value == 0:
            return True
        return self.least <= value <= (_LARGEST if self.most is None else self.most)

    def __str__(self) -> str:
        span = f"at least {self.least}" if self.most is None else f"from {self.least} to {self.most}"
        return f"{span}, or 0" if self.zero else span


_LARGEST = (1 << 63) - 1


def setting(default: Any, doc: str, *, choices: Sequence[str] = (), limits: Limits | None = None) -> Any:
    """Declare a setting with its default and what an operator has to know about it.

    With `choices` the loader takes no other word. `limits` of a number, where the loader's own do not fit.
    """
    ends = {} if limits is None else {"limits": limits}
    return field(default=default, metadata={"doc": doc, "choices": tuple(choices), **ends})


def limits_of(default: Any, given: Limits | None) -> Limits:
    """Return the limits of a number: those given, or at least 1 for a whole number and at least 0 for another."""
    return given or Limits(1 if isinstance(default, int) else 0)
