"""The pages that set the providers side by side: their words and ours, and every operation of their APIs."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

from hookline.calling.catalogue import operations_of_provider
from hookline.calling.kinds import bare, is_model, kind_of
from hookline.calling.parser import offered_parts
from providers.contract import Provider, Words
from providers.registry import PROVIDERS
from providers.rest.operations import Operation
from schemas.vocabulary import Consent, DeliveryStatus, FailureClass, RequestStatus

_Table = Callable[[Words], Mapping[str, StrEnum]]


def words_page(note: str) -> str:
    """Return the page of every provider's words beside ours."""
    sections = (
        ("Status of a message", DeliveryStatus, lambda words: words.statuses),
        ("Class of a failure, by the provider's code", FailureClass, lambda words: words.failures),
        ("Consent", Consent, lambda words: words.consents),
        ("State of a message request", RequestStatus, lambda words: words.requests),
    )
    tables = (_side_by_side(title, ours, table) for title, ours, table in sections)
    return "\n".join((note, _WORDS_HEAD, *tables))


def operations_page(note: str) -> str:
    """Return the page of every operation of every provider."""
    sections = (_operations(provider) for provider in PROVIDERS.values())
    return "\n".join((note, _OPERATIONS_HEAD, *sections))


def _side_by_side(title: str, ours: type[StrEnum], table: _Table) -> str:
    """Return a table with a row for each of our words and a column for each provider that has some."""
    columns = [provider for provider in PROVIDERS.values() if table(provider.words)]
    head = f"| ours | {' | '.join(provider.title for provider in columns)} |\n|---|{'---|' * len(columns)}"
    rows = (_row(word, [table(provider.words) for provider in columns]) for word in ours)
    return "\n".join((f"## {title}", "", head, *rows, ""))


def _row(word: StrEnum, tables: Iterable[Mapping[str, StrEnum]]) -> str:
    cells = (", ".join(f"`{theirs}`" for theirs, found in table.items() if found is word) for table in tables)
    return f"| `{word}` | {' | '.join(cells)} |"


def _operations(provider: Provider) -> str:
    rows = (_operation_row(operation) for operation in operations_of_provider(provider).values())
    return "\n".join((f"## {provider.title}", "", _OPERATIONS_TABLE, *rows, ""))


def _operation_row(operation: Operation) -> str:
    endpoint = operation.endpoint
    options = ", ".join(_options(operation)) or "nothing"
    return f"| `{operation.name}` | `{endpoint.method} {endpoint.path}` | {operation.summary} | {options} |"


def _options(operation: Operation) -> Iterable[str]:
    for parameter in operation.parameters:
        if is_model(parameter.hint):
            parts = offered_parts(operation, bare(parameter.hint))
            yield from (_option(item.name, hint, required=False) for item, hint in parts)
        else:
            yield _option(parameter.name, parameter.hint, required=parameter.required)


def _option(name: str, hint: Any, *, required: bool) -> str:
    kind = kind_of(hint)
    mark = "**" if required else ""
    more = " ..." if kind.many else ""
    return f"{mark}`--{name.rstrip('_').replace('_', '-')}{more}`{mark}"


_WORDS_HEAD = """# Words

What each provider calls it, and what we call it. A word that stands in no table passes through: the event has it as
`provider_status` or in `errors`, with `unknown` as ours. The tables are those that the code uses.
"""
_OPERATIONS_HEAD = """# Operations

`hookline call ACCOUNT OPERATION --help` says what kind of value each option takes. In Python:
`from hookline import TelnyxClient, MessageMediaClient, SyniverseClient`; the methods and their arguments have the same
names, with underscores. Bold options must be given; `...` takes several values.
"""
_OPERATIONS_TABLE = "| operation | request | what | options |\n|---|---|---|---|"
