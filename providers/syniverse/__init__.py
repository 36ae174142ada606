"""Syniverse Communications Gateway (SCG). `README.md` beside this file tells what is known and from where."""

from pathlib import Path

from providers.contract import Provider, Setting, Words
from providers.polling import poll_settings
from providers.syniverse.access import base_url_of, client
from providers.syniverse.api.tokens import DEFAULT_TOKEN_PATH
from providers.syniverse.client import DEFAULT_BASE_URL
from providers.syniverse.confirming import confirmer
from providers.syniverse.consent import CONSENTS, MANAGERS, USER, answers, scope_of_message
from providers.syniverse.failures import FAILURES
from providers.syniverse.looking_up import lookup
from providers.syniverse.normalize import normalize
from providers.syniverse.policy import POLICY
from providers.syniverse.polls import NAMES, polls
from providers.syniverse.read_back import corroborator
from providers.syniverse.repeats import content
from providers.syniverse.sending import sender
from providers.syniverse.setup import setup
from providers.syniverse.signature import verifier
from providers.syniverse.statuses import REQUESTS, STATUSES

_RECEIVING = (
    Setting(
        "basic",
        "users and passwords that Event Manager may post with, each `user:password` or a table; two while one changes",
        many=True,
        secret=True,
        proves=True,
        fields=(
            Setting("username", "the user"),
            Setting("password", "its password", secret=True),
        ),
        example=["env:SYNIVERSE_BASIC"],
    ),
    Setting(
        "bearer",
        "tokens of our own issuer that Event Manager may post with (OAuth 2.0); two while one changes",
        many=True,
        secret=True,
        proves=True,
        example=["env:SYNIVERSE_BEARER"],
        optional=True,
    ),
    Setting(
        "mtls",
        "certificates of Event Manager, verified and named by a proxy of ours",
        kind=dict,
        proves=True,
        fields=(
            Setting("header", "the header in which the proxy names the certificate"),
            Setting("values", "fingerprints or subjects of certificates", many=True),
            Setting("proxies", "networks of the proxies whose header is believed, as 10.0.0.0/8", many=True),
        ),
        example={"header": "x-client-cert-fingerprint", "values": ["AB:CD:..."], "proxies": ["10.0.0.0/8"]},
        optional=True,
    ),
    Setting(
        "company_ids",
        "companies whose events are taken, besides events that tell none; none given: of all",
        many=True,
        number_as_text=True,
        example=[1500],
        optional=True,
    ),
    Setting(
        "application_ids",
        "applications whose events are taken, besides events that tell none; none given: of all",
        many=True,
        number_as_text=True,
        example=[1704],
        optional=True,
    ),
    Setting(
        "consent_managed_by",
        f"who acts on STOP for the account's sender ids, as it is set there: {', '.join(MANAGERS)}",
        default=USER,
    ),
    Setting(
        "read_back",
        "ask Syniverse's API about each event before it is trusted; needs the token",
        kind=bool,
        default=False,
    ),
)
_CALLING = (
    Setting(
        "token",
        "access token of the SDC application, for calls; a receiver that never calls needs none",
        secret=True,
        portal="developer.syniverse.com, Applications, your application",
        example="env:SYNIVERSE_TOKEN",
        optional=True,
    ),
    Setting(
        "consumer_key",
        "consumer key of the application, to regenerate a dead token",
        secret=True,
        example="env:SYNIVERSE_CONSUMER_KEY",
        optional=True,
    ),
    Setting(
        "consumer_secret",
        "consumer secret of the application, to regenerate a dead token",
        secret=True,
        example="env:SYNIVERSE_CONSUMER_SECRET",
        optional=True,
    ),
    Setting(
        "token_file",
        "file that keeps a regenerated token, one for all processes that use the account",
        kind=Path,
        default="var/{account}.token",
    ),
    Setting(
        "token_validity", "seconds that a regenerated token lives, 900 or more; 0 is for ever", kind=int, default=0
    ),
    Setting("sender", "what sends a reply to a message that names no sender id: sender_id:ID or channel:ID"),
    Setting("base_url", "where Syniverse's API is", default=DEFAULT_BASE_URL),
    Setting("token_path", "where tokens are regenerated; some pages leave the v1 out", default=DEFAULT_TOKEN_PATH),
    *poll_settings(
        NAMES,
        "seconds that a poll looks back: the first after a start, each of `statuses`, and each of `inbound` as long as "
        "it marks; what is stored already is stored again under its id",
    ),
    Setting("confirm", "mark inbound messages as PROCESSED once they are stored", kind=bool, default=True),
)

PROVIDER = Provider(
    name="syniverse",
    title="Syniverse SCG",
    policy=POLICY,
    settings=(*_RECEIVING, *_CALLING),
    verifier=verifier,
    normalize=normalize,
    content=content,
    answers=answers,
    scope_of=scope_of_message,
    words=Words(statuses=STATUSES, failures=FAILURES, consents=CONSENTS, requests=REQUESTS),
    sender=sender,
    client=client,
    reach=base_url_of,
    setup=setup,
    polls=polls,
    lookup=lookup,
    message_polls=frozenset({"inbound"}),
    confirmer=confirmer,
    corroborator=corroborator,
    chooses_number=True,
    portal_steps=(
        "Ask Syniverse's support by ticket to whitelist the domain of YOUR-HOST for Event Manager (1 to 2 days).",
        "Sign in to https://developer.syniverse.com; copy your application's access token for SYNIVERSE_TOKEN.",
        "To call Syniverse (replies, polls, confirmations), take the # from `token` in the configuration.",
        "Event Manager, delivery configurations: create one of type REST and format JSON.",
        "Its address: https://YOUR-HOST/webhooks/ACCOUNT.",
        "Its authentication: Basic, with a user and a password of your making; user:password is SYNIVERSE_BASIC.",
        "Switch the delivery configuration on.",
        "Event Manager, subscriptions: subscribe it to the topic SCG-Message, all event types, near real time.",
        "For your sender ids: if consents are managed by SCG, set consent_managed_by to the same.",
    ),
)
