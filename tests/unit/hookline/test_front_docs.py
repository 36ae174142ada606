"""The pages that are made from the code: nothing goes undocumented, and what is written is what is true."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest

from hookline import docs
from hookline.cli import COMMANDS
from hookline.configuration.config import TABLES
from providers.registry import PROVIDERS


def settings_tables(cls: type) -> Iterator[type]:
    """Yield a settings class and those nested in it."""
    yield cls
    for hint in get_type_hints(cls).values():
        inner = get_args(hint)[-1 if get_origin(hint) is Mapping else 0] if get_args(hint) else hint
        if isinstance(inner, type) and is_dataclass(inner):
            yield from settings_tables(inner)


@pytest.mark.parametrize("cls", [cls for top in TABLES.values() for cls in settings_tables(top)])
def test_every_setting_has_a_line_of_documentation(cls: type) -> None:
    """A setting that nobody explains is a setting that nobody can use; a nested table has its own lines."""
    hints = get_type_hints(cls)
    bare = [
        item.name
        for item in fields(cls)
        if not item.metadata.get("doc") and not (isinstance(hints[item.name], type) and is_dataclass(hints[item.name]))
    ]
    assert bare == []


def test_every_setting_of_an_account_has_a_summary() -> None:
    """The same for what providers add."""
    assert [setting.name for item in PROVIDERS.values() for setting in item.settings if not setting.summary] == []


@pytest.mark.parametrize("name", ["configuration.md", "metrics.md", "words.md", "operations.md"])
def test_the_page_is_what_the_code_says(name: str) -> None:
    """`python -m hookline.docs` writes it anew."""
    assert (docs.FOLDER / name).read_text(encoding="utf-8") == docs.pages()[name]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse words its help otherwise from 3.13 on")
def test_the_page_of_commands_is_what_they_print() -> None:
    """`python -m hookline.docs` writes it anew."""
    assert (docs.FOLDER / "cli.md").read_text(encoding="utf-8") == docs.cli_page()


def test_every_command_is_on_its_page() -> None:
    """Whatever the Python."""
    text = (docs.FOLDER / "cli.md").read_text(encoding="utf-8")
    assert [command.name for command in COMMANDS if f"## `hookline {command.name}`" not in text] == []


def test_the_pages_name_no_folder_of_this_machine() -> None:
    """They are the same wherever they are written."""
    home = str(Path(__file__).parents[3])
    assert [name for name, text in docs.pages().items() if home in text] == []
