"""Who may post: passwords, tokens, certificates named by a proxy, and the lists of companies and applications."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import AccountError, Request, Secret, Verdict
from providers.syniverse.policy import POLICY
from providers.syniverse.signature import verifier
from tests.support.syniverse import NOW, PAIR, account_of, basic, envelope, own_body, request_of, written

TOKEN = "eyJ0eXAi.abc-_~+/="
PRINT = "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89"
SUBJECT = "CN=ess.example.com,O=Example Inc,C=US"
MTLS: dict[str, Any] = {
    "header": "X-Client-Cert",
    "values": (PRINT, SUBJECT),
    "proxies": ("192.0.2.0/24", "2001:db8::/32"),
}


def verdict(request: Request, **settings: Any) -> tuple[Verdict, str | None]:
    """Return the verdict on a request, and which proof it names."""
    found = verifier(account_of(**settings)).verify(request, NOW)
    return found.verdict, found.key


def secrets(*values: str) -> tuple[Secret, ...]:
    """Return secrets of those values."""
    return tuple(Secret(value, f"env:SECRET_{place}") for place, value in enumerate(values, 1))


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    """Return the header of a bearer token."""
    return {"Authorization": f"{scheme} {token}"}


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_password_verifies(scheme: str) -> None:
    """The case of the scheme does not matter (RFC 7235, 2.1)."""
    assert verdict(request_of(basic(scheme=scheme))) == (Verdict.VERIFIED, "basic:1")


def test_a_password_may_hold_colons_and_letters_of_any_alphabet() -> None:
    """The first colon divides; UTF-8 is what the challenge asks for (RFC 7617)."""
    pair = "ess:pä:ß☎"
    assert verdict(request_of(basic(pair)), basic=secrets(pair)) == (Verdict.VERIFIED, "basic:1")


def test_user_and_password_may_stand_in_a_table() -> None:
    """The user is no secret."""
    table = {"username": "ess", "password": Secret("correct horse", "env:P")}
    assert verdict(request_of(basic()), basic=(table,)) == (Verdict.VERIFIED, "basic:1")


def test_two_passwords_while_one_is_changed() -> None:
    """Old and new both verify, and the verdict tells which."""
    both = secrets("ess:old", "ess:new")
    assert verdict(request_of(basic("ess:old")), basic=both) == (Verdict.VERIFIED, "basic:1")
    assert verdict(request_of(basic("ess:new")), basic=both) == (Verdict.VERIFIED, "basic:2")


@pytest.mark.parametrize(
    "pair", ["ess:wrong", "other:correct horse", "ess", ":", "", "ess:correct horse ", "ESS:correct horse"]
)
def test_another_password_is_refused(pair: str) -> None:
    """Both parts have to fit, to the letter."""
    assert verdict(request_of(basic(pair))) == (Verdict.WRONG_SECRET, None)


@given(place=st.integers(0, 23), letter=st.characters(min_codepoint=33, max_codepoint=126))
def test_any_changed_letter_of_the_credential_is_refused(place: int, letter: str) -> None:
    """Even one that differs only in bits that base64 ignores."""
    sent = base64.b64encode(PAIR.encode()).decode()
    assert len(sent) == 24
    changed = sent[:place] + letter + sent[place + 1 :]
    found, _ = verdict(request_of({"Authorization": f"Basic {changed}"}))
    assert (found is Verdict.VERIFIED) == (changed == sent)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        f"Digest {base64.b64encode(PAIR.encode()).decode()}",
        f"Bearer {base64.b64encode(PAIR.encode()).decode()}",
        base64.b64encode(PAIR.encode()).decode(),
        PAIR,
        "Basic \udcff",
    ],
)
def test_another_form_is_refused(header: str) -> None:
    """The right secret under another scheme, or none."""
    assert verdict(request_of({"Authorization": header})) == (Verdict.WRONG_SECRET, None)


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}])
def test_no_credential_is_told_apart(headers: dict[str, str]) -> None:
    """It is missing, not wrong."""
    assert verdict(request_of(headers)) == (Verdict.MISSING_SECRET, None)


def test_a_header_that_came_twice_is_refused() -> None:
    """Two are joined, and then are no credential."""
    one = request_of(basic())
    assert verdict(Request("POST", "/", one.headers * 2, b"")) == (Verdict.WRONG_SECRET, None)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_verifies(scheme: str) -> None:
    """Any of several, while one is changed."""
    both = secrets("old-token", TOKEN)
    assert verdict(request_of(bearer(TOKEN, scheme)), bearer=both) == (Verdict.VERIFIED, "bearer:2")
    assert verdict(request_of(bearer("old-token")), bearer=both) == (Verdict.VERIFIED, "bearer:1")


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), f"{TOKEN}, Bearer {TOKEN}"])
def test_another_token_is_refused(token: str) -> None:
    """To the letter."""
    assert verdict(request_of(bearer(token)), bearer=secrets(TOKEN)) == (Verdict.WRONG_SECRET, None)


def test_basic_does_not_open_what_a_token_locks() -> None:
    """A scheme that is not configured proves nobody."""
    pair = "ess:secret"
    assert verdict(request_of(basic(pair)), bearer=secrets(pair)) == (Verdict.WRONG_SECRET, None)
    assert verdict(request_of(bearer(pair)), basic=secrets(pair)) == (Verdict.WRONG_SECRET, None)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (PRINT, "mtls:1"),
        (PRINT.lower(), "mtls:1"),
        (PRINT.replace(":", ""), "mtls:1"),
        (f"sha256:{PRINT.replace(':', '').lower()}", "mtls:1"),
        (f"SHA256 Fingerprint={PRINT}", "mtls:1"),
        (SUBJECT, "mtls:2"),
        (f" {SUBJECT} ", "mtls:2"),
    ],
)
@pytest.mark.parametrize("peer", ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"])
def test_a_certificate_that_a_proxy_names_verifies(value: str, key: str, peer: str) -> None:
    """A fingerprint in any of its spellings, a subject as it is written."""
    request = request_of({"X-Client-Cert": value}, peer=peer)
    assert verdict(request, mtls=MTLS) == (Verdict.VERIFIED, key)


@pytest.mark.parametrize("peer", ["198.51.100.1", "::1", "::ffff:198.51.100.1", "", "nonsense", None])
def test_nobody_else_may_name_a_certificate(peer: str | None) -> None:
    """A header can be written by anybody; the network cannot."""
    request = request_of({"X-Client-Cert": PRINT}, peer=peer)
    assert verdict(request, mtls=MTLS) == (Verdict.NOT_FROM_PROXY, None)


@pytest.mark.parametrize(
    "value", [PRINT[:-1] + "8", PRINT[:-3], SUBJECT.lower(), "CN=other", f"{SUBJECT}, {SUBJECT}", "\udcff"]
)
def test_another_certificate_is_refused(value: str) -> None:
    """So is one that the sender wrote beside the proxy's."""
    assert verdict(request_of({"X-Client-Cert": value}), mtls=MTLS) == (Verdict.UNKNOWN_CERTIFICATE, None)


