"""The files of an MMS: where they stand in the raw record; and the body without them and without secrets."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from providers.fields import LONGEST_LIST, Json, text
from providers.messagemedia.events.members import Members
from providers.redaction import kept_target
from schemas.events import Media
from schemas.json_text import JsonText

# The fixed notifications' name, and the variable's.
_CONTENTS = ("content", "base64")
_URL = "callback_url"


def media_of(members: Members) -> tuple[Media, ...]:
    """Return the files of a message, each with a pointer to its base64 text in the raw body (RFC 6901)."""
    for path, value in members.found("attachments"):
        files = tuple(_files(path, value))
        if files:
            return files
    return ()


def carried(json: JsonText | None, members: Members) -> JsonText | None:
    """Return a body to carry along, byte for byte where it holds nothing that the raw record alone keeps.

    That is the contents of files, the rest of a list that is longer than any message's, and the secrets in the URL
    that the notification went to.
    """
    if json is None:
        return None
    root = _without_secrets(members.root)
    for path, _ in members.found("attachments"):
        root = _emptied(root, path)
    return json if root == members.root else JsonText.of(root)


def _without_secrets(root: Json) -> Json:
    url = root.get(_URL)
    if url is None:
        return root
    # A form that repeats the name makes a list of it, which nobody needs.
    return {**root, _URL: kept_target(url) if isinstance(url, str) else None}


def _files(path: tuple[str, ...], value: Any) -> Iterator[Media]:
    # A lone file stands under the member itself, without a place in a list.
    places = enumerate(value[:LONGEST_LIST]) if isinstance(value, list) else ((None, value),)
    for place, item in places:
        if isinstance(item, dict):
            yield _file((*path, *(() if place is None else (str(place),))), item)


def _file(path: tuple[str, ...], item: Json) -> Media:
    name = next((name for name in _CONTENTS if isinstance(item.get(name), str) and item[name]), None)
    return Media(
        content_type=text(item, "content_type", "contentType"),
        size=None if name is None else _decoded_size(item[name]),
        name=text(item, "original_name", "originalName"),
        pointer=None if name is None else _pointer((*path, name)),
    )


def _decoded_size(content: str) -> int | None:
    """Return the bytes that a base64 text stands for; None where it is no base64."""
    try:
        return len(base64.b64decode("".join(content.split()), validate=True))
    except (binascii.Error, ValueError):
        return None


def _pointer(path: tuple[str, ...]) -> str:
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)


def _emptied(value: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return [_bare(item) for item in value[:LONGEST_LIST]] if isinstance(value, list) else _bare(value)
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: _emptied(value[path[0]], path[1:])}


def _bare(item: Any) -> Any:
    """Return an attachment without its content; one that is a text is nothing but content."""
    if isinstance(item, dict):
        return {name: value for name, value in item.items() if name not in _CONTENTS}
    return None if isinstance(item, str) else item
