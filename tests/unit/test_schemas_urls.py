"""The URLs of SQLite files."""

from pathlib import Path

import pytest

from schemas.urls import sqlite_path


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:///var/a.db", "var/a.db"), ("sqlite:////var/a.db", "/var/a.db"), ("sqlite:///a", "a")]
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    """Three slashes are relative, four absolute."""
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.db",
        "sqlite:a",
        "sqlite://a",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///:memory:",
        "sqlite:///a\0",
        "kafka://a",
    ],
)
def test_a_url_without_a_file(url: str) -> None:
    """A memory, a folder, another scheme: no file."""
    assert sqlite_path(url) is None
