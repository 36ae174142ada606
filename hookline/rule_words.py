"""What `hookline rules` prints: lines for people, and the same as fields for programs."""

from collections.abc import Iterator, Mapping
from typing import Any

from consumers.auto_reply.deciding import ReplyOutcome
from consumers.auto_reply.rules import DEFAULT_RULE
from consumers.auto_reply.settings import Rule
from consumers.auto_reply.template import read_template
from consumers.segments import Segmented, room_of, segmented
from hookline.configuration.config import Config
from hookline.rules import Tried, Verdict, warnings_of

_REASONS: Mapping[ReplyOutcome, str] = {
    ReplyOutcome.NO_RULE: "no rule fits, and there is no default_reply",
    ReplyOutcome.SILENT_RULE: "the rule is silent",
    ReplyOutcome.TOO_OLD: "it is too old",
    ReplyOutcome.OPT_OUT_WORD: "it is a word of opting out, and no rule names it",
    ReplyOutcome.PROVIDER_ANSWERS: "the provider answers it itself",
    ReplyOutcome.NOT_A_PERSON: "the sender cannot receive texts: a short code, a name, or nobody",
    ReplyOutcome.NO_NUMBER: "it names no number of ours to answer from",
    ReplyOutcome.OWN_NUMBER: "it comes from the number that it goes to",
}
_NOT_LOOKED_AT = (
    "not looked at: consent, and what was said before in the conversation (rate, same text, cooldown, echo)"
)


def trial_fields(tried: Tried) -> dict[str, Any]:
    """Return what came of a test as JSON has it."""
    decision = tried.decision
    return {
        "outcome": decision.outcome.value,
        "rule": decision.rule,
        "purpose": decision.purpose.value if decision.purpose else None,
        "silences": [silence.value for silence in tried.silences],
        "provider": tried.title,
        "autoresponse": tried.autoresponse.value if tried.autoresponse else None,
        "rules": [_verdict_fields(verdict) for verdict in tried.verdicts],
        "not_asked": list(tried.behind),
        "answer": None if tried.answer is None else {"text": decision.text, **_size_fields(tried.answer)},
    }


def trial_lines(tried: Tried) -> Iterator[str]:
    """Yield what came of a test in words."""
    decision = tried.decision
    if decision.outcome is ReplyOutcome.REPLY:
        yield f"answered by rule {decision.rule!r}" + (f" ({decision.purpose})" if decision.purpose else "")
    else:
        yield f"not answered: {_REASONS.get(decision.outcome, decision.outcome.value)} ({decision.outcome})"
    if tried.autoresponse is not None:
        yield f"{tried.title} answers it itself, as a word of the family {tried.autoresponse}"
    if tried.silences:
        yield "so no rule is asked; by the rules alone:"
    for verdict in tried.verdicts:
        yield from _verdict_lines(verdict)
    if tried.behind:
        yield f"  not asked any more: {', '.join(tried.behind)}"
    if tried.answer is not None:
        yield from _answer_lines(tried.answer)
        yield _NOT_LOOKED_AT


def rules_fields(config: Config) -> dict[str, Any]:
    """Return the rules, and what of them can never work."""
    settings = config.consumers.auto_reply
    rules = [_rule_fields(rule) for rule in settings.rules]
    if settings.default_reply:
        rules.append({"name": DEFAULT_RULE, "conditions": {}, "answer": _template_fields(settings.default_reply)})
    return {"rules": rules, "warnings": list(warnings_of(config))}


def list_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rules in words."""
    for number, rule in enumerate(fields["rules"], start=1):
        conditions = "; ".join(f"{name}: {value}" for name, value in rule["conditions"].items()) or "every message"
        yield f"{number}. {rule['name']}: {conditions}"
        yield f"   {_answer_words(rule['answer'])}"
    if not fields["rules"]:
        yield "there are no rules, and no default_reply: nobody is answered"
    yield from (f"warning: {warning}" for warning in fields["warnings"])


def _verdict_fields(verdict: Verdict) -> dict[str, Any]:
    misses = [{"condition": condition.value, "why": why} for condition, why in verdict.misses]
    return {"rule": verdict.rule, "fires": not misses, "misses": misses}


def _verdict_lines(verdict: Verdict) -> Iterator[str]:
    if not verdict.misses:
        yield f"  {verdict.rule}: fires"
    for _, why in verdict.misses:
        yield f"  {verdict.rule}: no, {why}"


def _size_fields(answer: Segmented) -> dict[str, Any]:
    return {
        "encoding": answer.encoding.value,
        "units": answer.units,
        "segments": len(answer.segments),
        "forcing": list(answer.forcing),
    }


def _answer_lines(answer: Segmented) -> Iterator[str]:
    yield "answer:"
    yield from (f"  | {line}" for line in "".join(answer.segments).split("\n"))
    yield f"  {_size_words(answer)}"
    if answer.forcing:
        yield f"  UCS-2 because of {', '.join(f'{char!r} (U+{ord(char):04X})' for char in answer.forcing)}"


def _size_words(answer: Segmented) -> str:
    count = len(answer.segments)
    noun = "segment" if count == 1 else "segments"
    return f"{answer.encoding}, {answer.units} of {room_of(answer.encoding, count)} units, {count} {noun}"


def _rule_fields(rule: Rule) -> dict[str, Any]:
    values = {
        "keywords": rule.keywords,
        "families": rule.families,
        "pattern": rule.pattern,
        "from": rule.from_,
        "to": rule.to,
        "accounts": rule.accounts,
        "hours": f"{rule.hours} {rule.when}" if rule.hours else None,
    }
    conditions = {key: value if isinstance(value, str) else ", ".join(value) for key, value in values.items() if value}
    silent = rule.silent or not rule.reply
    return {"name": rule.name, "conditions": conditions, "answer": None if silent else _template_fields(rule.reply)}


def _template_fields(text: str | None) -> dict[str, Any]:
    """Return an answer as it is written, and the size of what of it stays the same."""
    template = read_template(text or "")
    fixed = "".join(piece for piece in template.pieces if isinstance(piece, str))
    names = [piece.name for piece in template.pieces if not isinstance(piece, str)]
    return {"template": text, "fields": names, **_size_fields(segmented(fixed))}


def _answer_words(answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return "no answer, and no later rule"
    more = f", and more with {', '.join(answer['fields'])}" if answer["fields"] else ""
    noun = "segment" if answer["segments"] == 1 else "segments"
    return f"{answer['template']!r}: {answer['encoding']}, {answer['units']} units, {answer['segments']} {noun}{more}"
