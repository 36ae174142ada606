"""Telnyx messaging, API v2. `README.md` beside this file tells what is known and from where."""

from providers.contract import Provider, Setting, Words
from providers.polling import poll_settings
from providers.telnyx.access import DEFAULT_BASE_URL, base_url_of
from providers.telnyx.client import client
from providers.telnyx.consent import scope_of_message
from providers.telnyx.failures import FAILURES
from providers.telnyx.looking_up import lookup
from providers.telnyx.normalize import normalize
from providers.telnyx.numbers import BULK_UPDATES
from providers.telnyx.optout import CONSENTS, answers
from providers.telnyx.policy import POLICY
from providers.telnyx.polls import POLLS, polls
from providers.telnyx.repeats import content
from providers.telnyx.sending import sender
from providers.telnyx.setup import setup
from providers.telnyx.signature import DEFAULT_TOLERANCE, verifier
from providers.telnyx.statuses import STATUSES

PROVIDER = Provider(
    name="telnyx",
    title="Telnyx",
    policy=POLICY,
    settings=(
        Setting(
            "public_keys",
            "public keys of the Telnyx account, base64; several at once while a key is changed",
            many=True,
            secret=True,
            literal=True,
            proves=True,
            portal="Account, Keys & Credentials, Public Key",
        ),
        Setting(
            "api_key",
            "API key for calls to Telnyx; a receiver that never sends needs none",
            secret=True,
            portal="Account, Keys & Credentials, API Keys",
        ),
        Setting("base_url", "where Telnyx's API is", default=DEFAULT_BASE_URL),
        Setting(
            "tolerance",
            "seconds that a webhook's timestamp may differ from our clock",
            kind=float,
            default=DEFAULT_TOLERANCE,
        ),
        Setting(
            "messaging_profile_id",
            "the messaging profile that setup points at us, where the Telnyx account has several",
        ),
        Setting("bulk_updates_path", "where bulk updates are in Telnyx's API", default=BULK_UPDATES),
        *poll_settings(POLLS),
    ),
    verifier=verifier,
    normalize=normalize,
    content=content,
    scope_of=scope_of_message,
    words=Words(statuses=STATUSES, failures=FAILURES, consents=CONSENTS),
    sender=sender,
    client=client,
    setup=setup,
    polls=polls,
    lookup=lookup,
    reach=base_url_of,
    answers=answers,
    portal_steps=(
        "Sign in to https://portal.telnyx.com.",
        "Account, Keys & Credentials, Public Key: copy the key; it belongs into TELNYX_PUBLIC_KEY.",
        "Account, Keys & Credentials, API Keys: create a key; it belongs into TELNYX_API_KEY (for sending alone).",
        'Messaging, your messaging profile: set the webhook API version to 2 (webhook_api_version "2").',
        "In the same profile: set the webhook URL to https://YOUR-HOST/webhooks/ACCOUNT.",
        "Leave the failover URL empty, or give it another host with the same Hookline log behind it.",
        "Messaging, your number: assign it to that profile.",
    ),
)
