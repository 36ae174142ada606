# ruff: noqa: A002 - parameters are named as the provider names them
"""Files: their descriptions, and their content on a path of its own. Source: specification, section 11.

Content is reached with a token of the attachment in the place of its id (11.3 to 11.5). Where that token has expired
(404, code 4046) a new one is made, once.

What others sent is untrusted, its name and type too: download an attachment of an inbound message only where its event
says `anti_virus_scan_status` OK (11.7). Nothing here looks at that.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from providers.rest.answers import Answer
from providers.rest.errors import NotFoundError, UnreadableAnswerError
from providers.rest.models import to_json
from providers.rest.operations import operation
from providers.rest.transport import Call, Transport
from providers.syniverse.api.answers import TOKEN_EXPIRED
from providers.syniverse.api.calls import Api, part
from providers.syniverse.api.filters import AttachmentFilters
from providers.syniverse.api.models import Attachment
from providers.syniverse.api.paths import ACCESS_TOKENS, CONTENT
from providers.syniverse.api.records import Created
from providers.syniverse.api.resource import Kind, Resource

T = TypeVar("T")

_BYTES = "application/octet-stream"


class Attachments(Resource[Attachment, AttachmentFilters]):
    """Attachments. To send a file: create, upload, and name its id in a message request."""

    def __init__(self, api: Api, kind: Kind[Attachment, AttachmentFilters], content: Transport) -> None:
        """`content` makes the calls whose 4046 is about the attachment's token, not ours."""
        super().__init__(api, kind)
        self._content = content

    @operation("POST", ACCESS_TOKENS)
    async def token(self, id: str, expiry_time: datetime | None = None) -> Created:
        """Make a token that opens the content of an attachment; its `id` is the token.

        Raises ApiError.
        """
        body = to_json({"resource": "ATTACHMENT", "resource_id": id})
        return await self._api.create(self._operation("token"), ACCESS_TOKENS, body | _expiry(expiry_time))

    @operation("POST", "{collection}/{id}/access_tokens")
    async def access_token(self, id: str, expiry_time: datetime | None = None) -> Created:
        """Make such a token on the attachment's own path, as the SDKs do.

        The Swagger documents no answer there: `token` is the surer way. Raises ApiError.
        """
        name = self._operation("access_token")
        return await self._api.create(name, f"{self._item(id)}/access_tokens", _expiry(expiry_time))

    @operation("POST", f"{CONTENT}/{{token}}/content")
    async def upload(self, id: str, content: bytes, token: str | None = None) -> None:
        """Upload the content of an attachment, whose state becomes UPLOADED.

        Without a `token` one is made. Raises ApiError.
        """
        name = self._operation("upload")

        async def send(opened: str) -> Answer:
            headers = {"Content-Type": _BYTES}
            call = Call(name=name, method="POST", path=_place(opened), body=content, headers=headers)
            return await self._content.call(call)

        await self._opened(id, token, send)

    @operation("GET", f"{CONTENT}/{{token}}/content")
    async def download(self, id: str, token: str | None = None) -> bytes:
        """Download the content of an attachment, 16 MiB at most.

        Without a `token` one is made. Raises ApiError: UnreadableAnswerError for content that is larger, or breaks off.
        """
        name = self._operation("download")

        async def fetch(opened: str) -> Answer:
            call = Call(name=name, method="GET", path=_place(opened), headers={"Accept": "*/*"}, repeatable=True)
            return await self._content.call(call)

        answer = await self._opened(id, token, fetch)
        if not answer.whole:
            raise UnreadableAnswerError(f"{name}: the content is too large, or broke off")
        return answer.body

    async def _opened(self, id: str, token: str | None, use: Callable[[str], Awaitable[T]]) -> T:
        """Use the content with a token, and with a new one where that has expired."""
        try:
            return await use(token or await self._new(id))
        except NotFoundError as error:
            if error.code != TOKEN_EXPIRED:
                raise
        return await use(await self._new(id))

    async def _new(self, id: str) -> str:
        return (await self.token(id)).id or ""


def _place(token: str) -> str:
    return f"{CONTENT}/{part(token)}/content"


def _expiry(expiry_time: datetime | None) -> dict[str, str]:
    return {} if expiry_time is None else {"expiry_time": to_json(expiry_time)}
