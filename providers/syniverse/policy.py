"""How Syniverse's Event Manager delivers, and what it wants to hear. Sources: providers/syniverse/README.md."""

from providers.contract import Policy

POLICY = Policy(
    # Every published sample is a POST. The SDK's listener answers GET with 200; a wrong method is 405 here.
    methods=frozenset({"POST"}),
    # No list of successes is published; the SDK's listener answers 200 with this body.
    success_status=200,
    success_body=b'{"status":"ok"}',
    # The delivery state RETRY and `attempt` prove that there are retries; their schedule is not published.
    retry_status=503,
    retry_after=10,
    # RFC 7235, 4.1: several challenges in one field. RFC 7617: the credentials are UTF-8.
    challenge='Basic realm="hookline", charset="UTF-8", Bearer realm="hookline"',
    # No timeout is published. Five seconds is what webhook senders commonly wait at the least.
    deadline=5.0,
    # Leaves room for a read-back before storing, and two seconds of the deadline to the way back.
    answer_by=3.0,
    broker_wait=1.2,
    # The largest published sample is under 2 kB; a body may be a list of up to a hundred events.
    body_limit=1024 * 1024,
    body_wait=15.0,
)
