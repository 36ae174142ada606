"""Attachments: a token for each, by which the bytes come up and down."""

from collections.abc import Sequence

from providers.api_calls import Call, Route, json_answer, no_content, routes
from providers.simulation import ApiAnswer
from providers.syniverse.simulation.refusals import error, missing, not_found
from providers.syniverse.simulation.store import Store

ATTACHMENTS = "/messaging/attachments"
TOKENS = "/access_tokens"
_CONTENT = "/scg-attachment/api/v1/messaging/attachments/([^/]+)/content"
_KEPT = 1000


class Attachments:
    """The bytes of the latest 1000 attachments that have any."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._contents: dict[str, bytes] = {}

    def routes(self, base: str) -> Sequence[Route]:
        """Return the routes of tokens and contents."""
        return (
            *routes(f"{base}{TOKENS}", post=self._token),
            *routes(f"{base}{ATTACHMENTS}/([^/]+)/access_tokens", post=self._token_of),
            *routes(_CONTENT, get=self._download, post=self._upload),
        )

    def keep(self, attachment_id: str, content: bytes, now: float) -> None:
        """Put the bytes of an attachment in place."""
        self._contents[attachment_id] = content
        if len(self._contents) > _KEPT:
            del self._contents[next(iter(self._contents))]
        self._store.change(ATTACHMENTS, attachment_id, {"state": "UPLOADED", "size": len(content)}, now)

    def _token(self, call: Call) -> ApiAnswer:
        given = call.fields()
        lacking = next((name for name in ("resource", "resource_id") if not given.get(name)), None)
        if lacking is not None:
            return missing(lacking)
        made = self._store.create(TOKENS, given, call.now)
        return json_answer(200, {"id": made["id"]})

    def _token_of(self, call: Call, attachment_id: str) -> ApiAnswer:
        if self._store.find(ATTACHMENTS, attachment_id) is None:
            return not_found()
        made = self._store.create(TOKENS, {"resource": "ATTACHMENT", "resource_id": attachment_id}, call.now)
        return json_answer(200, {"id": made["id"]})

    def _upload(self, call: Call, token: str) -> ApiAnswer:
        attachment_id = self._named(token)
        if attachment_id is None:
            return error(404, "4046")
        if attachment_id in self._contents:
            return error(403, "4032")
        self.keep(attachment_id, call.body, call.now)
        return no_content()

    def _download(self, _call: Call, token: str) -> ApiAnswer:
        attachment_id = self._named(token)
        if attachment_id is None:
            return error(404, "4046")
        content = self._contents.get(attachment_id)
        if content is None:
            return error(400, "40030")
        return ApiAnswer(status=200, body=content, headers={"content-type": "application/octet-stream"})

    def _named(self, token: str) -> str | None:
        """Return the attachment that a token is for."""
        found = self._store.find(TOKENS, token) or {}
        attachment = self._store.find(ATTACHMENTS, found.get("resource_id"))
        return None if attachment is None or found.get("resource") != "ATTACHMENT" else str(attachment["id"])
