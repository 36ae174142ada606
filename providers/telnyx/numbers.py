"""The calls about opt-outs and the messaging settings of numbers. Source: README, section 5; SDK 4.189.0."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from providers.rest.errors import NotFoundError
from providers.rest.operations import operation
from providers.rest.pages import Pages
from providers.rest.paths import path_part
from providers.rest.transport import Transport
from providers.telnyx import limits
from providers.telnyx.calls import UNSET, Calls, body_of, body_with_nulls
from providers.telnyx.models import BulkUpdate, NumberSettings, OptOut
from schemas.times import Clock

# ruff: noqa: PLR0913 - the parameters are those of Telnyx's pages

OPT_OUTS = "/messaging_optouts"
"""The path of the list of opt-outs."""

BULK_UPDATES = "/messaging_numbers_bulk_updates"
"""The path of every OpenAPI version since July 2024 and of every SDK."""

SLASHED_BULK_UPDATES = "/messaging_numbers/bulk_updates"
"""The path of older texts."""


class NumberCalls(Calls):
    """Opt-outs and number settings. Each call raises LimitError before it is made, and ApiError.

    Telnyx takes no idempotency key here: a write whose end is not known is not made again.
    """

    def __init__(self, transport: Transport, clock: Clock, bulk_updates_path: str = BULK_UPDATES) -> None:
        """`bulk_updates_path` is where bulk updates are; where the default is not found, the older one is tried."""
        super().__init__(transport, clock)
        self._bulk_updates_path = bulk_updates_path

    @operation("GET", "/messaging_optouts")
    def list_opt_outs(
        self,
        *,
        filter_messaging_profile_id: str | None = None,
        filter_from: str | None = None,
        created_at_gte: datetime | None = None,
        created_at_lte: datetime | None = None,
        redaction_enabled: bool | None = None,
        page_number: int | None = None,
        page_size: int | None = None,
    ) -> Pages[OptOut]:
        """List who wants no messages; `filter_from` is a number of ours, and redaction hides those of the persons."""
        wishes = {
            "filter[messaging_profile_id]": filter_messaging_profile_id,
            "filter[from]": filter_from,
            "created_at[gte]": created_at_gte,
            "created_at[lte]": created_at_lte,
            "redaction_enabled": redaction_enabled,
            "page[number]": page_number,
            "page[size]": page_size,
        }
        return self._list("list_opt_outs", OPT_OUTS, OptOut, wishes)

    @operation("GET", "/phone_numbers/{id}/messaging")
    async def retrieve_number_settings(self, id_: str) -> NumberSettings:
        """Read the messaging settings of a number; `id` is Telnyx's id of it, not the number itself."""
        path = f"/phone_numbers/{path_part('id', id_)}/messaging"
        return await self._get("retrieve_number_settings", path, NumberSettings)

    @operation("PATCH", "/phone_numbers/{id}/messaging")
    async def update_number_settings(
        self,
        id_: str,
        *,
        messaging_profile_id: str | None = UNSET,
        messaging_product: str | None = UNSET,
        tags: Sequence[str] | None = None,
    ) -> NumberSettings:
        """Change the messaging settings of a number.

        `messaging_profile_id`: a UUID assigns, the empty text unassigns, None (sent as null) and UNSET keep.
        """
        fields = {
            "messaging_profile_id": _profile(messaging_profile_id),
            "messaging_product": messaging_product,
            "tags": UNSET if tags is None else tags,
        }
        path = f"/phone_numbers/{path_part('id', id_)}/messaging"
        return await self._write("update_number_settings", "PATCH", path, body_with_nulls(fields), NumberSettings)

    @operation("GET", "/phone_numbers/messaging")
    def list_number_settings(
        self,
        *,
        filter_messaging_profile_id: str | None = None,
        filter_phone_number: Sequence[str] | None = None,
        filter_phone_number_contains: str | None = None,
        filter_type: str | None = None,
        sort_phone_number: str | None = None,
        page_number: int | None = None,
        page_size: int | None = None,
    ) -> Pages[NumberSettings]:
        """List the messaging settings of our numbers; `filter_type` is tollfree, longcode or shortcode."""
        wishes = {
            "filter[messaging_profile_id]": filter_messaging_profile_id,
            "filter[phone_number]": filter_phone_number,
            "filter[phone_number][contains]": filter_phone_number_contains,
            "filter[type]": filter_type,
            "sort[phone_number]": sort_phone_number,
            "page[number]": page_number,
            "page[size]": page_size,
        }
        return self._list("list_number_settings", "/phone_numbers/messaging", NumberSettings, wishes)

    @operation("GET", "/mobile_phone_numbers/{id}/messaging")
    async def retrieve_mobile_number_settings(self, id_: str) -> NumberSettings:
        """Read the messaging settings of a mobile number; `id` is Telnyx's id of it."""
        path = f"/mobile_phone_numbers/{path_part('id', id_)}/messaging"
        return await self._get("retrieve_mobile_number_settings", path, NumberSettings)

    @operation("GET", "/mobile_phone_numbers/messaging")
    def list_mobile_number_settings(
        self, *, page_number: int | None = None, page_size: int | None = None
    ) -> Pages[NumberSettings]:
        """List the messaging settings of our mobile numbers."""
        wishes = {"page[number]": page_number, "page[size]": page_size}
        return self._list("list_mobile_number_settings", "/mobile_phone_numbers/messaging", NumberSettings, wishes)

    @operation("POST", "/messaging_numbers_bulk_updates")
    async def create_bulk_update(
        self, *, messaging_profile_id: str, numbers: Sequence[str], assign_only: bool | None = None
    ) -> BulkUpdate:
        """Assign many numbers to a messaging profile; the empty text as profile unassigns them."""
        fields = {
            "messaging_profile_id": limits.profile("messaging_profile_id", messaging_profile_id),
            "numbers": limits.numbers("numbers", numbers),
            "assign_only": assign_only,
        }
        return await self._bulk("create_bulk_update", "POST", "", body_of(fields))

    @operation("GET", "/messaging_numbers_bulk_updates/{order_id}")
    async def retrieve_bulk_update(self, order_id: str) -> BulkUpdate:
        """Read where a bulk update stands."""
        return await self._bulk("retrieve_bulk_update", "GET", f"/{path_part('order_id', order_id)}", None)

    async def _bulk(self, name: str, method: str, rest: str, body: bytes | None) -> BulkUpdate:
        """Make the call at the path of today, and once at the older one where there is nothing at that."""
        try:
            return await self._bulk_at(self._bulk_updates_path, name, method, rest, body)
        except NotFoundError as missing:
            if self._bulk_updates_path != BULK_UPDATES:
                raise
            try:
                return await self._bulk_at(SLASHED_BULK_UPDATES, name, method, rest, body)
            except NotFoundError:
                raise missing from None

    async def _bulk_at(self, path: str, name: str, method: str, rest: str, body: bytes | None) -> BulkUpdate:
        target = quote(path, safe="/") + rest
        if method == "GET":
            return await self._get(name, target, BulkUpdate)
        return await self._write(name, method, target, body, BulkUpdate)


def _profile(value: str | None) -> str | None:
    return value if value is None or value is UNSET else limits.profile("messaging_profile_id", value)