def test_no_certificate_is_told_apart() -> None:
    """The proxy let somebody through who had none."""
    assert verdict(request_of({}), mtls=MTLS) == (Verdict.MISSING_CERTIFICATE, None)


def test_any_one_proof_will_do() -> None:
    """Password, token or certificate."""
    every: dict[str, Any] = {"basic": secrets(PAIR), "bearer": secrets(TOKEN), "mtls": MTLS}
    assert verdict(request_of(basic()), **every)[1] == "basic:1"
    assert verdict(request_of(bearer(TOKEN)), **every)[1] == "bearer:1"
    assert verdict(request_of({"X-Client-Cert": PRINT}), **every)[1] == "mtls:1"
    assert verdict(request_of({**basic("ess:wrong"), "X-Client-Cert": PRINT}), **every)[1] == "mtls:1"


@pytest.mark.parametrize(
    ("headers", "peer", "expected"),
    [
        ({}, "192.0.2.7", Verdict.MISSING_SECRET),
        ({"X-Client-Cert": PRINT}, "198.51.100.1", Verdict.NOT_FROM_PROXY),
        ({"X-Client-Cert": "CN=other"}, "192.0.2.7", Verdict.UNKNOWN_CERTIFICATE),
        ({"Authorization": "Basic x"}, "198.51.100.1", Verdict.WRONG_SECRET),
    ],
)
def test_the_refusal_speaks_of_what_was_tried(headers: dict[str, str], peer: str, expected: Verdict) -> None:
    """With several proofs configured."""
    found = verdict(request_of(headers, peer=peer), basic=secrets(PAIR), mtls=MTLS)
    assert found == (expected, None)


