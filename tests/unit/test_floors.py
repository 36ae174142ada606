"""The floors: imports point down only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What each room may import of ours, besides itself.
BELOW = {
    "schemas": set[str](),
    "providers": {"schemas"},
    "broker": {"schemas"},
    "ingest": {"schemas", "providers", "broker"},
    "consumers": {"schemas", "providers", "broker"},
    "hookline": {"schemas", "providers", "broker", "ingest", "consumers"},
}


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms of ours that a file imports, at its top or inside a function."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found.add((node.module or "").partition(".")[0])
    return found & BELOW.keys()


@pytest.mark.parametrize("room", BELOW)
def test_imports_point_down(room: str) -> None:
    """A line of code that has to look up is in the wrong room."""
    allowed = BELOW[room] | {room}
    wrong = {
        str(path.relative_to(ROOT)): sorted(imported_rooms(path) - allowed)
        for path in (ROOT / room).rglob("*.py")
        if imported_rooms(path) - allowed
    }
    assert wrong == {}


def test_only_ingest_and_the_front_door_serve_http() -> None:
    """Providers and consumers never see the objects of an HTTP server."""
    offenders = [
        str(path.relative_to(ROOT))
        for room in ("schemas", "providers", "broker", "consumers")
        for path in (ROOT / room).rglob("*.py")
        if "aiohttp import web" in path.read_text() or "aiohttp.web" in path.read_text()
    ]
    assert offenders == []
