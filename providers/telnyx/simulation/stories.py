"""The simulator's traffic: small stories, together every kind of event that Telnyx sends."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from providers.simulation import Forgery, Outgoing
from providers.telnyx.simulation.bodies import Fields, Message, bare, envelope, inbound, outbound, stamp

OURS = "+17735550100"
# Area codes of North America that are not ours; each has the hundred numbers 555-0100 to 555-0199.
_AREAS = tuple(area for area in range(201, 990) if area % 100 != 11 and area != 773)
_QUESTIONS = ("HOURS", "hours", "Are you open on Sunday?", "Do you have size 42?", "Is my order on the way?")
_FREE_TEXTS = ("Thanks!", "See you at noon", "Zażółć gęślą jaźń 🚀", "¿Qué tal?")

Story = Sequence[Outgoing]


@dataclass(slots=True)
class Teller:
    """Makes the parts of a story: fresh ids and numbers, and the time."""

    random: Random
    clock: Callable[[], float]
    _told: int = field(default=0)

    def id(self) -> str:
        """Return a new UUID."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def number(self) -> str:
        """Return a number of fiction, another one each time until all are used."""
        area, line = divmod(self._told, 100)
        self._told += 1
        return f"+1{_AREAS[area % len(_AREAS)]}55501{line:02d}"

    def message(self, text: str | None, kind: str = "SMS", people: int = 1) -> Message:
        """Return a new message between us and new people."""
        theirs = tuple(self.number() for _ in range(people))
        return Message(id=self.id(), ours=OURS, theirs=theirs, text=text, type=kind)

    def tell(self, event_type: str, payload: Fields, after: float = 0.0, **more: Any) -> Outgoing:
        """Return the delivery of one event in an envelope."""
        message_id = payload.get("id")
        return Outgoing(
            label=event_type,
            body=envelope(event_type, self.id(), self.clock() + after, payload),
            after=after,
            message_id=message_id if isinstance(message_id, str) else None,
            **more,
        )

    def receive(self, message: Message, *, replied: bool = False, copies: int = 1, **more: Any) -> Outgoing:
        """Return the delivery of `message.received`."""
        payload = inbound(message, self.clock(), **more)
        return self.tell("message.received", payload, copies=copies, expects_reply=replied)


def traffic(random: Random, clock: Callable[[], float]) -> Iterator[Story]:
    """Yield stories without end: rounds in which each kind comes once, shuffled anew."""
    teller = Teller(random, clock)
    while True:
        for story in random.sample(_STORIES, len(_STORIES)):
            yield story(teller)


def _question(teller: Teller) -> Story:
    return [teller.receive(teller.message(teller.random.choice(_QUESTIONS)), replied=True)]


def _hours_twice(teller: Teller) -> Story:
    """Tell of a message whose webhook comes twice: one answer is right, two are not."""
    return [teller.receive(teller.message("HOURS"), replied=True, copies=2)]


def _free_text(teller: Teller) -> Story:
    return [teller.receive(teller.message(teller.random.choice(_FREE_TEXTS)), replied=True)]


def _opt_out_words(teller: Teller) -> Story:
    words = (("Stop", "STOP"), ("UNSTOP", "START"), ("help", "HELP"))
    return [teller.receive(teller.message(text), autoresponse_type=kind) for text, kind in words]


def _picture(teller: Teller) -> Story:
    media = [
        {
            "url": f"https://media.telnyx.com/{teller.id()}.jpg",
            "content_type": "image/jpeg",
            "sha256": teller.random.randbytes(32).hex(),
            "size": teller.random.randrange(10_000, 400_000),
        }
    ]
    return [teller.receive(teller.message(None, "MMS"), replied=True, media=media)]


def _group_inbound(teller: Teller) -> Story:
    others = [{"phone_number": teller.number(), "status": "delivered"} for _ in range(2)]
    return [teller.receive(teller.message("Sounds good, see you at noon!", "MMS"), replied=True, cc=others)]


def _group_outbound(teller: Teller) -> Story:
    message = teller.message("Hey team, check out this photo!", "MMS", teller.random.choice((2, 3)))
    people = len(message.theirs)
    results = ["delivered", "delivery_failed", "unknown"][:people]
    group = {"group_message_id": message.id}
    sent = outbound(message, teller.clock(), ["sent"] * people, **group)
    done = outbound(message, teller.clock(), results, errors=[_error("40001", "Not routable", "/to/1")], **group)
    return [teller.tell("message.sent", sent), teller.tell("message.finalized", done, 0.4)]


def _rcs(teller: Teller) -> Story:
    message = teller.message(None, "RCS")
    agent = [{"agent_id": "e4448a5c0670c2a9", "agent_name": "Demo Agent"}]
    bodies = (
        {"text": "Hello by RCS"},
        {"suggestion_response": {"postback_data": "visit", "text": "Explore the online store"}},
        {"location": {"latitude": 41.8781, "longitude": -87.6298}},
    )
    return [teller.receive(message, replied=True, to=agent, body=teller.random.choice(bodies))]


