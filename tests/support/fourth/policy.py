"""How Acme delivers. Source: README."""

from providers.contract import Policy

POLICY = Policy(
    methods=frozenset({"POST"}),
    success_status=204,
    retry_status=503,
    retry_after=10,
    deadline=5.0,
    answer_by=3.0,
    broker_wait=1.5,
    body_limit=128 * 1024,
    body_wait=10.0,
)