FIELDS: dict[str, Any] = {"message_id": "m", "new_state": "SENT"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"company_id": 1500, "application_id": 304}, Verdict.VERIFIED),
        ({"company_id": "1500", "application_id": " 304 "}, Verdict.VERIFIED),
        ({"company_id": 1501, "application_id": 304}, Verdict.WRONG_COMPANY),
        ({"company_id": 1500, "application_id": 305}, Verdict.WRONG_APPLICATION),
        ({"company_id": 1500.0, "application_id": 304}, Verdict.WRONG_COMPANY),
        ({"company_id": True, "application_id": 304}, Verdict.WRONG_COMPANY),
        ({"company_id": [1500], "application_id": 304}, Verdict.WRONG_COMPANY),
        ({"application_id": 304}, Verdict.VERIFIED),
        ({"company_id": 1500}, Verdict.VERIFIED),
        ({"company_id": None, "application_id": " "}, Verdict.VERIFIED),
        ({}, Verdict.VERIFIED),
        ({"application_id": 305}, Verdict.WRONG_APPLICATION),
    ],
)
def test_lists_of_companies_and_applications(fields: dict[str, Any], expected: Verdict) -> None:
    """Numbers or texts; what is missing refuses nothing, what is of another type is not on the list."""
    request = request_of(basic(), written(envelope(**FIELDS, **fields)))
    assert verdict(request, company_ids=("1500",), application_ids=(304,))[0] is expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"<event/>",
        b"[]",
        b"{}",
        b'{"event":{}}',
        b"[" * 100_000,
        b'{"company-id":1500,"company-id":1500,"message_id":"m"}',
        own_body("voice_incoming"),
        own_body("media_storage_file"),
    ],
)
def test_a_body_that_tells_no_other_company_is_kept(body: bytes) -> None:
    """Nothing that is proved is dropped: a missing id is no foreign one."""
    assert verdict(request_of(basic(), body), company_ids=("1500",))[0] is Verdict.VERIFIED


@pytest.mark.parametrize(
    "body",
    [
        b'{"company-id":1500,"company-id":1501,"message_id":"m"}',
        b'{"company-id":1501,"company-id":1500,"message_id":"m"}',
        b'{"company-id":1500,"company_id":1501}',
        b'{"company-id":1500,"event":{"fld-val-list":{"message_id":"m","company-id":1501}}}',
        b'\xef\xbb\xbf{"company-id":1501}',
        b'[{"company-id":1500},{"company-id":1501},7]',
        b'{"company-id":' + b"9" * 5000 + b"}",
    ],
)
def test_an_id_that_disagrees_is_refused_wherever_it_stands(body: bytes) -> None:
    """Another reader may see the other of two."""
    assert verdict(request_of(basic(), body), company_ids=("1500",))[0] is Verdict.WRONG_COMPANY


@given(st.binary(max_size=300))
def test_any_bytes_are_looked_through(body: bytes) -> None:
    """Nothing raises, whatever was posted."""
    assert verdict(request_of(basic(), body), company_ids=("1500",))[0] in {Verdict.VERIFIED, Verdict.WRONG_COMPANY}


def test_every_event_of_a_list_has_to_be_allowed() -> None:
    """One of another company spoils the body."""
    ours, theirs = envelope(**FIELDS, company_id=1500), envelope(**FIELDS, company_id=1501)
    assert verdict(request_of(basic(), written([ours, ours])), company_ids=("1500",))[0] is Verdict.VERIFIED
    assert verdict(request_of(basic(), written([ours, theirs])), company_ids=("1500",))[0] is Verdict.WRONG_COMPANY


def test_a_flat_body_tells_its_company_too() -> None:
    """As one integrator saw it."""
    request = request_of(basic(), b'{"message_id":"m","company-id":1500}')
    assert verdict(request, company_ids=("1500",))[0] is Verdict.VERIFIED


def test_the_lists_do_not_prove_a_sender() -> None:
    """Anybody can write a company's id: the password comes first."""
    request = request_of({}, written(envelope(**FIELDS, company_id=1500)))
    assert verdict(request, company_ids=("1500",))[0] is Verdict.MISSING_SECRET


@pytest.mark.parametrize("settings", [{"basic": ()}, {"basic": (), "bearer": (), "mtls": None}])
def test_an_account_without_a_proof_does_not_start(settings: dict[str, Any]) -> None:
    """It could accept nobody, and must not accept everybody."""
    with pytest.raises(AccountError, match="nobody could be proved") as caught:
        verifier(account_of(**settings))
    assert caught.value.reason is Verdict.NOT_CONFIGURED


