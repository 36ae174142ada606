"""Calls of the simulated Syniverse's API, with the token of the cloud."""

import json
from typing import Any

from hypothesis import strategies as st

from providers.simulation import ApiAnswer
from providers.syniverse.simulation.bodies import SENDER
from providers.syniverse.simulation.cloud import SyniverseCloud
from tests.support.simulated import NOW, answer_of

BASE = "/scg-external-api/api/v1"
REQUESTS = f"{BASE}/messaging/message_requests"
MESSAGES = f"{BASE}/messaging/messages"
CONTACTS = f"{BASE}/contacts"
GROUPS = f"{BASE}/contact_groups"
CONSENT = f"{BASE}/consent/contact_address_statuses"
PERSON = "+12015550100"
TEXT = {"from": f"sender_id:{SENDER}", "to": [PERSON], "body": "Open 9 to 17.", "external_id": "c1"}
ITEMS = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


def ask(
    made: SyniverseCloud, method: str, path: str, value: Any = None, *, now: float = NOW, token: str | None = None
) -> ApiAnswer:
    """Return the answer to a call with the token of the cloud, or another."""
    bearer = {"authorization": f"Bearer {token or made.environment()['SYNIVERSE_TOKEN']}"}
    return answer_of(made, bearer, (method, path), value, now)


def value_of(answer: ApiAnswer) -> Any:
    """Return the JSON of an answer."""
    return json.loads(answer.body)


def create(made: SyniverseCloud, path: str, value: Any) -> str:
    """Return the id of what was made."""
    answer = ask(made, "POST", path, value)
    assert answer.status == 200, answer.body
    made_id: str = value_of(answer)["id"]
    return made_id
