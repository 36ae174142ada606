"""The simulator's traffic: small stories, together every kind of event that Telnyx sends."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers.simulation import Forgery, Outgoing
from providers.telnyx.simulation.bodies import Fields, bare, inbound, outbound, stamp
from providers.telnyx.simulation.telling import AGENT, OURS, Teller

_QUESTIONS = ("HOURS", "hours", "Are you open on Sunday?", "Do you have size 42?", "Is my order on the way?")
_SECOND_THOUGHT = 0.5
_FREE_TEXTS = ("Thanks!", "See you at noon", "Zażółć gęślą jaźń 🚀", "¿Qué tal?")

Story = Sequence[Outgoing]


def traffic(teller: Teller) -> Iterator[Story]:
    """Yield stories without end: rounds in which each kind comes once, shuffled anew."""
    while True:
        for story in teller.fiction.random.sample(_STORIES, len(_STORIES)):
            yield story(teller)


def _question(teller: Teller) -> Story:
    return [teller.receive(teller.message(teller.fiction.random.choice(_QUESTIONS)), replied=True)]


def _hours_twice(teller: Teller) -> Story:
    """Tell of a message whose webhook comes twice: one answer is right, two are not."""
    return [teller.receive(teller.message("HOURS"), replied=True, copies=2)]


def _free_text(teller: Teller) -> Story:
    return [teller.receive(teller.message(teller.fiction.random.choice(_FREE_TEXTS)), replied=True)]


def _opt_out_words(teller: Teller) -> Story:
    """Tell of one who stops, one who stops and thinks better of it, and one who asks for help."""
    first, second = teller.message("QUIT"), teller.message("UNSTOP")
    return [
        teller.opt(teller.message("Stop"), "STOP"),
        teller.opt(first, "STOP"),
        teller.opt(replace(second, theirs=first.theirs), "START", _SECOND_THOUGHT),
        teller.opt(teller.message("help"), "HELP"),
    ]


def _picture(teller: Teller) -> Story:
    media = [
        {
            "url": f"https://media.telnyx.com/{teller.fiction.uuid()}.jpg",
            "content_type": "image/jpeg",
            "sha256": teller.fiction.random.randbytes(32).hex(),
            "size": teller.fiction.random.randrange(10_000, 400_000),
        }
    ]
    return [teller.receive(teller.message(None, "MMS"), replied=True, media=media)]


def _group_inbound(teller: Teller) -> Story:
    others = [{"phone_number": teller.fiction.number(), "status": "delivered"} for _ in range(2)]
    return [teller.receive(teller.message("Sounds good, see you at noon!", "MMS"), replied=True, cc=others)]


def _group_outbound(teller: Teller) -> Story:
    message = teller.message("Hey team, check out this photo!", "MMS", teller.fiction.random.choice((2, 3)))
    people = len(message.theirs)
    results = ["delivered", "delivery_failed", "unknown"][:people]
    group = {"group_message_id": message.id}
    sent = outbound(message, teller.clock(), ["sent"] * people, **group)
    done = outbound(message, teller.clock(), results, errors=[_error("40001", "Not routable", "/to/1")], **group)
    return [teller.tell("message.sent", sent), teller.tell("message.finalized", done, 0.4)]


def _rcs(teller: Teller) -> Story:
    message = teller.message(None, "RCS")
    agent = [{"agent_id": AGENT, "agent_name": "Demo Agent"}]
    bodies = (
        {"text": "Hello by RCS"},
        {"suggestion_response": {"postback_data": "visit", "text": "Explore the online store"}},
        {"location": {"latitude": 41.8781, "longitude": -87.6298}},
    )
    return [teller.receive(message, replied=True, to=agent, body=teller.fiction.random.choice(bodies))]


def _whatsapp(teller: Teller) -> Story:
    message = teller.message(None, "WHATSAPP")
    body = {
        "id": message.id,
        "foreign_id": f"wamid.{teller.fiction.random.randbytes(12).hex()}",
        "from": message.theirs[0],
        "from_user_id": f"US.{teller.fiction.random.randrange(10**19, 10**20)}",
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
        "message_id": teller.fiction.uuid(),
        "record_type": "link_clicked",
        "time_clicked": stamp(teller.clock()),
        "to": teller.fiction.number().lstrip("+"),
        "url": "https://example.com/parcel",
    }
    named = {**click, "message_id": teller.fiction.uuid()}
    return [
        Outgoing(label="link_clicked", body=bare({"data": click}), message_id=str(click["message_id"])),
        teller.tell("message.link_click", named),
    ]


def _registration(teller: Teller) -> Story:
    campaign = {"campaignId": teller.fiction.uuid(), "type": "TELNYX_REVIEW", "status": "ACCEPTED"}
    number = {"campaignId": campaign["campaignId"], "phoneNumber": OURS, "type": "ASSIGNMENT", "status": "success"}
    flat = {
        "brandId": teller.fiction.uuid(),
        "campaignId": teller.fiction.uuid(),
        "status": "DORMANT",
        "type": "TELNYX_EVENT",
    }
    return [
        teller.tell("10dlc.campaign.update", campaign),
        teller.tell("10dlc.phone_number.update", number, 0.2),
        Outgoing(label="campaign update", body=bare(flat), after=0.3),
    ]


def _account_news(teller: Teller) -> Story:
    limit = {"configured_limit": "10.00", "current_cost": "10.02", "profile_id": teller.fiction.uuid()}
    flat = {
        "event_type": "whatsapp.template.approved",
        "payload": {"record_type": "whatsapp_template", "template_id": teller.fiction.uuid(), "status": "APPROVED"},
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
    return [teller.tell("message.teleported", {"id": teller.fiction.uuid(), "to": teller.fiction.number()})]


def _forged(teller: Teller) -> Story:
    forgery = teller.fiction.random.choice(tuple(Forgery))
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
