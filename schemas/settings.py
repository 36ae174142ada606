"""How a room declares its settings: a frozen dataclass whose fields carry one line of documentation.

The configuration loader, `docs/configuration.md` and the test that no setting goes undocumented all read it.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import Any


def setting(default: Any, doc: str, *, choices: Sequence[str] = (), minimum: float | None = None) -> Any:
    """Declare a setting with its default and what an operator has to know about it.

    With `choices` the loader takes no other word. `minimum` is the least number, where the loader's own does not fit.
    """
    least = {} if minimum is None else {"minimum": minimum}
    return field(default=default, metadata={"doc": doc, "choices": tuple(choices), **least})
