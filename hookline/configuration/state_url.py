"""`consumers.state`: a file, a server, or a reference to the URL of one."""

from collections.abc import Mapping
from pathlib import Path

from hookline.configuration.checks import check_home
from hookline.configuration.problems import Problems, name_of, shown_url
from hookline.configuration.toml_lines import KeyPath
from providers.credentials import SecretError, is_reference, resolve
from schemas.urls import SQLITE, sqlite_path

PATH: KeyPath = ("consumers", "state")
FORMS = "sqlite:///PATH or postgresql://USER@HOST:PORT/DATABASE"
NO_PASSWORD = "a password comes from the environment or a file: write env:NAME or file:PATH, and there the whole URL"  # noqa: S105 - an advice


def read_state(text: str, folder: Path, environment: Mapping[str, str], problems: Problems) -> str:
    """Return the URL of the state, a path of it absolute. Notes what is wrong and shows nothing of a server's URL."""
    check_home(text, PATH, problems)
    if not is_reference(text):
        return _checked(text, folder, problems, secret=False)
    try:
        url = resolve(text, folder, environment).value
    except SecretError as error:
        problems.add(PATH, f"{name_of(PATH)}: {error}")
        return text
    return _checked(url, folder, problems, secret=True, shown=text)


def _checked(url: str, folder: Path, problems: Problems, *, secret: bool, shown: str | None = None) -> str:
    path = sqlite_path(url)
    if path is not None:
        return f"{SQLITE}{(folder / path).absolute()}"
    # Only where a server is meant: its driver takes a while to import.
    if "postgres" in url and _is_server(url, problems, secret=secret):
        return url
    problems.add(PATH, f"{name_of(PATH)}: {shown or shown_url(url)} is not of the form {FORMS}")
    return url


def _is_server(url: str, problems: Problems, *, secret: bool) -> bool:
    from consumers.state.engines import postgresql_url

    server = postgresql_url(url)
    if server is not None and not secret and (server.password or "password" in server.query):
        problems.add(PATH, f"{name_of(PATH)}: {NO_PASSWORD}")
    return server is not None
