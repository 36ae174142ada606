"""`consumers.state`: a file, a server, or a reference to a URL; no password is shown or stands in the file."""

from pathlib import Path

import pytest

from hookline.configuration.config import Config, ConfigError, load_config
from tests.support.front import Desk

URL = "postgresql://hook:s3cret@db.example:5433/hookline"


def load(folder: Path, state: str, **environment: str) -> Config:
    """Load a configuration with that state."""
    return load_config(Desk(folder).write("[consumers]", f'state = "{state}"'), environment)


@pytest.mark.parametrize(
    ("state", "url"),
    [
        ("sqlite:////var/s.db", "sqlite:////var/s.db"),
        ("postgresql://hook@db.example/hookline", "postgresql://hook@db.example/hookline"),
        ("postgresql:///hookline?host=/run/postgresql", "postgresql:///hookline?host=/run/postgresql"),
        ("env:STATE", URL),
        ("file:state.url", URL),
        ("env:FILE", "sqlite:////var/s.db"),
    ],
)
def test_a_state_is_a_file_a_server_or_a_reference(tmp_path: Path, state: str, url: str) -> None:
    """A reference is resolved to the URL behind it."""
    (tmp_path / "state.url").write_text(URL + "\n")
    assert load(tmp_path, state, STATE=URL, FILE="sqlite:////var/s.db").consumers.state == url


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (URL, "a password comes from the environment or a file: write env:NAME or file:PATH"),
        ("postgresql://h/d?password=s3cret", "a password comes from the environment"),
        ("postgresql://hook:s3cret@db.example", "what stands there is not of the form sqlite:///PATH or postgresql"),
        ("postgresql://hook:s3cret@db.example:cret/hookline", "what stands there is not of the form"),
        ("postgresql://hook:wrong@s3cret@db.example/hookline", "what stands there is not of the form"),
        ("postgres://hook:s3cret@db.example/hookline", "what stands there is not of the form"),
        ("postgres://h/d?password=s3cret", "what stands there is not of the form"),
        ("mysql://db.example/hookline", "'mysql://db.example/hookline' is not of the form"),
        ("env:STATE", "env:STATE is not of the form"),
        ("env:NOTHING", "env:NOTHING: the variable NOTHING is not set or empty"),
    ],
)
def test_what_is_no_state_is_told_without_its_secret(tmp_path: Path, state: str, told: str) -> None:
    """At its line, with what to do."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, state, STATE="postgresql://hook:s3cret@/")
    assert f"hookline.toml:2: consumers.state: {told}" in str(caught.value)
    assert "cret" not in str(caught.value)


def test_a_password_is_in_no_repr(tmp_path: Path) -> None:
    """A configuration that is shown shows no state."""
    assert "s3cret" not in repr(load(tmp_path, "env:STATE", STATE=URL))