TAKEN = ("Host", "content-type", "Authorization", "content-length", "date", "user-agent", "X-Forwarded-For", "cookie")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"basic": secrets("no colon")}, "basic 1"),
        ({"basic": secrets(PAIR, ":password")}, "basic 2"),
        ({"basic": secrets("user:")}, "basic 1"),
        ({"basic": ({"username": "ess"},)}, "basic 1"),
        ({"basic": ({"username": "a:b", "password": Secret("x", "env:P")},)}, "basic 1"),
        ({"basic": ("literal:text",)}, "basic 1"),
        ({"bearer": secrets(" ")}, "bearer 1"),
        ({"bearer": secrets("two words")}, "bearer 1"),
        ({"bearer": secrets("tokén")}, "bearer 1"),
        ({"bearer": ("literal",)}, "bearer 1"),
        ({"mtls": {**MTLS, "header": None}}, "mtls needs the header"),
        ({"mtls": {**MTLS, "header": "two words"}}, "mtls needs the header"),
        *(({"mtls": {**MTLS, "header": name}}, "cannot name the header") for name in TAKEN),
        ({"mtls": {**MTLS, "proxies": ("0.0.0.0/0",)}}, "is everybody"),
        ({"mtls": {**MTLS, "proxies": ("10.0.0.0/8", "::/0")}}, "is everybody"),
        ({"mtls": {**MTLS, "values": ()}}, "mtls needs values"),
        ({"mtls": {**MTLS, "values": (" ",)}}, "mtls needs values"),
        ({"mtls": {**MTLS, "proxies": ()}}, "mtls needs proxies"),
        ({"mtls": {**MTLS, "proxies": ("everywhere",)}}, "no network"),
        ({"mtls": {**MTLS, "proxies": ("10.0.0.1/8",)}}, "no network"),
        ({"company_ids": (1.5,)}, "company_ids: item 1"),
        ({"application_ids": ("1", None)}, "application_ids: item 2"),
        ({"consent_managed_by": "NOBODY"}, "consent_managed_by"),
    ],
)
def test_a_malformed_account_does_not_start(settings: dict[str, Any], words: str) -> None:
    """It says which setting is wrong, and shows no secret."""
    with pytest.raises(AccountError, match=words) as caught:
        verifier(account_of(**settings))
    assert not any(text in str(caught.value) for text in ("no colon", 'two words"', "tokén", "literal"))


def test_the_header_of_the_certificate_is_kept_out_of_records() -> None:
    """It is a credential: whoever reads a record must not learn what to write there."""
    assert verifier(account_of(mtls=MTLS)).secrets.headers == {"x-client-cert"}
    assert verifier(account_of()).secrets.headers == frozenset()


def test_no_secret_shows_in_a_verifier() -> None:
    """Neither the secret nor what it is compared by."""
    checker = verifier(account_of(basic=secrets(PAIR), bearer=secrets(TOKEN)))
    shown = repr(checker._proofs)
    assert "correct horse" not in shown
    assert TOKEN not in shown
    assert "digest" not in shown


ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(
    header=st.none() | st.builds(str.__add__, st.sampled_from(["Basic ", "Bearer ", ""]), ANY_TEXT),
    peer=st.sampled_from(["192.0.2.1", "2001:db8::1%eth0", None]) | st.text(),
    name=ANY_TEXT | st.none(),
    body=st.binary(),
)
def test_arbitrary_requests_never_raise(header: str | None, peer: str | None, name: str | None, body: bytes) -> None:
    """Whatever the texts and bytes, there is a refusal and an explanation."""
    pairs = {"Authorization": header, "X-Client-Cert": name}
    request = request_of({key: value for key, value in pairs.items() if value is not None}, body, peer)
    checker = verifier(account_of(basic=secrets(PAIR), bearer=secrets(TOKEN), mtls=MTLS, company_ids=("1",)))
    assert checker.verify(request, NOW).verdict is not Verdict.VERIFIED
    assert not checker.explain(request, NOW)[-1].ok


def test_a_refusal_names_both_ways_to_prove_oneself() -> None:
    """Event Manager is told what to try, and nothing of what was wrong."""
    assert POLICY.challenge == 'Basic realm="hookline", charset="UTF-8", Bearer realm="hookline"'
    assert POLICY.success_body == b'{"status":"ok"}'
    assert (sorted(POLICY.methods), POLICY.success_status, POLICY.retry_status) == (["POST"], 200, 503)