def _whatsapp(teller: Teller) -> Story:
    message = teller.message(None, "WHATSAPP")
    body = {
        "id": message.id,
        "foreign_id": f"wamid.{teller.random.randbytes(12).hex()}",
        "from": message.theirs[0],
        "from_user_id": f"US.{teller.random.randrange(10**19, 10**20)}",
        "timestamp": str(int(teller.clock())),
        "type": "text",
        "text": {"body": "Is my order on the way?"},
    }
    return [teller.receive(message, replied=True, to=OURS, encoding="utf-8", body=body)]


def _life(teller: Teller, result: str, errors: Sequence[Fields] = (), pauses: tuple[float, float] = (0, 0.5)) -> Story:
    message = teller.message("Your parcel is here.")
    now = teller.clock()
    sent = teller.tell("message.sent", outbound(message, now, ["sent"]), pauses[0])
    payload = outbound(message, now, [result], errors=list(errors), completed_at=stamp(now + 0.5))
    return [sent, teller.tell("message.finalized", payload, pauses[1])]


def _delivered(teller: Teller) -> Story:
    return _life(teller, "delivered")


def _out_of_order(teller: Teller) -> Story:
    return _life(teller, "delivered", pauses=(0.6, 0.1))


def _failed(teller: Teller) -> Story:
    return _life(teller, "delivery_failed", [_error("40001", "Not routable", "/to/0/phone_number")])


def _unconfirmed(teller: Teller) -> Story:
    return _life(teller, "delivery_unconfirmed")


def _read(teller: Teller) -> Story:
    message = teller.message("Hello there!", "RCS")
    done = outbound(message, teller.clock(), ["delivered"])
    seen = outbound(message, teller.clock(), ["read"])
    return [teller.tell("message.finalized", done), teller.tell("message.read", seen, 0.5)]


def _click(teller: Teller) -> Story:
    click = {
        "message_id": teller.id(),
        "record_type": "link_clicked",
        "time_clicked": stamp(teller.clock()),
        "to": teller.number().lstrip("+"),
        "url": "https://example.com/parcel",
    }
    named = {**click, "message_id": teller.id()}
    return [
        Outgoing(label="link_clicked", body=bare({"data": click}), message_id=str(click["message_id"])),
        teller.tell("message.link_click", named),
    ]


def _registration(teller: Teller) -> Story:
    campaign = {"campaignId": teller.id(), "type": "TELNYX_REVIEW", "status": "ACCEPTED"}
    number = {"campaignId": campaign["campaignId"], "phoneNumber": OURS, "type": "ASSIGNMENT", "status": "success"}
    flat = {"brandId": teller.id(), "campaignId": teller.id(), "status": "DORMANT", "type": "TELNYX_EVENT"}
    return [
        teller.tell("10dlc.campaign.update", campaign),
        teller.tell("10dlc.phone_number.update", number, 0.2),
        Outgoing(label="campaign update", body=bare(flat), after=0.3),
    ]


def _account_news(teller: Teller) -> Story:
    limit = {"configured_limit": "10.00", "current_cost": "10.02", "profile_id": teller.id()}
    flat = {
        "event_type": "whatsapp.template.approved",
        "payload": {"record_type": "whatsapp_template", "template_id": teller.id(), "status": "APPROVED"},
    }
    return [
        teller.tell("messaging-profile.spend-limit-reached", limit),
        Outgoing(label="whatsapp.template.approved", body=bare(flat), after=0.1),
    ]


def _echo(teller: Teller) -> Story:
    message = teller.message("On its way", "WHATSAPP")
    payload = outbound(message, teller.clock(), ["sent"], origin="whatsapp_business_app", to=message.theirs[0])
    return [teller.tell("message.echo", payload)]


def _not_yet_known(teller: Teller) -> Story:
    return [teller.tell("message.teleported", {"id": teller.id(), "to": teller.number()})]


def _forged(teller: Teller) -> Story:
    forgery = teller.random.choice(tuple(Forgery))
    payload = inbound(teller.message("HOURS"), teller.clock())
    return [teller.tell("message.received", payload, forgery=forgery)]


def _error(code: str, title: str, pointer: str) -> Mapping[str, Any]:
    return {"code": code, "title": title, "detail": title, "source": {"pointer": pointer}}


_STORIES: tuple[Callable[[Teller], Story], ...] = (
    _question,
    _hours_twice,
    _free_text,
    _opt_out_words,
    _picture,
    _group_inbound,
    _group_outbound,
    _rcs,
    _whatsapp,
    _delivered,
    _out_of_order,
    _failed,
    _unconfirmed,
    _read,
    _click,
    _registration,
    _account_news,
    _echo,
    _not_yet_known,
    _forged,
)
