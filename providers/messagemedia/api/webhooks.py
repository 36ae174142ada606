"""The account's webhooks: create, list, update, delete. Source: README of this folder, section 4.1."""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.fields import integer
from providers.messagemedia.api import limits
from providers.messagemedia.api.calls import Calls, list_of, object_of
from providers.messagemedia.api.models import MessageWebhook
from providers.rest.errors import LimitError
from providers.rest.operations import operation
from providers.rest.pages import Page, Pages
from providers.rest.paths import path_part

_PATH = "/v1/webhooks/messages"
DEFAULT_PAGE_SIZE = 20


class Webhooks:
    """The webhooks of an account. No two may have the same URL and method."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @operation("POST", _PATH)
    async def create(  # noqa: PLR0913 - the properties of a webhook, as the provider has them
        self,
        *,
        url: str,
        method: str,
        encoding: str,
        events: Sequence[str],
        headers: Mapping[str, str] | None = None,
        template: str | None = None,
        read_timeout: int | None = None,
        retries: int | None = None,
        retry_delay: int | None = None,
    ) -> MessageWebhook:
        """Create a webhook for the whole account.

        `method` is GET, POST, PATCH, PUT or DELETE; `encoding` JSON, FORM_ENCODED or XML; `read_timeout` is in
        milliseconds, `retry_delay` in seconds. Raises LimitError, ConflictError where URL and method are taken.
        """
        limits.check_patience(read_timeout, retries, retry_delay)
        given = _given(url=url, method=method, encoding=encoding, events=events, headers=headers, template=template)
        patience = {"read_timeout": read_timeout, "retries": retries, "retry_delay": retry_delay}
        body = given | {name: value for name, value in patience.items() if value is not None}
        return _webhook("webhooks.create", await self._calls.change("webhooks.create", "POST", _PATH, body))

    @operation("GET", _PATH)
    def list(self, *, page_size: int = DEFAULT_PAGE_SIZE) -> Pages[MessageWebhook]:
        """List the webhooks of the account; pages count from 0."""
        limits.check_page_size(page_size)

        async def fetch(page: int) -> Page[MessageWebhook]:
            query = (("page", str(page)), ("page_size", str(page_size)))
            answer = await self._calls.get("webhooks.list", _PATH, query)
            found = list_of(answer, "webhooks.list", "pageData")
            # The provider may give smaller pages than it was asked for, and then says so.
            size = min(page_size, integer(object_of(answer, "webhooks.list"), "pageSize") or page_size)
            return Page(
                items=tuple(map(MessageWebhook.of, found)),
                place=page,
                next_place=page + 1 if len(found) >= size else None,
            )

        return Pages(fetch, 0)

    @operation("PATCH", f"{_PATH}/{{webhook_id}}")
    async def update(  # noqa: PLR0913 - the properties of a webhook, as the provider has them
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        method: str | None = None,
        encoding: str | None = None,
        events: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        template: str | None = None,
    ) -> MessageWebhook:
        """Change properties of a webhook, at least one. Retries and timeouts are set at creation alone.

        Raises LimitError, NotFoundError.
        """
        body = _given(url=url, method=method, encoding=encoding, events=events, headers=headers, template=template)
        if not body:
            raise LimitError("webhooks.update: no property to change")
        # The same values set twice are set once.
        answer = await self._calls.change("webhooks.update", "PATCH", _one(webhook_id), body, repeatable=True)
        return _webhook("webhooks.update", answer)

    @operation("DELETE", f"{_PATH}/{{webhook_id}}")
    async def delete(self, webhook_id: str) -> None:
        """Delete a webhook.

        Raises NotFoundError, also where a repeat of a lost answer finds it gone.
        """
        await self._calls.change("webhooks.delete", "DELETE", _one(webhook_id), repeatable=True)


def _given(**properties: Any) -> dict[str, Any]:
    """Check the properties that can be set at any time, and return those that are given."""
    limits.check_webhook_url(properties["url"])
    limits.check_word("method", properties["method"], limits.WEBHOOK_METHODS)
    limits.check_word("encoding", properties["encoding"], limits.ENCODINGS)
    limits.check_events(properties["events"])
    limits.check_headers(properties["headers"])
    return {name: value for name, value in properties.items() if value is not None}


def _one(webhook_id: str) -> str:
    return f"{_PATH}/{path_part('webhook_id', webhook_id)}"


def _webhook(name: str, answer: Any) -> MessageWebhook:
    return MessageWebhook.of(object_of(answer, name))
