"""A Telnyx client against a server on the loopback, and the answers that Telnyx gives."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from providers.contract import Secret
from providers.rest.transport import Tempo
from providers.telnyx.client import TelnyxClient
from tests.support.rest_server import Reply, RestServer, rest_server
from tests.support.telnyx import NOW

KEY = Secret("KEY-of-a-test", "env:TELNYX_API_KEY")
EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "providers" / "telnyx" / "examples"
MESSAGE_ID = "5e5e0001-0000-4000-8000-000000000001"
PROFILE_ID = "5e5e0000-0000-4000-8000-00000000aaaa"
NUMBER_ID = "1293384261075731499"
OURS, THEIRS = "+17735550100", "+13125550101"
SENT = Reply({"data": {"id": MESSAGE_ID, "record_type": "message", "to": [{"phone_number": THEIRS}]}})


@asynccontextmanager
async def telnyx_playing(
    *replies: Reply, timeout: float = 5.0, retries: int = 2, **options: Any
) -> AsyncGenerator[tuple[TelnyxClient, RestServer]]:
    """Play answers and give a client that asks for them; its clock stands at NOW."""
    async with (
        rest_server(*replies, prefix="/v2") as server,
        TelnyxClient(
            KEY,
            server.url,
            tempo=Tempo(timeout=timeout, retries=retries, clock=lambda: float(NOW)),
            **options,
        ) as client,
    ):
        yield client, server


def refusal(status: int, code: str, title: str = "", **headers: str) -> Reply:
    """Return a refusal with one error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"errors": [{"code": code, "title": title}]}, status, named)


def example(name: str) -> Any:
    """Return a published example; the test is skipped where the examples are not beside the repository."""
    path = EXAMPLES / f"{name}.json"
    if not path.is_file():
        pytest.skip("the published examples are not beside the repository")
    return json.loads(path.read_bytes())
