"""The simulator's traffic: small stories, together every kind of notification that MessageMedia sends."""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from providers.fiction import Fiction
from providers.messagemedia.preparing.template import GROUPS
from providers.messagemedia.simulation.bodies import OURS, Reply, Report, Sent
from providers.messagemedia.simulation.books import Books
from providers.messagemedia.simulation.samples import (
    FOREIGN_REPLY,
    NESTED_REPLY,
    QUERY_REPLY,
    QUERY_REPORT,
    SHORT_FORM,
    SHORT_REPORT,
    UNESCAPED_REPLY,
    UNRENDERED_OPT_OUT,
    XML_REPLY,
    XML_REPORT,
)
from providers.messagemedia.simulation.telling import FORM, XML, by_query, callback, opt_out, webhook
from providers.simulation import Forgery, Outgoing

_QUESTIONS = ("HOURS", "hours", "Are you open on Sunday?", "Do you have size 42?", "Is my order on the way?")
_FREE_TEXTS = ("Thanks!", "See you at noon", "Zażółć gęślą jaźń 🚀", "¿Qué tal?")
_WAY = (("enroute", "101", 0.0), ("submitted", "200", 0.3), ("delivered", "220", 0.6))
_OTHER_ENDS = (
    ("expired", "401"),
    ("rejected", "305"),
    ("rejected", "412"),
    ("failed", "332"),
    ("undeliverable", "331"),
    ("cancelled", "405"),
)
_WAITING = (("queued", None), ("processing", None), ("processed", None), ("scheduled", None), ("held", "151"))
_TEMPLATES = {group.name: group.template for group in GROUPS}
_PIXEL = base64.b64encode(b"GIF89a\x01\x00\x01\x00").decode("ascii")

Story = Sequence[Outgoing]


@dataclass(slots=True)
class Teller:
    """Makes the parts of a story and writes into the cloud's books what it tells of, and what has to be confirmed."""

    fiction: Fiction
    clock: Callable[[], float]
    books: Books = field(default_factory=Books)

    @property
    def random(self) -> Random:
        """Where chance comes from."""
        return self.fiction.random

    def sent(self, **more: Any) -> Sent:
        """Return a message of ours to somebody new."""
        return Sent(id=self.fiction.uuid(), to=self.fiction.number(), **more)

    def report(self, sent: Sent, status: str, code: str | None, after: float = 0.0) -> Report:
        """Return a report, which is in the queue from its time on."""
        report = Report(id=self.fiction.uuid(), sent=sent, status=status, code=code, at=self.clock() + after)
        self.books.report(report)
        self.books.note(report, self.clock())
        return report

    def reply(self, text: str, sent: Sent | None = None, **more: Any) -> Reply:
        """Return a reply, which is in the queue."""
        reply = self.unqueued(text, sent, **more)
        self.books.reply(reply)
        return reply

    def unqueued(self, text: str, sent: Sent | None = None, **more: Any) -> Reply:
        """Return a reply that no check finds: a forged one, or an opt-out."""
        return Reply(id=self.fiction.uuid(), sent=sent or self.sent(), text=text, at=self.clock(), **more)


def traffic(teller: Teller) -> Iterator[Story]:
    """Yield stories without end: rounds in which each kind comes once, shuffled anew."""
    while True:
        for story in teller.random.sample(STORIES, len(STORIES)):
            yield story(teller)


def _life(teller: Teller, sent: Sent, way: Sequence[tuple[str, str | None, float]]) -> Story:
    return [callback(teller.report(sent, status, code, after), after) for status, code, after in way]


def _delivered(teller: Teller) -> Story:
    return _life(teller, teller.sent(metadata={"order": "4711"}), _WAY)


def _out_of_order(teller: Teller) -> Story:
    return _life(teller, teller.sent(), (("delivered", "221", 0.1), ("submitted", "211", 0.5)))


def _read(teller: Teller) -> Story:
    return _life(teller, teller.sent(vendor="SinchEU"), (("delivered", "220", 0.0), ("read", None, 0.4)))


def _other_ends(teller: Teller) -> Story:
    return [callback(teller.report(teller.sent(), status, code)) for status, code in _OTHER_ENDS]


def _waiting(teller: Teller) -> Story:
    return [callback(teller.report(teller.sent(callback_url=None), status, code)) for status, code in _WAITING]


def _not_yet_known_status(teller: Teller) -> Story:
    return [callback(teller.report(teller.sent(), "teleported", "999"))]


def _upper_case(teller: Teller) -> Story:
    return [callback(teller.report(teller.sent(), "DELIVERED", "220"))]


def _report_both_ways(teller: Teller) -> Story:
    """Tell of one report by notification and by webhook: one event."""
    report = teller.report(teller.sent(), "delivered", "220")
    return [callback(report), _our_webhook("reports", report, after=0.1)]


def _reply_both_ways(teller: Teller) -> Story:
    reply = teller.reply("HOURS")
    again = _our_webhook("replies", reply, after=0.1, expects_reply=True)
    return [callback(reply, expects_reply=True), again]


