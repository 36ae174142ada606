"""How Telnyx delivers, and what it wants to hear. Sources: providers/telnyx/README.md."""

from providers.contract import Policy

POLICY = Policy(
    # "Receiving Webhooks for Messaging": POST, application/json.
    methods=frozenset({"POST"}),
    # The OpenAPI asks for 200; the delivery log counts any other 2xx as error 75299.
    success_status=200,
    # Every answer but 2xx is tried again; 503 says what is true.
    retry_status=503,
    # Telnyx has a plan of its own and ignores headers of the answer; this is for people and proxies.
    retry_after=5,
    # API v2 waits 2 seconds; the 5 seconds of some pages belong to API v1.
    deadline=2.0,
    # Leaves 0.4 s of the deadline to the way back and a busy machine.
    answer_by=1.6,
    # Leaves the other half of that time to the spool and its fsync.
    broker_wait=0.8,
    # No page of Telnyx's gives a limit. The largest of its samples is under 10 kB (text, ten media references, long
    # tags); this is 25 times that, and the worst body of this size is read in under 30 ms.
    body_limit=256 * 1024,
    # Telnyx has gone after 2 s; what is left are slow clients, which get no more than this.
    body_wait=10.0,
)
