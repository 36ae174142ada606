# ruff: noqa: A002 - parameters are named as the provider names them
"""What some resources can do beyond the six operations of all. Source: specification, sections 3, 4.1, 12."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from providers.rest.errors import LimitError
from providers.rest.operations import operation
from providers.rest.pages import Pages
from providers.syniverse.api.answers import object_of
from providers.syniverse.api.calls import Api, Listing, part
from providers.syniverse.api.filters import (
    ConsentFilters,
    Filters,
    MessageFilters,
    MessageRequestFilters,
    SenderIdFilters,
    query_of,
)
from providers.syniverse.api.limits import check_recipient
from providers.syniverse.api.models import Attachment, Counts, Message, MessageRequest, SenderId
from providers.syniverse.api.people import ConsentStatus
from providers.syniverse.api.records import Created, Deleted, Partial, Record
from providers.syniverse.api.resource import Kind, Resource, Stateful, list_query

R = TypeVar("R", bound=Record)
F = TypeVar("F", bound=Filters)

_LONGEST_SEARCH = 1000


class MessageRequests(Stateful[MessageRequest, MessageRequestFilters]):
    """Message requests. One with `scheduled_delivery_time` waits for it.

    A create whose outcome is unknown (OutcomeUnknownError) may have sent: with an `external_id`, ask
    `find_by_external_id` before you send again.
    """

    @operation("POST", "{collection}/{id}")
    async def cancel(self, id: str) -> None:
        """Cancel a message request, in whatever state it is.

        Raises ApiError.
        """
        await self._set_state(self._operation("cancel"), id, "CANCELED")

    @operation("POST", "{collection}/{id}")
    async def resume(self, id: str) -> None:
        """Let a message request that was paused before its transmission go on.

        Raises ApiError.
        """
        await self._set_state(self._operation("resume"), id, "TRANSMITTING")

    @operation("DELETE", "{collection}/scheduled/{id}")
    async def cancel_scheduled(self, id: str) -> None:
        """Cancel a scheduled message request before its time.

        Raises ApiError.
        """
        await self._api.remove(self._operation("cancel_scheduled"), f"{self.path}/scheduled/{part(id)}")

    @operation("GET", "{collection}/{id}")
    async def counts(self, id: str) -> Counts:
        """Read how many of a request's messages were sent, delivered, read and so on.

        Raises ApiError.
        """
        name = self._operation("counts")
        return Counts.of(object_of(await self._api.read(name, self._item(id)), name))

    @operation("GET", "{collection}/{request_id}/messages")
    def messages(  # noqa: PLR0913 - each is a parameter of the list
        self,
        request_id: str,
        filters: MessageFilters | None = None,
        *,
        sort: str | None = None,
        offset: int = 0,
        limit: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Pages[Message]:
        """List the messages of a request, by filters.

        Raises LimitError; reading raises ApiError.
        """
        query = list_query(filters, sort, extra, self._api.clock())
        path = f"{self._item(request_id)}/messages"
        name = self._operation("messages")
        return self._api.pages(Message, Listing(name=name, path=path, query=query, offset=offset, limit=limit))

    @operation("GET", "{collection}")
    async def find_by_external_id(self, external_id: str) -> MessageRequest | None:
        """Find the message request that was sent with an external id; None where there is none.

        A request that was sent a moment ago may not be found yet. Raises ApiError.
        """
        name = self._operation("find_by_external_id")
        listing = Listing(name=name, path=self.path, query=[("external_id", external_id)])
        seen = 0
        async for found in self._api.pages(MessageRequest, listing):
            # An id may hold commas, which a filter reads as several.
            if found.external_id is not None and found.external_id.strip() == external_id.strip():
                return found
            seen += 1
            if seen >= _LONGEST_SEARCH:
                break
        return None


class Messages(Stateful[Message, MessageFilters]):
    """Messages: create sends to one person; `set_state` to CONVERTED records a conversion of your own."""

    @operation("POST", "{collection}/{id}")
    async def mark_processed(self, id: str) -> None:
        """Mark an inbound message as fetched; one that is marked already is no error.

        Raises ApiError.
        """
        await self._set_state(self._operation("mark_processed"), id, "PROCESSED")

    @operation("DELETE", "{collection}/scheduled/{id}")
    async def cancel_scheduled(self, id: str) -> None:
        """Cancel a scheduled message before its time.

        Raises ApiError.
        """
        await self._api.remove(self._operation("cancel_scheduled"), f"{self.path}/scheduled/{part(id)}")

    @operation("GET", "{collection}/{id}/attachments")
    def attachments(self, id: str, *, offset: int = 0, limit: int | None = None) -> Pages[Attachment]:
        """List the attachments of a message.

        Raises LimitError; reading raises ApiError.
        """
        name, path = self._operation("attachments"), f"{self._item(id)}/attachments"
        return self._api.pages(Attachment, Listing(name=name, path=path, offset=offset, limit=limit))


class SenderIds(Stateful[SenderId, SenderIdFilters]):
    """Sender ids."""

    @operation("POST", "{collection}/{id}")
    async def activate(self, id: str) -> None:
        """Set a sender id to work.

        Raises ApiError.
        """
        await self._set_state(self._operation("activate"), id, "ACTIVE")

    @operation("POST", "{collection}/{id}")
    async def deactivate(self, id: str) -> None:
        """Set a sender id to rest.

        Raises ApiError.
        """
        await self._set_state(self._operation("deactivate"), id, "INACTIVE")

    @operation("POST", "{collection}/purchase")
    async def purchase(self, parent_id: str) -> Created:
        """Buy a sender id that is offered: `parent_id` names the offer.

        It costs money, and is never tried twice where it may have come about. Raises ApiError.
        """
        return await self._api.create(self._operation("purchase"), f"{self.path}/purchase", {"parent_id": parent_id})

    @operation("GET", "{collection}/list")
    def list_limited(self, name: Sequence[str] = (), *, offset: int = 0, limit: int | None = None) -> Pages[SenderId]:
        """List sender ids by name, with a few of their fields.

        Raises LimitError; reading raises ApiError.
        """
        listing = Listing(
            name=self._operation("list_limited"),
            path=f"{self.path}/list",
            query=query_of(SenderIdFilters(name=tuple(name)), self._api.clock()),
            offset=offset,
            limit=limit,
        )
        return self._api.pages(SenderId, listing)

    @operation("DELETE", "{collection}")
    async def delete_by(self, filters: SenderIdFilters) -> Deleted:
        """Delete all sender ids that the filters name, and tell how many there were.

        Raises LimitError without any filter, for that would be all; raises ApiError.
        """
        name = self._operation("delete_by")
        query = query_of(filters, self._api.clock())
        if not query:
            raise LimitError(f"{name}: without a filter all sender ids would be deleted")
        return Deleted.of((await self._api.remove(name, self.path, query)).json())


class Consent(Resource[ConsentStatus, ConsentFilters]):
    """Consent of addresses, for each sender. An update sets `consent_status` alone."""

    @operation("POST", "{collection}/optout")
    async def optout(self, sender_id: str, addresses: Sequence[str], consent_status: str) -> Partial:
        """Record that people have opted out of a sender.

        `consent_status` says how: WEB, IVR, APP, EMAIL, POS, SMS, SINGLE or MIGRATION. Raises ApiError.
        """
        for address in addresses:
            check_recipient(address)
        body = {"sender_id": sender_id, "addresses": [*addresses], "consent_status": consent_status}
        return Partial.of(await self._api.post(self._operation("optout"), f"{self.path}/optout", body))


class Members(Generic[R, F]):
    """What belongs to an item: the contacts of a group, the sender ids of a channel."""

    def __init__(self, api: Api, kind: Kind[R, F], field: str) -> None:
        """`kind.path` has `{owner_id}` for whom they belong to; `field` is what a request calls the list of ids."""
        self._api = api
        self._kind = kind
        self._field = field
        self.path = kind.path
        self.models: Mapping[str, type] = {"filters": kind.filters}

    @operation("POST", "{collection}")
    async def add(self, owner_id: str, members: Sequence[str]) -> Partial:
        """Add members by their ids.

        `errors` of the answer names those that were not added; the others were. Raises ApiError.
        """
        body = {self._field: [*members]}
        return Partial.of(await self._api.post(f"{self._kind.name}.add", self._of(owner_id), body))

    @operation("GET", "{collection}")
    def list(  # noqa: PLR0913 - each is a parameter of the list
        self,
        owner_id: str,
        filters: F | None = None,
        *,
        sort: str | None = None,
        offset: int = 0,
        limit: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Pages[R]:
        """List the members, by filters.

        Raises LimitError; reading raises ApiError.
        """
        query = list_query(filters, sort, extra, self._api.clock())
        listing = Listing(
            name=f"{self._kind.name}.list", path=self._of(owner_id), query=query, offset=offset, limit=limit
        )
        return self._api.pages(self._kind.record, listing)

    @operation("DELETE", "{collection}/{member_id}")
    async def remove(self, owner_id: str, member_id: str) -> None:
        """Remove one member, which stays for itself.

        Raises ApiError.
        """
        await self._api.remove(f"{self._kind.name}.remove", f"{self._of(owner_id)}/{part(member_id)}")

    def _of(self, owner_id: str) -> str:
        return self.path.replace("{owner_id}", part(owner_id))
