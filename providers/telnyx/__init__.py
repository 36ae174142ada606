"""Telnyx messaging, API v2. `README.md` beside this file tells what is known and from where."""

from providers.contract import Provider, Setting
from providers.telnyx.client import DEFAULT_BASE_URL, base_url_of, sender
from providers.telnyx.normalize import normalize
from providers.telnyx.optout import ANSWERED_WORDS
from providers.telnyx.policy import POLICY
from providers.telnyx.signature import DEFAULT_TOLERANCE, verifier

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
    ),
    verifier=verifier,
    normalize=normalize,
    sender=sender,
    reach=base_url_of,
    answered_words=ANSWERED_WORDS,
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
