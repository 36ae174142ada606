"""Calls of the simulated Telnyx as its customer makes them."""

import itertools
import json
from collections.abc import Sequence
from random import Random
from typing import Any

from providers.simulation import ApiAnswer, Outgoing
from providers.telnyx.simulation.bodies import PROFILE
from providers.telnyx.simulation.cloud import TelnyxCloud
from providers.telnyx.simulation.numbers import SHORT_CODE
from providers.telnyx.simulation.telling import OURS
from tests.support.simulated import NOW, answer_of

ROUND = 20
PERSON, OTHER = "+13125550101", "+13125550102"
SMS = {"from": OURS, "to": PERSON, "text": "Open 9 to 17."}
POOL = {"to": PERSON, "messaging_profile_id": PROFILE, "text": "Open 9 to 17."}
GROUP = {"from": OURS, "to": [PERSON, OTHER], "text": "At noon?"}
WHATSAPP = {"from": OURS, "to": PERSON, "whatsapp_message": {"type": "text", "text": {"body": "Hello"}}}
IN_AN_HOUR = "2026-01-01T01:00:00.000Z"
SCHEDULED = {**SMS, "send_at": IN_AN_HOUR}
SENDS: dict[str, dict[str, Any]] = {
    "": SMS,
    "/whatsapp": WHATSAPP,
    "/group_mms": GROUP,
    "/long_code": SMS,
    "/number_pool": POOL,
    "/short_code": {**SMS, "from": SHORT_CODE},
}
"""What each path under `/messages` that takes an idempotency key is sent with."""


def ask(
    made: TelnyxCloud, method: str, path: str, value: Any = None, *, now: float = NOW, key: str | None = None
) -> ApiAnswer:
    """Return the answer to the customer's call."""
    headers = {"authorization": f"Bearer {made.environment()['TELNYX_API_KEY']}"}
    if key is not None:
        headers["idempotency-key"] = key
    return answer_of(made, headers, (method, path), value, now)


def value_of(answer: ApiAnswer) -> Any:
    """Return the JSON of an answer."""
    return json.loads(answer.body)


def code_of(answer: ApiAnswer) -> str:
    """Return the code of an answer's error, and `ok` for a success."""
    value = value_of(answer)
    return str(value["errors"][0]["code"] if "errors" in value else value.get("code", "ok"))


def shown(made: TelnyxCloud, path: str, now: float = NOW) -> Any:
    """Return what is under `data` of an answer to a GET."""
    return value_of(ask(made, "GET", path, now=now))["data"]


def traffic_of(made: TelnyxCloud, rounds: int = 1, now: float = NOW) -> Sequence[Outgoing]:
    """Return what the cloud delivers in some rounds, all told at one time."""
    stories = itertools.islice(made.traffic(Random(7), lambda: now), ROUND * rounds)
    return [outgoing for story in stories for outgoing in story]
