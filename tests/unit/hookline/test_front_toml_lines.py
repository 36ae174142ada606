"""The scanner that finds the line of a key."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.configuration.toml_lines import KeyPath, lines_of

TEXT = '''# a comment with [brackets] = and "quotes"
title = "x # not a comment"
[a.b]
c = [
  1,  # one ]
  "]",
]
d = { e = 1, f = { g = "}" } }
"quoted.key" = 1
'lit' = 1
long = """
[not.a.table]
key = "no"
"""
after.dotted = 1

[[rules]]
name = "one"
[[rules]]
name = "two"
[rules.inner]
x = 1
[[rules.deep]]
y = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("a", "b"), 3),
        (("a", "b", "c", 1), 6),
        (("a", "b", "d", "f", "g"), 8),
        (("a", "b", "quoted.key"), 9),
        (("a", "b", "lit"), 10),
        (("a", "b", "after", "dotted"), 15),
        (("rules", 0), 17),
        (("rules", 1, "name"), 20),
        (("rules", 1, "inner", "x"), 22),
        (("rules", 1, "deep", 0, "y"), 24),
    ],
)
def test_each_kind_of_key_has_its_line(path: KeyPath, line: int) -> None:
    """Dotted and quoted keys, inline tables, arrays, arrays of tables, and texts that look like all of them."""
    assert lines_of(TEXT)[path] == line


def test_a_text_over_several_lines_hides_its_content() -> None:
    """What stands inside of a long text is no key."""
    assert ("not", "a", "table") not in lines_of(TEXT)


def test_windows_line_ends_count_once() -> None:
    """CR LF is one line end."""
    assert lines_of("a = 1\r\nb = 2\r\n")[("b",)] == 2


keys = st.text("ab.-#=[]\"' ü\n\\", min_size=1, max_size=4)
scalars = st.booleans() | st.integers(-9, 9) | st.text("a#]}=\"'\n\\,", max_size=6)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


@settings(deadline=None)
@given(st.dictionaries(keys, trees, max_size=4), st.booleans())
def test_every_key_of_every_document_is_found_in_order(tree: dict[str, Any], tables: bool) -> None:
    """Whatever tomllib reads has a line, and later keys have later ones."""
    text = "".join(_written(key, value, tables=tables) for key, value in _plain_first(tree))
    found = lines_of(text)
    paths = list(_paths((), tomllib.loads(text)))
    assert set(paths) <= found.keys()
    tops = [found[path] for path in paths if len(path) == 1]
    assert tops == sorted(tops)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


def _plain_first(tree: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(tree.items(), key=lambda pair: isinstance(pair[1], dict))


def _written(key: str, value: Any, *, tables: bool) -> str:
    if isinstance(value, dict) and tables:
        return f"[{json.dumps(key)}]\n" + "".join(f"{json.dumps(k)} = {_inline(v)}\n" for k, v in value.items())
    return f"{json.dumps(key)} = {_inline(value)} # end\n"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(_inline(item) for item in value) + "]"
    return json.dumps(value)


def _paths(path: KeyPath, value: Any) -> Iterator[KeyPath]:
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in children:
        yield from _paths((*path, key), item)