def _question(teller: Teller) -> Story:
    return [callback(teller.reply(teller.random.choice(_QUESTIONS)), expects_reply=True)]


def _hours_twice(teller: Teller) -> Story:
    """Tell of a reply whose notification comes twice: one answer is right, two are not."""
    return [callback(teller.reply("HOURS"), expects_reply=True, copies=2)]


def _unsolicited(teller: Teller) -> Story:
    return [callback(teller.reply(teller.random.choice(_FREE_TEXTS), answers=False), expects_reply=True)]


def _reply_without_our_number(teller: Teller) -> Story:
    return [callback(teller.reply("HOURS", teller.sent(source=None)), expects_reply=True)]


def _picture(teller: Teller) -> Story:
    attachments = [
        {"content_type": "image/gif", "content": _PIXEL, "original_name": "gif0001.gif"},
        {"content_type": "image/jpeg", "content": _PIXEL, "original_name": "image000000.jpg"},
    ]
    first, second = (teller.reply("Look!", teller.sent(format="MMS"), attachments=attachments) for _ in range(2))
    return [callback(first, expects_reply=True), _our_webhook("replies", second, expects_reply=True)]


def _opt_out(teller: Teller) -> Story:
    return [opt_out("webhook opt-out", _TEMPLATES["opt_outs"], _opted_out(teller), query="group=opt_outs")]


def _opt_out_unrendered(teller: Teller) -> Story:
    return [opt_out("webhook opt-out, unrendered", UNRENDERED_OPT_OUT, _opted_out(teller))]


def _opted_out(teller: Teller) -> Reply:
    reply = teller.unqueued("STOP")
    teller.books.blacklist[reply.sent.to] = None
    return reply


def _our_webhook(group: str, told: Report | Reply, **more: Any) -> Outgoing:
    """Return the delivery of a webhook that this project has registered."""
    return webhook(f"webhook {group}", _TEMPLATES[group], told, query=f"group={group}", **more)


def _webhook_reply(teller: Teller) -> Story:
    reply = teller.reply('He said "yes"\nSee you', teller.sent(metadata={'the "key"': "a value"}))
    return [_our_webhook("replies", reply, expects_reply=True)]


def _foreign_templates(teller: Teller) -> Story:
    flat, nested = teller.reply("Hello!", answers=False), teller.reply("Hello!")
    return [
        webhook("webhook reply, foreign template", FOREIGN_REPLY, flat, expects_reply=True),
        webhook("webhook reply, nested", NESTED_REPLY, nested, expects_reply=True),
    ]


def _short_reports(teller: Teller) -> Story:
    plain, form = (teller.report(teller.sent(), "submitted", "200") for _ in range(2))
    return [
        webhook("webhook report, short", SHORT_REPORT, plain),
        webhook("webhook report, form", SHORT_FORM, form, content_type=FORM),
    ]


def _by_get(teller: Teller) -> Story:
    report, reply = teller.report(teller.sent(), "delivered", "220"), teller.reply("HOURS")
    return [
        by_query("webhook report, GET", QUERY_REPORT, report),
        by_query("webhook reply, GET", QUERY_REPLY, reply, expects_reply=True),
    ]


def _broken_json(teller: Teller) -> Story:
    """Tell of a reply by a template without escapes: only a check of the queue still finds the text."""
    reply = teller.reply('He said "yes"\nSee you')
    return [webhook("webhook reply, broken JSON", UNESCAPED_REPLY, reply)]


def _xml(teller: Teller) -> Story:
    reply, report = teller.reply("Hello!"), teller.report(teller.sent(), "submitted", "200")
    return [
        webhook("webhook reply, XML", XML_REPLY, reply, content_type=XML),
        webhook("webhook report, XML", XML_REPORT, report, content_type=XML),
    ]


def _not_yet_known(teller: Teller) -> Story:
    body = orjson.dumps({"teleport_id": teller.fiction.uuid(), "to": teller.fiction.number()})
    return [Outgoing(label="not yet known", body=lambda _attempt: body)]


def _forged(teller: Teller) -> Story:
    forgery = teller.random.choice(tuple(Forgery))
    return [callback(teller.unqueued("HOURS", teller.sent(source=OURS)), forgery=forgery)]


STORIES: tuple[Callable[[Teller], Story], ...] = (
    _delivered,
    _out_of_order,
    _read,
    _other_ends,
    _waiting,
    _not_yet_known_status,
    _upper_case,
    _report_both_ways,
    _reply_both_ways,
    _question,
    _hours_twice,
    _unsolicited,
    _reply_without_our_number,
    _picture,
    _opt_out,
    _opt_out_unrendered,
    _webhook_reply,
    _foreign_templates,
    _short_reports,
    _by_get,
    _broken_json,
    _xml,
    _not_yet_known,
    _forged,
)
"""Every kind of story. A round tells each once."""
