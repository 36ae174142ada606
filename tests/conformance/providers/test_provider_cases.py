"""The suite itself: no provider escapes it, all tell the same story, and its comparisons can fail."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from hookline.calling.catalogue import operations_of_provider
from providers.registry import PROVIDERS
from tests.support.cases import CASES
from tests.support.conformance.facts import sections_of
from tests.support.conformance.reading import exact, is_part
from tests.support.conformance.story import told_by
from tests.support.provider_cases import ROOT

HERE = Path(__file__).parent
FOURTH = "acme"


def held() -> Mapping[str, Path]:
    """Return by name of the case the file whose class inherits the suite with it."""
    return {name: path for path in HERE.glob("test_provider_*.py") for name in _cases_in(path)}


def _cases_in(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    suites = [node for node in tree.body if isinstance(node, ast.ClassDef) and _inherits(node)]
    return [
        line.value.slice.value
        for suite in suites
        for line in suite.body
        if isinstance(line, ast.Assign)
        and isinstance(line.value, ast.Subscript)
        and isinstance(line.value.slice, ast.Constant)
        and isinstance(line.value.slice.value, str)
    ]


def _inherits(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "ProviderConformance" for base in node.bases)


def test_every_provider_has_a_case() -> None:
    """And the fourth one, which is in no registry."""
    assert set(CASES) == set(PROVIDERS) | {FOURTH}
    assert FOURTH not in PROVIDERS


def test_every_case_is_held() -> None:
    """A file for each, in which a class inherits the suite."""
    assert held() == {name: HERE / f"test_provider_{name}.py" for name in CASES}


def test_all_providers_tell_the_same_story() -> None:
    """One message followed to its end gives one sequence of common events, whoever carried it."""
    told = {name: told_by(case) for name, case in CASES.items()}
    assert [name for name, story in told.items() if story != told["telnyx"]] == []
    assert len(told["telnyx"]) == 5


def test_the_matrix_has_every_provider_and_counts_their_operations() -> None:
    """The one on the front page."""
    matrix = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## The three providers\n")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in matrix.splitlines() if line[:1] == "|"]
    assert rows[0][1:] == [provider.title for provider in PROVIDERS.values()]
    counts = [str(len(operations_of_provider(provider))) for provider in PROVIDERS.values()]
    assert next(row for row in rows if row[0] == "operations")[1:] == counts


def test_the_page_on_adding_a_provider_has_the_sections_of_the_readme() -> None:
    """In the order in which the suite wants them."""
    page = (ROOT / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")
    table = page.partition("\n## The README\n")[2].partition("\n## ")[0]
    named = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert named[1:] == list(sections_of(CASES[FOURTH].folder / "README.md"))


@pytest.mark.parametrize(
    ("kept", "said", "same"),
    [
        (b'{"a":1.0}', b'{"a":1.0,"c":[2]}', True),
        (b'{"a":1}', b'{"a":1.0}', False),
        (b'{"b":1}', b'{"a":1}', False),
        (b'{"a":1}', b'[{"b":2},{"a":1}]', True),
        (b'{"a":[{}]}', b'{"a":[{"content":"x"}]}', True),
        (b'{"a":["y"]}', b'{"a":["x"]}', False),
    ],
)
def test_a_changed_value_is_seen(kept: bytes, said: bytes, *, same: bool) -> None:
    """The comparison of what was kept with what was said."""
    assert is_part(exact(kept), exact(said)) is same
