"""Any headers and bodies through verify and normalize: no exception, and proved is only what was signed."""

import ast
import hmac
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.server import Endpoint
from providers.contract import Request, Verdict
from tests.support.cases import CASES
from tests.support.fuzzing import examples
from tests.support.provider_cases import NOW, ROOT, ProviderCase, Way, request_of
from tests.support.receiver import Answer, receiver, request_bytes

WAYS = [(case, way) for case in CASES.values() for way in case.ways]
IDS = [f"{case.provider.name}-{way.name}" for case, way in WAYS]
TEXTS = st.text(max_size=30) | st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape"))


@st.composite
def tampered(draw: st.DrawFn) -> tuple[ProviderCase, Way, Request, bytes]:
    """Give a proved request of a provider with changes in its headers, its target and its body; and the old body."""
    case, way = draw(st.sampled_from(WAYS))
    request = request_of(draw(st.sampled_from(case.samples)))
    proof = dict(way.prove(request, NOW))
    fields = [*request.headers, *((name.lower(), value) for name, value in proof.items())]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(fields)))
        name = draw(st.sampled_from([name for name, _ in fields] or ["x"]) | TEXTS)
        cut = draw(st.integers(0, 1))
        fields[place : place + cut] = [(name, draw(TEXTS))] * draw(st.integers(0, 2))
    body = request.body
    if draw(st.booleans()):
        start = draw(st.integers(0, len(body)))
        body = body[:start] + draw(st.binary(max_size=8)) + body[start + draw(st.integers(0, 3)) :]
    target = draw(st.just(request.target) | TEXTS)
    return case, way, Request(request.method, target, tuple(fields), body, draw(st.none() | TEXTS)), request.body


@settings(max_examples=examples(100))
@given(case=tampered(), now=st.just(NOW) | st.floats(-1e12, 1e12))
def test_what_is_tampered_with_is_proved_or_refused_and_nothing_else(
    case: tuple[ProviderCase, Way, Request, bytes], now: float
) -> None:
    """A verdict and never an exception; a signature covers its body; the explanation agrees."""
    which, way, request, body = case
    verifier = which.provider.verifier(which.account(way))
    found = verifier.verify(request, now)
    if found.verdict is Verdict.VERIFIED and way.covers_body:
        assert request.body == body
    assert verifier.explain(request, now)[-1].ok == (found.verdict is Verdict.VERIFIED)


@settings(max_examples=examples(100))
@given(case=tampered(), body=st.none() | st.binary(max_size=200))
def test_whatever_was_proved_gives_events(case: tuple[ProviderCase, Way, Request, bytes], body: bytes | None) -> None:
    """Also bytes that no provider would send: at least one event, with distinct ids."""
    which, way, request, _ = case
    sample = next(iter(which.samples))
    webhook = replace(
        which.webhook(sample),
        body=request.body if body is None else body,
        target=request.target,
        headers=request.headers,
    )
    events = which.provider.normalize(webhook, which.account(way).settings)
    assert events
    assert len({event.id for event in events}) == len(events)


SECRET_WORDS = {"secret", "password", "token", "digest", "signature", "given", "said", "pair", "credential", "expected"}
ON_THE_WAY_IN = sorted(
    path
    for pattern in ("providers/*/signature.py", "providers/*/proof/*.py", "tests/support/fourth/signature.py")
    for path in ROOT.glob(pattern)
    # What runs on the operator's word, never on the way in; key material is public there.
    if path.name not in {"diagnosis.py", "guesses.py"}
)


def compared(path: Path) -> Sequence[str]:
    """Return the names and attributes that a file compares with == or !=, or looks for with `in`."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq | ast.In) for op in node.ops):
            sides = [node.left, *node.comparators]
            found += [side.id for side in sides if isinstance(side, ast.Name)]
            found += [side.attr for side in sides if isinstance(side, ast.Attribute)]
    return found


@pytest.mark.parametrize("path", ON_THE_WAY_IN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_secret_is_compared_by_its_bytes_in_order(path: Path) -> None:
    """The `==` of bytes ends at the first that differs, and its time tells how many were right."""
    assert SECRET_WORDS.isdisjoint(compared(path))


SHARED = [(case, way) for case, way in WAYS if way.secrets]


@pytest.mark.parametrize(("case", "way"), SHARED, ids=[f"{c.provider.name}-{w.name}" for c, w in SHARED])
def test_a_right_and_a_wrong_secret_take_as_many_comparisons(case: ProviderCase, way: Way) -> None:
    """All that are configured are compared, in constant time each, whichever fits, and also where none does."""
    verifier = case.provider.verifier(case.account(way))
    request = request_of(case.story.sent)

    def comparisons(proof: dict[str, str]) -> int:
        with mock.patch.object(hmac, "compare_digest", wraps=hmac.compare_digest) as counted:
            verifier.verify(request_of(case.story.sent, proof), NOW)
        return counted.call_count

    right = comparisons(dict(way.prove(request, NOW)))
    assert right >= 1
    wrong = {name: comparisons(dict(prove(request, NOW))) for name, prove in way.false.items()}
    assert set(wrong.values()) <= {0, right}, wrong


def shape(answer: Answer) -> tuple[object, ...]:
    """Return all of an answer but its date."""
    return answer.status, tuple((name, value) for name, value in answer.headers.items() if name != "date"), answer.body


@pytest.mark.parametrize(("case", "way"), WAYS, ids=IDS)
async def test_the_answer_does_not_tell_what_was_wrong(case: ProviderCase, way: Way) -> None:
    """Nothing, a false proof of each kind, one that is too old or of the future, another body: the same bytes."""
    account = case.account(way)
    request = request_of(case.story.sent)
    proofs = [{}, *(prove(request, NOW) for prove in way.false.values())]
    if way.patience is not None:
        proofs += [way.prove(request, NOW + side * (way.patience + 60)) for side in (-1, 1)]
    async with receiver(endpoints=[Endpoint(account, case.provider, case.provider.verifier(account))]) as bench:
        seen: set[tuple[object, ...]] = set()
        for proof in proofs:
            fields = [(name.encode(), value.encode()) for name, value in request_of(case.story.sent, proof).headers]
            data = request_bytes(
                request.body, method=request.method, target=request.target, secret=None, headers=fields
            )
            seen.add(shape(await bench.ask(data)))
    ((status, _, _),) = seen
    assert status == 401
