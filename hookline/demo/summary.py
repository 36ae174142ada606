"""The demo's last words."""

from collections.abc import Sequence

from hookline.demo.outage_view import outage_rows
from hookline.demo.show import Outcome
from hookline.demo.view import account_text
from hookline.simulator.wording import Row, latency_text, parts_text, with_parts


def rows(outcome: Outcome) -> Sequence[Row]:
    """Return the closing figures, a name and a value a row: all accounts together, then each."""
    view, report, audit = outcome.view, outcome.view.report, outcome.audit
    refusals = {name.replace("_", " "): number for name, number in view.refusals.items()}
    found: list[Row] = [
        ("events sent", f"{report.sent:,}"),
        ("acknowledged", f"{report.acknowledged:,}"),
        ("stored", f"{view.stored:,} webhooks ({view.records:,} records with repeats), {view.events:,} events"),
        ("lost", f"{audit.lost:,} webhooks, {audit.lost_events:,} events"),
        ("duplicates delivered", f"{report.duplicates:,}"),
        ("forgeries refused", f"{report.refused:,} of {report.forged:,}"),
        ("refused, by reason", with_parts(sum(refusals.values()), refusals)),
        ("replies", f"{audit.answered:,} sent of {view.replies_expected:,} expected"),
        ("answer time", latency_text(report.latency)),
        *([] if view.outage is None else outage_rows(view.outage, view.spool)),
    ]
    optional = (
        ("tried again", report.failures and f"{report.retried:,} (failed: {parts_text(report.failures)})"),
        ("given up", report.given_up and f"{report.given_up:,}"),
        ("counted, not checked", outcome.unchecked and f"{outcome.unchecked:,} (more than is kept to be checked)"),
    )
    accounts = [(f"{one.account} ({one.provider})", account_text(one)) for one in view.accounts]
    return [*found, *((name, str(value)) for name, value in optional if value), *accounts]


def verdict(outcome: Outcome) -> Sequence[str]:
    """Return what the check found, a sentence each; the first says whether all is well."""
    if outcome.clean:
        accounts = len(outcome.view.accounts)
        return [
            "All well: what was acknowledged is in the log, what was due was sent once, nothing forged got in.",
            f"Nothing mixed: events, replies and confirmations of {accounts} accounts, each kept to its own.",
        ]
    report = outcome.view.report
    sentences = list(outcome.audit.lines())
    if report.given_up:
        sentences.append(f"{report.given_up} events were never acknowledged")
    if report.accepted_forgery:
        sentences.append(f"{report.accepted_forgery} forgeries were accepted")
    if outcome.view.spool.waiting:
        sentences.append(f"{outcome.view.spool.waiting} webhooks are left in the spool")
    if not outcome.settled:
        sentences.append("not everything came to its end in time")
    return ["NOT well:", *(f"  - {sentence}" for sentence in sentences)]
