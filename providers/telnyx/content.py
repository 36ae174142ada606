"""What a person wrote, in each of the shapes that SMS, MMS, RCS and WhatsApp give it."""

from dataclasses import dataclass

from providers.fields import EMPTY, Json, integer, items, mapping, text, word
from schemas.events import Media

_MEDIA_TYPES = ("image", "audio", "video", "document", "sticker")
# The kinds of RCS content, by the one member that `body` has (README, section 3).
_RCS_KINDS = ("user_file", "location", "suggestion_response", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The text and files of a message. `kind` is the provider's word for it where it has one."""

    text: str | None = None
    media: tuple[Media, ...] = ()
    kind: str | None = None
    related_message_id: str | None = None


def content_of(payload: Json) -> Content:
    """Return what a message says. `text` and `media` of the payload go before those in `body`."""
    body = mapping(payload, "body")
    inner = _whatsapp(body) if text(body, "type") else _rcs(body)
    return Content(
        text=text(payload, "text") or inner.text,
        media=_attachments(payload) or inner.media,
        kind=inner.kind,
        related_message_id=inner.related_message_id,
    )


def _attachments(payload: Json) -> tuple[Media, ...]:
    found = items(payload, "media")
    return tuple(_attachment({"url": item} if isinstance(item, str) else item) for item in found if _is_file(item))


def _is_file(item: object) -> bool:
    return bool(item) and isinstance(item, dict | str)


def _attachment(item: Json) -> Media:
    return Media(
        url=text(item, "url"),
        content_type=text(item, "content_type", "type"),
        size=integer(item, "size"),
        hash=text(item, "sha256", "hash_sha256"),
    )


def _rcs(body: Json) -> Content:
    kind = next((name for name in _RCS_KINDS if name in body), None)
    return Content(
        text=text(body, "text") or text(mapping(body, "suggestion_response"), "text"),
        media=_user_file(mapping(mapping(body, "user_file"), "payload")),
        kind=kind,
    )


def _user_file(file: Json) -> tuple[Media, ...]:
    if not file:
        return ()
    return (
        Media(
            url=text(file, "file_uri"),
            content_type=text(file, "mime_type"),
            size=integer(file, "file_size_bytes"),
            name=text(file, "file_name"),
        ),
    )


def _whatsapp(body: Json) -> Content:
    kind = word(body, "type") or ""
    inner = mapping(body, kind)
    edited = _whatsapp(mapping(inner, "message")) if kind == "edit" and inner is not EMPTY else Content()
    return Content(
        text=_words(kind, inner) or edited.text,
        media=_whatsapp_file(inner) if kind in _MEDIA_TYPES else edited.media,
        kind=kind or None,
        related_message_id=text(inner, "original_message_id", "message_id"),
    )


def _words(kind: str, inner: Json) -> str | None:
    """Return the text in a WhatsApp content object, whose members Meta defines."""
    match kind:
        case "text":
            return text(inner, "body")
        case "button":
            return text(inner, "text")
        case "interactive":
            return text(mapping(inner, "button_reply"), "title") or text(mapping(inner, "list_reply"), "title")
        case _:
            return text(inner, "caption")


def _whatsapp_file(inner: Json) -> tuple[Media, ...]:
    if not inner:
        return ()
    return (
        Media(
            url=text(inner, "url", "link"),
            content_type=text(inner, "mime_type"),
            size=integer(inner, "file_size"),
            hash=text(inner, "sha256"),
            name=text(inner, "filename"),
        ),
    )
