"""The operations of a client, found by their decorator, so that the shell and the docs can offer them all.

A client's attribute that holds a group of operations (a resource) is marked with `group`; its operations are
named `GROUP.OPERATION`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, get_type_hints

P = ParamSpec("P")
R = TypeVar("R")
_MARK = "__operation__"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the provider documents an operation: method and path, with `{name}` for what is put in."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation. `hint` is its type; `required` says that it has no default."""

    name: str
    hint: Any
    required: bool
    default: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name on the command line, what it does in a sentence, where it goes, what it takes."""

    name: str
    summary: str
    endpoint: Endpoint
    parameters: tuple[Parameter, ...]

    def method_of(self, client: object) -> Callable[..., Any]:
        """Return the bound method of a client."""
        found: Any = client
        for part in self.name.split("."):
            found = getattr(found, part)
        method: Callable[..., Any] = found
        return method


def operation(method: str, path: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a method of a client as an operation of the provider's API."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        setattr(function, _MARK, Endpoint(method, path))
        return function

    return mark


def names_of(holder: type) -> frozenset[str]:
    """Return the names of the operations of a class."""
    return frozenset(name for name, _, _ in _marked(holder))


def operations_of(client: object) -> Mapping[str, Operation]:
    """Return the operations of a client by name, in the order of the code: its own, then those of its groups.

    A group is a public attribute whose class has operations. Its endpoints' paths may hold `{collection}`, which
    the group's attribute `path` replaces; it offers those alone that its attribute `offers`, if any, names.
    """
    found = dict(_own(client, ""))
    for name, value in vars(client).items():
        if not name.startswith("_") and any(True for _ in _marked(type(value))):
            found |= _own(value, f"{name}.")
    return found


def _own(holder: object, prefix: str) -> Mapping[str, Operation]:
    offers = getattr(holder, "offers", None)
    return {
        f"{prefix}{name}": _operation(f"{prefix}{name}", function, endpoint, holder)
        for name, function, endpoint in _marked(type(holder))
        if offers is None or name in offers
    }


def _marked(cls: type) -> list[tuple[str, Callable[..., Any], Endpoint]]:
    members = {name: value for each in reversed(cls.__mro__) for name, value in vars(each).items()}
    return [(name, value, getattr(value, _MARK)) for name, value in members.items() if hasattr(value, _MARK)]


def _operation(name: str, function: Callable[..., Any], endpoint: Endpoint, holder: object) -> Operation:
    path = endpoint.path.replace("{collection}", str(getattr(holder, "path", "")))
    hints = get_type_hints(function)
    models: Mapping[str, Any] = getattr(holder, "models", {})
    parameters = tuple(
        Parameter(
            name=item.name,
            hint=models.get(item.name, hints.get(item.name, str)),
            required=item.default is inspect.Parameter.empty and item.kind is not inspect.Parameter.VAR_KEYWORD,
            default=None if item.default is inspect.Parameter.empty else item.default,
        )
        for item in inspect.signature(function).parameters.values()
        if item.name != "self"
    )
    summary = (inspect.getdoc(function) or "").partition("\n")[0]
    return Operation(name, summary, Endpoint(endpoint.method, path), parameters)
