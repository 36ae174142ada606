"""Acme, a fourth provider: small, invented, and written from `docs/adding-a-provider.md` alone."""

from providers.contract import Provider, Setting, Words
from providers.polling import poll_settings
from tests.support.fourth.access import DEFAULT_BASE_URL, base_url_of
from tests.support.fourth.client import client
from tests.support.fourth.confirming import confirmer
from tests.support.fourth.normalize import normalize
from tests.support.fourth.policy import POLICY
from tests.support.fourth.polls import POLLS, polls
from tests.support.fourth.sending import sender
from tests.support.fourth.signature import DEFAULT_TOLERANCE, verifier
from tests.support.fourth.tables import CONSENTS, FAILURES, STATUSES

PROVIDER = Provider(
    name="acme",
    title="Acme",
    policy=POLICY,
    settings=(
        Setting(
            "secrets",
            "secrets that Acme signs with; several at once while one is changed",
            many=True,
            secret=True,
            proves=True,
            portal="Settings, Webhooks, Secret",
        ),
        Setting("token", "token for calls to Acme", secret=True, portal="Settings, Tokens"),
        Setting("base_url", "where Acme's API is", default=DEFAULT_BASE_URL),
        Setting("tolerance", "seconds that a webhook's time may differ", kind=float, default=DEFAULT_TOLERANCE),
        Setting("confirm", "whether to confirm what is stored", kind=bool, default=True),
        *poll_settings(POLLS),
    ),
    verifier=verifier,
    normalize=normalize,
    words=Words(statuses=STATUSES, failures=FAILURES, consents=CONSENTS),
    sender=sender,
    client=client,
    reach=base_url_of,
    portal_steps=(
        "Settings, Webhooks: set the URL to https://YOUR-HOST/webhooks/ACCOUNT.",
        "Settings, Webhooks, Secret: copy it; it belongs into ACME_SECRET.",
        "Settings, Tokens: create one; it belongs into ACME_TOKEN (for sending, polls and confirmations).",
    ),
    polls=polls,
    confirmer=confirmer,
)
