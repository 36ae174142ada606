"""Every operation of MessageMedia's messaging API, for one account or sub-account.

Source: README of this folder, sections 4 to 7.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from providers.messagemedia.api import limits
from providers.messagemedia.api.blacklist import Blacklist
from providers.messagemedia.api.calls import Calls, list_of, object_if_any, object_of
from providers.messagemedia.api.models import Credits, DeliveryReport, Message, NewMessage, Reply
from providers.messagemedia.api.queues import DELIVERY_REPORTS, REPLIES
from providers.messagemedia.api.signature_keys import SignatureKeys
from providers.messagemedia.api.webhooks import Webhooks
from providers.rest.errors import UnreadableAnswerError
from providers.rest.operations import operation
from providers.rest.paths import path_part

MESSAGES_PATH = "/v1/messages"


class AccountOperations:
    """The operations for one account: messages, replies, delivery reports, and groups of others.

    `calls` makes the calls, for what needs an answer as it came.
    """

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.webhooks = Webhooks(calls)
        self.signature_keys = SignatureKeys(calls)
        self.blacklist = Blacklist(calls)

    @operation("POST", MESSAGES_PATH)
    async def send(  # noqa: PLR0913 - the properties of a message, as the provider has them
        self,
        *,
        content: str,
        destination_number: str,
        format: str | None = None,  # noqa: A002 - the provider's name
        source_number: str | None = None,
        source_number_type: str | None = None,
        callback_url: str | None = None,
        delivery_report: bool | None = None,
        scheduled: datetime | None = None,
        message_expiry_timestamp: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        media: Sequence[str] = (),
        subject: str | None = None,
    ) -> Message:
        """Send one message, SMS, MMS or text to speech, and return it with its id.

        Properties as in NewMessage. A call whose answer is lost may have sent it: it is not repeated. Raises
        LimitError, ApiError.
        """
        message = NewMessage(
            content=content,
            destination_number=destination_number,
            format=format,
            source_number=source_number,
            source_number_type=source_number_type,
            callback_url=callback_url,
            delivery_report=delivery_report,
            scheduled=scheduled,
            message_expiry_timestamp=message_expiry_timestamp,
            metadata=metadata,
            media=limits.listed("media", media),
            subject=subject,
        )
        return (await self._send("send", [message]))[0]

    @operation("POST", MESSAGES_PATH)
    async def send_many(self, messages: Sequence[NewMessage]) -> tuple[Message, ...]:
        """Send 1 to 100 messages, all or none, and return them with their ids in the same order.

        A call whose answer is lost may have sent them: it is not repeated. Raises LimitError, ApiError.
        """
        return await self._send("send_many", messages)

    @operation("GET", f"{MESSAGES_PATH}/{{message_id}}")
    async def get_message(self, message_id: str) -> Message:
        """Return a message and its status.

        Raises NotFoundError, also for what is older than 45 days.
        """
        return Message.of(object_of(await self.calls.get("get_message", _message(message_id)), "get_message"))

    @operation("PUT", f"{MESSAGES_PATH}/{{message_id}}")
    async def cancel_message(self, message_id: str) -> Message:
        """Cancel a message that is still scheduled.

        Raises RefusedError (status 400) where it is not scheduled any more, NotFoundError.
        """
        answer = await self.calls.change("cancel_message", "PUT", _message(message_id), {"status": "cancelled"})
        return Message.of(object_if_any(answer, "cancel_message"))

    @operation("GET", "/v1/messaging/credits")
    async def get_credits(self) -> Credits:
        """Return the prepaid credit that is left, in a shape that is not published.

        Raises ApiError.
        """
        return Credits.of(object_of(await self.calls.get("get_credits", "/v1/messaging/credits"), "get_credits"))

    @operation("GET", REPLIES.path)
    async def check_replies(self) -> tuple[Reply, ...]:
        """Return the oldest 100 replies that are not confirmed: the same ones again until they are."""
        answer = await REPLIES.check(self.calls)
        return tuple(map(Reply.of, list_of(answer, "check_replies", REPLIES.name)))

    @operation("POST", f"{REPLIES.path}/confirmed")
    async def confirm_replies(self, reply_ids: Sequence[str]) -> None:
        """Confirm 1 to 100 replies by their reply ids: they are then marked, some time later.

        Raises LimitError.
        """
        await REPLIES.confirm(self.calls, reply_ids)

    @operation("GET", DELIVERY_REPORTS.path)
    async def check_delivery_reports(self) -> tuple[DeliveryReport, ...]:
        """Return the oldest 100 delivery reports that are not confirmed: the same ones again until they are."""
        answer = await DELIVERY_REPORTS.check(self.calls)
        return tuple(map(DeliveryReport.of, list_of(answer, "check_delivery_reports", DELIVERY_REPORTS.name)))

    @operation("POST", f"{DELIVERY_REPORTS.path}/confirmed")
    async def confirm_delivery_reports(self, delivery_report_ids: Sequence[str]) -> None:
        """Confirm 1 to 100 delivery reports by their ids: they are then marked, some time later.

        Raises LimitError.
        """
        await DELIVERY_REPORTS.confirm(self.calls, delivery_report_ids)

    async def _send(self, name: str, messages: Sequence[NewMessage]) -> tuple[Message, ...]:
        limits.check_messages(messages)
        answer = await self.calls.change(name, "POST", MESSAGES_PATH, {"messages": list(messages)})
        sent = list_of(answer, name, "messages")
        if len(sent) != len(messages):
            raise UnreadableAnswerError(f"{name}: {len(messages)} messages sent, {len(sent)} answered")
        return tuple(map(Message.of, sent))


def _message(message_id: str) -> str:
    return f"{MESSAGES_PATH}/{path_part('message_id', message_id)}"
