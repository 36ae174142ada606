"""References to secrets: `env:NAME` names a variable, `file:PATH` a file beside the configuration."""

import os
from collections.abc import Mapping
from pathlib import Path

from providers.contract import Secret
from schemas.errors import HooklineError

MAX_FILE = 64 * 1024
"""A key or a password is small: a larger file is the wrong file."""


class SecretError(HooklineError, ValueError):
    """A reference that leads to no value. The text says why and shows no secret."""


def is_reference(text: str) -> bool:
    """Tell whether a text names a secret instead of being one."""
    return text.startswith(("env:", "file:"))


def resolve(reference: str, folder: Path, environment: Mapping[str, str]) -> Secret:
    """Return the secret that a reference names; a file's path is relative to `folder`.

    Raises SecretError where there is none.
    """
    scheme, _, rest = reference.partition(":")
    value = environment.get(rest, "").strip() if scheme == "env" else _from_file(folder / rest, rest)
    if not value:
        what = f"the variable {rest} is not set or empty" if scheme == "env" else f"the file {rest} is empty"
        raise SecretError(f"{reference}: {what}")
    return Secret(value, reference)


def credential(given: Secret | str) -> Secret:
    """Return the credential that a client was given: a Secret as it is, or a reference to the environment or a file.

    Paths are relative to the working directory. Raises SecretError, also for a text that is no reference: a secret
    that stands in a program ends up in its repository.
    """
    if isinstance(given, Secret):
        return given
    if not is_reference(given):
        raise SecretError("a credential is a reference, env:NAME or file:PATH, or a Secret(value, origin)")
    return resolve(given, Path(), os.environ)


def _from_file(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SecretError(f"file:{name}: not text (UTF-8)") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SecretError(f"file:{name}: cannot be read: {reason}") from error
    if len(data) > MAX_FILE:
        raise SecretError(f"file:{name}: larger than {MAX_FILE} bytes, so hardly a key")
    return text.rstrip("\r\n")
