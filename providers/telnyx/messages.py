"""The calls that send, read and cancel messages. Source: README, section 5; Telnyx's Python SDK 4.189.0.

Of all texts and numbers None says: not sent. `webhook_url` and `webhook_failover_url` decide who receives the
events of a message: they belong into a configuration, never into the hands of whoever asks for a text.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.rest.operations import operation
from providers.telnyx import limits
from providers.telnyx.calls import Calls, body_of
from providers.telnyx.models import Message

# ruff: noqa: PLR0913 - the parameters are those of Telnyx's pages


class MessageCalls(Calls):
    """Messages of every kind. Each call raises LimitError before it is made, and ApiError for what came of it.

    Those with an `idempotency_key` are made again with the same key and bytes where the first try's end is not
    known; Telnyx keeps a success for 24 hours. Without a key given one is made.
    """

    @operation("POST", "/messages")
    async def send(
        self,
        *,
        to: str,
        from_: str | None = None,
        text: str | None = None,
        subject: str | None = None,
        media_urls: Sequence[str] | None = None,
        messaging_profile_id: str | None = None,
        type_: str | None = None,
        webhook_url: str | None = None,
        webhook_failover_url: str | None = None,
        use_profile_webhooks: bool | None = None,
        auto_detect: bool | None = None,
        encoding: str | None = None,
        send_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Send a message with a phone number, short code, alphanumeric sender id or number pool."""
        fields = {
            "from": None if from_ is None else limits.sender_name("from", from_),
            "to": limits.recipient("to", to),
            "text": text,
            "subject": subject,
            "media_urls": media_urls,
            "messaging_profile_id": messaging_profile_id,
            "type": type_,
            "webhook_url": webhook_url,
            "webhook_failover_url": webhook_failover_url,
            "use_profile_webhooks": use_profile_webhooks,
            "auto_detect": auto_detect,
            "encoding": encoding,
            "send_at": None if send_at is None else limits.moment("send_at", send_at, self._clock),
        }
        return await self._send("send", "/messages", fields, idempotency_key)

    @operation("GET", "/messages/{id}")
    async def retrieve(self, id_: str) -> Message:
        """Read a message, outbound or inbound, of the last 10 days."""
        return await self._get("retrieve", f"/messages/{limits.uuid_text('id', id_)}", Message)

    @operation("DELETE", "/messages/{id}")
    async def cancel_scheduled(self, id_: str) -> Message:
        """Cancel a scheduled message whose time is more than one minute away.

        Raises AuthenticationError (403) where it is too late, NotFoundError where there is none.
        """
        path = f"/messages/{limits.uuid_text('id', id_)}"
        return await self._write("cancel_scheduled", "DELETE", path, None, Message)

    @operation("POST", "/messages/whatsapp")
    async def send_whatsapp(
        self,
        *,
        from_: str,
        to: str,
        whatsapp_message: Mapping[str, Any],
        type_: str | None = None,
        messaging_profile_id: str | None = None,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Send a WhatsApp message; anything but a template needs an open window of 24 hours.

        `to` may be the id of a user who hides the number. `whatsapp_message` is `{"type": ..., <type>: {...}}`.
        """
        fields = {
            "from": limits.number("from", from_),
            "to": limits.whatsapp_recipient("to", to),
            "whatsapp_message": limits.whatsapp_message(whatsapp_message),
            "type": type_,
            "messaging_profile_id": messaging_profile_id,
            "webhook_url": webhook_url,
        }
        return await self._send("send_whatsapp", "/messages/whatsapp", fields, idempotency_key)

    @operation("POST", "/messages/group_mms")
    async def send_group_mms(
        self,
        *,
        from_: str,
        to: Sequence[str],
        text: str | None = None,
        subject: str | None = None,
        media_urls: Sequence[str] | None = None,
        webhook_url: str | None = None,
        webhook_failover_url: str | None = None,
        use_profile_webhooks: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Send one MMS to a group of at most 8 numbers in the United States and Canada."""
        fields = {
            "from": limits.number("from", from_),
            "to": limits.group("to", to),
            "text": text,
            "subject": subject,
            "media_urls": media_urls,
            "webhook_url": webhook_url,
            "webhook_failover_url": webhook_failover_url,
            "use_profile_webhooks": use_profile_webhooks,
        }
        return await self._send("send_group_mms", "/messages/group_mms", fields, idempotency_key)

    @operation("POST", "/messages/long_code")
    async def send_long_code(
        self,
        *,
        from_: str,
        to: str,
        text: str | None = None,
        subject: str | None = None,
        media_urls: Sequence[str] | None = None,
        type_: str | None = None,
        webhook_url: str | None = None,
        webhook_failover_url: str | None = None,
        use_profile_webhooks: bool | None = None,
        auto_detect: bool | None = None,
        encoding: str | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Send a message from a long code."""
        fields = {
            "from": limits.number("from", from_),
            "to": limits.recipient("to", to),
            "text": text,
            "subject": subject,
            "media_urls": media_urls,
            "type": type_,
            "webhook_url": webhook_url,
            "webhook_failover_url": webhook_failover_url,
            "use_profile_webhooks": use_profile_webhooks,
            "auto_detect": auto_detect,
            "encoding": encoding,
        }
        return await self._send("send_long_code", "/messages/long_code", fields, idempotency_key)

    @operation("POST", "/messages/number_pool")
    async def send_number_pool(
        self,
        *,
        to: str,
        messaging_profile_id: str,
        text: str | None = None,
        subject: str | None = None,
        media_urls: Sequence[str] | None = None,
        type_: str | None = None,
        webhook_url: str | None = None,
        webhook_failover_url: str | None = None,
        use_profile_webhooks: bool | None = None,
        auto_detect: bool | None = None,
        encoding: str | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Send a message from whichever number of a profile's pool fits."""
        fields = {
            "to": limits.recipient("to", to),
            "messaging_profile_id": limits.filled("messaging_profile_id", messaging_profile_id),
            "text": text,
            "subject": subject,
            "media_urls": media_urls,
            "type": type_,
            "webhook_url": webhook_url,
            "webhook_failover_url": webhook_failover_url,
            "use_profile_webhooks": use_profile_webhooks,
            "auto_detect": auto_detect,
            "encoding": encoding,
        }
        return await self._send("send_number_pool", "/messages/number_pool", fields, idempotency_key)

    @operation("POST", "/messages/short_code")
    async def send_short_code(
        self,
        *,
        from_: str,
        to: str,
        text: str | None = None,
        subject: str | None = None,
        media_urls: Sequence[str] | None = None,
        type_: str | None = None,
        webhook_url: str | None = None,
        webhook_failover_url: str | None = None,
        use_profile_webhooks: bool | None = None,
        auto_detect: bool | None = None,
        encoding: str | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Send a message from a short code."""
        fields = {
            "from": limits.recipient("from", from_),
            "to": limits.recipient("to", to),
            "text": text,
            "subject": subject,
            "media_urls": media_urls,
            "type": type_,
            "webhook_url": webhook_url,
            "webhook_failover_url": webhook_failover_url,
            "use_profile_webhooks": use_profile_webhooks,
            "auto_detect": auto_detect,
            "encoding": encoding,
        }
        return await self._send("send_short_code", "/messages/short_code", fields, idempotency_key)

    @operation("POST", "/messages/schedule")
    async def schedule(
        self,
        *,
        to: str,
        from_: str | None = None,
        text: str | None = None,
        subject: str | None = None,
        media_urls: Sequence[str] | None = None,
        messaging_profile_id: str | None = None,
        type_: str | None = None,
        webhook_url: str | None = None,
        webhook_failover_url: str | None = None,
        use_profile_webhooks: bool | None = None,
        auto_detect: bool | None = None,
        send_at: datetime | None = None,
    ) -> Message:
        """Schedule a message for 5 minutes to 5 days ahead; Telnyx takes no idempotency key for it."""
        fields = {
            "from": None if from_ is None else limits.sender_name("from", from_),
            "to": limits.recipient("to", to),
            "text": text,
            "subject": subject,
            "media_urls": media_urls,
            "messaging_profile_id": messaging_profile_id,
            "type": type_,
            "webhook_url": webhook_url,
            "webhook_failover_url": webhook_failover_url,
            "use_profile_webhooks": use_profile_webhooks,
            "auto_detect": auto_detect,
            "send_at": None if send_at is None else limits.moment("send_at", send_at, self._clock),
        }
        return await self._write("schedule", "POST", "/messages/schedule", body_of(fields), Message)
