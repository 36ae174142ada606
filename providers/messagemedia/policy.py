"""How MessageMedia delivers, and what it wants to hear. Sources: providers/messagemedia/README.md."""

from providers.contract import Policy
from providers.messagemedia.proof.secret_headers import DEFAULT_HEADER

POLICY = Policy(
    # Notifications are POST; a custom webhook may be GET, with its variables in the URL. The other methods that the
    # webhooks API takes (PATCH, PUT, DELETE) are never needed: the account says which one it wants.
    methods=frozenset({"GET", "POST"}),
    # "Any 2xx" is success for the provider.
    success_status=200,
    # Everything else is tried again: notifications backing off, webhooks as their `retries` say.
    retry_status=503,
    # A webhook has its own `retry_delay` (5 to 60 s) and no page speaks of this header; it is for people and proxies.
    retry_after=30,
    # `read_timeout` of a webhook: 20000 ms by default. That of callback_url notifications is not documented.
    deadline=20.0,
    # Far below the deadline: nobody knows the one of notifications, and a fast answer costs us nothing.
    answer_by=4.0,
    # Half of it; the rest is for the spool and its fsync.
    broker_wait=2.0,
    # An MMS comes with its files in base64. No limit is documented; carriers take at most about 1 MB a message, so
    # this is twice that in base64, with room for the rest.
    body_limit=4 * 1024 * 1024,
    # A `read_timeout` can be 60 s at most; a body of the limit has to come at 1.1 Mbit/s.
    body_wait=30.0,
    # Also where the account proves by signatures alone: `hookline setup` may have put it into the webhooks before.
    secret_headers=frozenset({DEFAULT_HEADER}),
)
