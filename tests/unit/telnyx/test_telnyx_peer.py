"""Telnyx's own SDK beside us: it verifies what we verify, and sends what we send."""

import base64
import json
import time
from collections.abc import Mapping
from functools import reduce
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.contract import AccountError, Verdict
from providers.rest.operations import operations_of
from providers.rest.pages import Pages
from providers.telnyx.signature import verifier
from tests.support.rest_server import Recorded, Reply, rest_server
from tests.support.telnyx import FIXTURES, NOW, account_of, public_key, request_of, signed_headers
from tests.support.telnyx_calls import KEY, SENT, telnyx_playing
from tests.support.telnyx_operations import CONTRACTS, Contract, of_ours, of_the_sdk

telnyx = pytest.importorskip("telnyx", reason="Telnyx's SDK is not installed")

VECTORS: dict[str, Any] = json.loads((FIXTURES / "signature_vectors.json").read_text(encoding="utf-8"))
SDK = telnyx.Telnyx(api_key="KEY-of-a-test")
LISTED = Reply({"data": [], "meta": {"page_number": 2, "page_size": 50, "total_pages": 2}})
# What the SDK and we judge differently, each with the reason.
DEVIATIONS: Mapping[str, str] = {
    "timestamp_plus_sign": "int() of the SDK takes a sign; Telnyx writes digits alone (README of the provider)",
    "timestamp_underscores": "int() takes underscores too",
    "timestamp_leading_zeros": "int() takes leading zeros; there is one way to write a number",
    "not_utf8_bytes": "the SDK has to read the body as text first; what is signed are bytes, and they are genuine",
}
"""Names of vectors, and why we are stricter or wider."""


def sdk_verifies(key: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Tell whether the SDK accepts a request at a time; it takes the body as text, and then reads it as JSON."""
    with mock.patch.object(time, "time", return_value=now):
        try:
            SDK.webhooks.unwrap(body.decode("utf-8"), headers=headers, key=key)
        except json.JSONDecodeError:
            # Reached after the signature alone.
            return True
        except (ValueError, TypeError):
            return False
    return True


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_sdk_and_we_agree(vector: dict[str, Any]) -> None:
    """What the SDK accepts we accept, what it refuses we refuse, save the deviations that are listed."""
    key = VECTORS["keys"][vector["public_key"]]["public_key_base64"]
    body = base64.b64decode(vector["body_base64"])
    ours = verifier(account_of(key)).verify(request_of(body, vector["headers"]), vector["now_unix"])
    theirs = sdk_verifies(key, vector["headers"], body, vector["now_unix"])
    accepted = ours.verdict is Verdict.VERIFIED
    assert (accepted != theirs) == (vector["name"] in DEVIATIONS), (ours.verdict, theirs)


@pytest.mark.parametrize("case", VECTORS["invalid_public_keys"], ids=lambda case: case["public_key"][:12] or "empty")
def test_sdk_refuses_the_keys_that_we_refuse(case: dict[str, str]) -> None:
    """A key with which an account of ours does not start verifies nothing in the SDK."""
    body = b'{"data": {}}'
    with pytest.raises(AccountError):
        verifier(account_of(case["public_key"]))
    assert not sdk_verifies(case["public_key"], signed_headers(body), body, NOW)


@settings(deadline=None)  # the SDK reads what it verified into models of its own, which takes its time
@given(body=st.text(max_size=200), place=st.integers(0, 10_000), seconds=st.integers(-400, 400))
def test_sdk_and_we_agree_on_any_body(body: str, place: int, seconds: int) -> None:
    """Any text at any distance in time, as it was signed and with one byte changed, is judged alike."""
    data = body.encode("utf-8", "replace") or b"{}"
    headers = signed_headers(data)
    at = place % len(data)
    changed = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
    for each in (data, changed):
        ours = verifier(account_of(public_key())).verify(request_of(each, headers), NOW + seconds)
        try:
            each.decode("utf-8")
        except UnicodeDecodeError:
            continue
        theirs = sdk_verifies(public_key(), headers, each, NOW + seconds)
        assert (ours.verdict is Verdict.VERIFIED) == theirs == (each == data and abs(seconds) <= 300)


async def called_by_the_sdk(contract: Contract) -> Recorded:
    """Return what the SDK sends for an operation."""
    async with rest_server(LISTED if contract.listed else SENT, prefix="/v2") as server:
        client = telnyx.AsyncTelnyx(api_key=KEY.value, base_url=server.url, max_retries=0)
        async with client:
            method = reduce(getattr, contract.sdk.split("."), client)
            positional, named = of_the_sdk(contract)
            await method(*positional, **named)
    (request,) = server.requests
    return request


async def called_by_us(contract: Contract) -> Recorded:
    """Return what our client sends for an operation."""
    async with telnyx_playing(LISTED if contract.listed else SENT) as (client, server):
        found = operations_of(client)[contract.name].method_of(client)(**of_ours(contract))
        await (found.page() if isinstance(found, Pages) else found)
    (request,) = server.requests
    return request


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
async def test_sdk_and_we_send_the_same(contract: Contract) -> None:
    """Method, path, query, body and idempotency key of the SDK are ours."""
    theirs, ours = await called_by_the_sdk(contract), await called_by_us(contract)
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert sorted(ours.query) == sorted(theirs.query)
    assert ours.json() == theirs.json()
    for name in ("authorization", "idempotency-key"):
        assert ours.headers.get(name) == theirs.headers.get(name)
