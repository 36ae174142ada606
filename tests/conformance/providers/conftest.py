"""The conformance suite of providers: each test class names its case, and the parameters come from that."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

pytest.register_assert_rewrite("tests.support.conformance")

from providers.registry import CLOUDS, PROVIDERS  # noqa: E402 - the line above has to come before the suite is imported
from tests.support.provider_cases import ProviderCase  # noqa: E402 - the same


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a sample, an example, a way or a vector once for each that the case has."""
    case: ProviderCase | None = getattr(metafunc.cls, "case", None)
    if case is None:
        return
    for name in ("sample", "example", "way", "vector", "unusable"):
        if name in metafunc.fixturenames:
            found = _parameters(case, name)
            metafunc.parametrize(name, [value for _, value in found], ids=[label for label, _ in found])


def _parameters(case: ProviderCase, name: str) -> Sequence[tuple[str, Any]]:
    if name == "sample":
        return [(f"{at}-{each.name}", each) for at, each in enumerate(case.samples)]
    if name == "example":
        # None makes one test that says why it is skipped.
        return [(path.name, path) for path in case.example_files] or [("none", None)]
    if name == "way":
        return [(way.name, way) for way in case.ways]
    if name == "vector":
        return [(vector.name, vector) for vector in case.vectors()] or [("none", None)]
    return [(word, word) for word in case.unusable]


@pytest.fixture(autouse=True)
def _registered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the provider of the case be found by its name, also the one that is made for the tests alone."""
    case: ProviderCase | None = getattr(request.cls, "case", None)
    if case is not None:
        monkeypatch.setitem(cast("dict[str, Any]", PROVIDERS), case.provider.name, case.provider)
        monkeypatch.setitem(cast("dict[str, Any]", CLOUDS), case.provider.name, case.cloud)
