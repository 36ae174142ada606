"""MessageMedia (Sinch Engage). `README.md` beside this file tells what is known and from where."""

from providers.contract import Provider, Setting, Words
from providers.messagemedia.access import base_url_of, client
from providers.messagemedia.api.authorization import Authentication
from providers.messagemedia.client import DEFAULT_BASE_URL
from providers.messagemedia.confirming import confirmer
from providers.messagemedia.consent import CONSENTS, answers, scope_of_message
from providers.messagemedia.failures import FAILURES
from providers.messagemedia.looking_up import lookup
from providers.messagemedia.normalize import normalize
from providers.messagemedia.policy import POLICY
from providers.messagemedia.polls import POLLS, polls
from providers.messagemedia.proof.keys import Digest
from providers.messagemedia.proof.proofs import DEFAULT_TOLERANCE
from providers.messagemedia.proof.secret_headers import DEFAULT_HEADER
from providers.messagemedia.sending import sender
from providers.messagemedia.setup import setup
from providers.messagemedia.signature import verifier
from providers.messagemedia.statuses import STATUSES
from providers.polling import poll_settings

_KEY_FIELDS = (
    Setting("id", "id of the key at MessageMedia, a UUID", proves=True),
    Setting("digest", f"its digest: any of {', '.join(Digest)}", default=Digest.SHA256.value, proves=True),
    Setting("public_key", "base64 public key, shown once when the key is made", secret=True, literal=True, proves=True),
)
_SECRET_FIELDS = (
    Setting("name", "name of the header", default=DEFAULT_HEADER, proves=True),
    Setting("value", "the secret in it", secret=True, proves=True),
)
_PROOFS = (
    Setting(
        "keys",
        "signature keys of the account, by their ids; several while a key is changed; `hookline setup` makes one",
        kind=dict,
        many=True,
        proves=True,
        fields=_KEY_FIELDS,
        example=[{"id": "UUID", "digest": Digest.SHA256.value, "public_key": "file:messagemedia-UUID.key"}],
        optional=True,
    ),
    Setting(
        "secret_header",
        "shared secrets in a header of the custom webhooks, for accounts without signatures; several while one is "
        f"changed; a reference alone is the value of `{DEFAULT_HEADER}`",
        kind=dict,
        many=True,
        secret=True,
        proves=True,
        fields=_SECRET_FIELDS,
    ),
    Setting("outer_path", "the path that MessageMedia posts to, where a proxy changes it: it is signed"),
    Setting(
        "tolerance",
        "seconds that the date of a signed request may differ from our clock",
        kind=float,
        default=DEFAULT_TOLERANCE,
    ),
    Setting(
        "field_names",
        "names of members in webhook templates of your own, by ours (those of the fixed notifications); a dot goes "
        "into an object",
        kind=dict,
        example={"content": "reply.text", "source_number": "from"},
        optional=True,
    ),
)
_CALLS = (
    Setting(
        "api_key",
        "API key for calls to MessageMedia; a receiver that never calls needs none",
        secret=True,
        portal="Configuration, API settings",
    ),
    Setting("api_secret", "secret of that key", secret=True, portal="Configuration, API settings"),
    Setting(
        "authentication",
        f"what the key was made for: any of {', '.join(Authentication)}",
        default=Authentication.BASIC.value,
    ),
    Setting("sub_account", "sub-account that calls are made for, with the parent's key"),
    Setting("callback_url", "where the news of each sent message go, besides the account's webhooks"),
    Setting("base_url", "where MessageMedia's API is", default=DEFAULT_BASE_URL),
    *poll_settings(POLLS),
    Setting("confirm", "whether what is stored is confirmed at MessageMedia", kind=bool, default=True),
)

PROVIDER = Provider(
    name="messagemedia",
    title="MessageMedia",
    policy=POLICY,
    settings=(*_PROOFS, *_CALLS),
    verifier=verifier,
    normalize=normalize,
    scope_of=scope_of_message,
    words=Words(statuses=STATUSES, failures=FAILURES, consents=CONSENTS),
    sender=sender,
    client=client,
    reach=base_url_of,
    portal_steps=(
        "Sign in to https://hub.messagemedia.com (Sinch Engage: the portal of your region).",
        "Configuration, API settings: create a Basic key, for MESSAGEMEDIA_API_KEY and MESSAGEMEDIA_API_SECRET.",
        "Think of a long random text for MESSAGEMEDIA_SECRET_HEADER, the secret that our webhooks carry.",
        "`hookline setup ACCOUNT --url https://YOUR-HOST/webhooks/ACCOUNT` makes the three webhooks.",
        "For signatures ask support to switch on enterprise webhooks (API_SECURE_CALLBACKS); it costs extra.",
        "Then the same command with --rotate makes a key, and prints the line for `keys` of the account.",
        'For polls = ["delivery_reports", "replies"] ask support whether the account may check them.',
    ),
    setup=setup,
    polls=polls,
    lookup=lookup,
    confirmer=confirmer,
    answers=answers,
    chooses_number=True,
    message_polls=frozenset({"replies"}),
)
