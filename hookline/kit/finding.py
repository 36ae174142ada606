"""From `module:name` on the command line to the consumer, with an error in plain words for all that may be wrong.

A module is looked for among what is installed, then in the working directory, which is put on the path for that alone
and at its end: nothing there can take the place of a module that something else here needs.
"""

import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, TracebackType

from consumers.catalogue import Listed
from hookline.configuration.problems import ConfigError, suggestion
from hookline.kit.consumer import Consumer
from hookline.kit.handlers import ConsumerError, topics_of

OWN_NAMES = ("hookline", "ingest", "consumers", "broker", "providers", "schemas")
"""The top level names that Hookline installs."""

_SPEC = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)")


class NoConsumerError(ConfigError):
    """What the command line names is no consumer. Its text may hold the user's own traceback."""


@dataclass(frozen=True, slots=True)
class Found:
    """A consumer of another team, and the word that names it on the command line."""

    spec: str
    consumer: Consumer

    @property
    def listed(self) -> Listed:
        """Its group and its topics."""
        return Listed(self.consumer.name, topics_of(self.consumer.handlers))


def find_consumers(specs: Iterable[str]) -> tuple[Found, ...]:
    """Import what the words name. Raises NoConsumerError, also for two consumers of one name."""
    found: dict[str, Found] = {}
    for spec in dict.fromkeys(specs):
        consumer = find_consumer(spec)
        known = found.setdefault(consumer.name, Found(spec, consumer))
        if known.consumer is not consumer:
            both = f"{known.spec} and {spec}"
            raise NoConsumerError(f"{both} are both named {consumer.name!r}: each needs a name of its own")
    return tuple(found.values())


def find_consumer(spec: str) -> Consumer:
    """Import the module and return its consumer. Raises NoConsumerError."""
    parts = _SPEC.fullmatch(spec)
    if parts is None:
        raise NoConsumerError(f"{spec}: expected MODULE:NAME, such as crm:crm for `crm = Consumer(...)` in crm.py")
    module = _import(spec, parts["module"])
    value = getattr(module, parts["name"], None)
    if value is None:
        raise NoConsumerError(f"{spec}: {_place(module)} has no {parts['name']}; {_consumers_in(module)}")
    if not isinstance(value, Consumer):
        kind = type(value).__name__
        raise NoConsumerError(f"{spec} is no hookline.Consumer but of type {kind}; {_consumers_in(module)}")
    if not value.handlers:
        raise NoConsumerError(f"{spec} handles nothing: put `@{parts['name']}.on(...)` above an async function")
    return value


def _import(spec: str, name: str) -> ModuleType:
    here = Path.cwd()
    if str(here) not in sys.path:
        sys.path.append(str(here))
    importlib.invalidate_caches()
    top = name.partition(".")[0]
    _check_shadow(spec, top, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise NoConsumerError(
                f"{spec}: no module {error.name!r} in {here} or installed{_near(top, here)}"
            ) from None
        raise NoConsumerError(_failed(spec, error, here)) from None
    except ConsumerError as error:
        raise NoConsumerError(f"{spec}: {error}{_line_of(error)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the user's code: whatever it raises is shown
        raise NoConsumerError(_failed(spec, error, here)) from None


def _check_shadow(spec: str, top: str, here: Path) -> None:
    """Refuse a module of the working directory under a name that means another module already."""
    if top in OWN_NAMES:
        raise NoConsumerError(f"{spec}: {top!r} is a name of Hookline itself; give the module another one")
    mine = next((path for path in (here / top, here / f"{top}.py") if path.exists()), None)
    found = _spec_of(top)
    if mine is None or found is None or any(_is_below(place, mine) for place in _places(found)):
        return
    where = ", ".join(_places(found)) or "Python itself"
    raise NoConsumerError(
        f"{spec}: {mine} cannot be imported, as {top!r} means {where} already; give the module another name"
    )


def _spec_of(top: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)
    except ValueError:
        # A module such as `__main__` has none.
        return ModuleSpec(top, None, origin=str(getattr(sys.modules.get(top), "__file__", "")))


def _places(spec: ModuleSpec) -> Sequence[str]:
    if spec.submodule_search_locations is not None:
        return list(spec.submodule_search_locations)
    return [spec.origin] if spec.origin and spec.origin not in {"built-in", "frozen"} else []


def _is_below(place: str, mine: Path) -> bool:
    return Path(place).resolve().is_relative_to(mine.resolve())


def _near(top: str, here: Path) -> str:
    """Return a hint where a module of nearly that name is here."""
    names = {path.stem for path in here.glob("*.py")} | {path.name for path in here.iterdir() if path.is_dir()}
    hint = suggestion(top, names)
    return f": {hint}" if hint.startswith("did you mean") else ""


def _consumers_in(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, Consumer)]
    return f"consumers there: {', '.join(names)}" if names else "there is no Consumer in it"


def _place(module: ModuleType) -> str:
    return module.__file__ or module.__name__


def _failed(spec: str, error: BaseException, here: Path) -> str:
    """Return the words for an import that raised, with the traceback as far as it is the user's."""
    trace = _own_part(error.__traceback__)
    lines = "".join(traceback.format_exception(type(error), error, trace)).rstrip()
    return f"{spec}: the module could not be imported:\n{lines}{_hint(error, here)}"


def _own_part(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback without our frames and those of Python's import."""
    while trace is not None and _is_machinery(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_machinery(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib") or "/importlib/" in filename


def _hint(error: BaseException, here: Path) -> str:
    """Return what may be behind an import error: a file here that has the name of one of our packages."""
    taken = [name for name in OWN_NAMES if _is_foreign(here, name)]
    if not isinstance(error, ImportError) or not taken:
        return ""
    return f"\n{', '.join(taken)} in {here} cannot be imported: Hookline has modules of that name; rename yours"


def _is_foreign(here: Path, name: str) -> bool:
    ours = Path(__file__).parents[2]
    return here.resolve() != ours and any((here / each).exists() for each in (name, f"{name}.py"))


def _line_of(error: ConsumerError) -> str:
    """Return ` (FILE:LINE)` of the user's line that the error comes from."""
    ours = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120 - compared as text with what Python has
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ours)]
    frames = [frame for frame in frames if not _is_machinery(frame.filename)]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
