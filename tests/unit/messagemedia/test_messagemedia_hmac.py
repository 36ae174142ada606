"""HMAC of calls to MessageMedia: vectors, published and our own, and what a server sees."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from providers.contract import AccountError, Secret
from providers.messagemedia.api.authorization import Authentication, Hmac, credentials_of
from providers.rest.transport import Call, Tempo
from tests.conftest import FakeClock
from tests.support.messagemedia_api import FIXTURES, KEY, SECRET, Reply, api_answering, client_of

RULES = json.loads((FIXTURES / "signature_vectors.json").read_text())["rest_hmac"]
VECTORS = {vector["name"]: vector for vector in RULES["vectors"]}
# Thu, 12 Dec 2019 10:16:19 GMT
THEN = 1_576_145_779.0


def proof_of(vector: dict[str, Any], clock: FakeClock) -> Hmac:
    """Return the proof with a vector's key."""
    return Hmac(
        Secret(vector["username"], "env:K"),
        Secret(vector["secret"], "env:S"),
        Authentication(vector["algorithm"]),
        clock,
    )


@pytest.mark.parametrize("name", VECTORS)
def test_vector(name: str, clock: FakeClock) -> None:
    """Headers and request line of a vector give its signature and its `Authorization`."""
    vector = VECTORS[name]
    *lines, request_line = vector["signing_string"].split("\n")
    signed = dict(line.split(": ", 1) for line in lines)
    assert proof_of(vector, clock).authorization(signed, request_line) == vector["authorization"]


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("generated_")])
async def test_whole_call_of_a_vector(name: str, clock: FakeClock) -> None:
    """A call gives the signing string of a vector: date, digest under `Content-MD5`, real method, path."""
    vector = VECTORS[name]
    clock.now = THEN
    method, path, _ = vector["signing_string"].rpartition("\n")[2].split(" ")
    body = vector["body"].encode() if "body" in vector else None
    call = Call(name="test", method=method, path=path, body=body)
    headers = await proof_of(vector, clock).headers(call, call.target)
    assert headers["Authorization"] == vector["authorization"]
    assert headers.get("Content-MD5") == vector.get("body_md5_hex")
    assert headers["Date"] == "Thu, 12 Dec 2019 10:16:19 GMT"


async def test_documented_digest(clock: FakeClock) -> None:
    """The digest is the hexadecimal MD5 of the body's bytes, as in the provider's own example."""
    documented = RULES["documented_md5_example"]
    call = Call(name="test", method="POST", path="/v1/messages", body=documented["body"].encode())
    headers = await proof_of(VECTORS["generated_sha256_post_with_body"], clock).headers(call, call.target)
    assert headers["Content-MD5"] == documented["md5_hex"]


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha1"])
async def test_what_a_server_sees_verifies(algorithm: str, clock: FakeClock) -> None:
    """A server that reads the headers' names and the request line off the wire gets the same signature."""
    tempo = Tempo(clock=clock)
    async with api_answering(Reply({"pageData": []})) as api:
        client = client_of(f"{api.url}/proxy", authentication=algorithm, tempo=tempo)
        await client.webhooks.list().page()
        await client.cancel_message("m1")
        await client.close()
    for seen in api.seen:
        scheme, _, rest = seen.headers["authorization"].partition(" ")
        said = dict(part.split("=", 1) for part in rest.split(", "))
        names = said["headers"].strip('"').split(" ")
        lines = [f"{name}: {seen.headers[name.lower()]}" for name in names[:-1]]
        text = "\n".join([*lines, f"{seen.method} {seen.target} HTTP/1.1"])
        digest = hmac.new(SECRET.value.encode(), text.encode(), algorithm.removeprefix("hmac-")).digest()
        assert (scheme, names[-1]) == ("hmac", "request-line")
        assert said["signature"].strip('"') == base64.b64encode(digest).decode()
        assert said["username"] == f'"{KEY.value}"'
    assert api.seen[0].target == "/proxy/v1/webhooks/messages?page=0&page_size=20"
    assert api.seen[1].headers["content-md5"] == hashlib.md5(api.seen[1].body, usedforsecurity=False).hexdigest()


async def test_each_try_has_its_own_date() -> None:
    """A repeat is signed anew: an old date could be refused."""
    times = iter([THEN, THEN + 60, THEN + 60, THEN + 60])

    def passing() -> float:
        return next(times)

    tempo = Tempo(clock=passing, first_pause=0.0)
    async with api_answering(Reply(b"", 500), Reply({"replies": []})) as api:
        client = client_of(api.url, authentication="hmac-sha256", tempo=tempo)
        await client.check_replies()
        await client.close()
    dates = [seen.headers["date"] for seen in api.seen]
    assert dates[0] == "Thu, 12 Dec 2019 10:16:19 GMT"
    assert dates[1] == "Thu, 12 Dec 2019 10:17:19 GMT"


def test_unknown_way_to_prove() -> None:
    """What is neither Basic nor HMAC is refused by its name."""
    with pytest.raises(AccountError, match="basic, hmac-sha256, hmac-sha1"):
        credentials_of(KEY, SECRET, "hmac-md5")


def test_proof_shows_no_secret(clock: FakeClock) -> None:
    """A text of the proof holds neither key nor secret."""
    shown = repr(credentials_of(KEY, SECRET, "hmac-sha256", clock)) + repr(credentials_of(KEY, SECRET, "basic"))
    assert KEY.value not in shown
    assert SECRET.value not in shown
