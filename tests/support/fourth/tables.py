"""Acme's words, and ours. Source: README."""

from collections.abc import Mapping

from schemas.vocabulary import Consent, DeliveryStatus, FailureClass

STATUSES: Mapping[str, DeliveryStatus] = {
    "ACCEPTED": DeliveryStatus.QUEUED,
    "SENT": DeliveryStatus.SENT,
    "DELIVERED": DeliveryStatus.DELIVERED,
    "UNDELIVERED": DeliveryStatus.FAILED,
}
FAILURES: Mapping[str, FailureClass] = {
    "30": FailureClass.PERMANENT,
    "31": FailureClass.TEMPORARY,
    "32": FailureClass.OPT_OUT,
}
CONSENTS: Mapping[str, Consent] = {"STOP": Consent.OPTED_OUT, "START": Consent.OPTED_IN}
