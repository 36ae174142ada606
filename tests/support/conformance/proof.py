"""Who may speak: genuine requests get in once, everything else stays out, and no secret is seen anywhere."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.settings import BrokerSettings
from consumers.settings import ConsumersSettings
from hookline.configuration.config import Config, ConfigError
from hookline.configuration.settings import LoggingSettings
from hookline.process.startup import endpoints_of
from ingest.server import Endpoint
from ingest.settings import ServerSettings, SpoolSettings
from providers.contract import AccountError, Request, Settings, Verdict, Verification
from schemas.topics import WEBHOOKS
from tests.support.conformance.base import OfProvider
from tests.support.conformance.reading import inherited
from tests.support.provider_cases import NOW, ProviderCase, Sample, Vector, Way, request_of
from tests.support.receiver import Answer, Bench, receiver, request_bytes

HEADER_TEXT = st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=60)


class Proof(OfProvider):
    """The verifier, alone and behind the real receiver."""

    async def test_a_genuine_request_is_stored(self, way: Way) -> None:
        """With the success status of the policy, its bytes as they came, and its events."""
        sample = self.case.story.delivered
        async with receiver(endpoints=[endpoint(self.case, way)]) as bench:
            answer = await delivered(bench, sample, way.prove(request_of(sample), NOW))
            assert answer.status == self.case.provider.policy.success_status
            assert answer.body == self.case.provider.policy.success_body
            assert [webhook.body for webhook in bench.memory.webhooks] == [sample.body]
            assert [webhook.method for webhook in bench.memory.webhooks] == [sample.method]
            expected = [event.id for event in self.case.events(sample)]
            assert [each.event.id for each in bench.memory.events] == expected

    async def test_a_repeat_of_what_was_stored_lately_is_not_stored_again(self, way: Way) -> None:
        """The same worker answers it with success."""
        sample = self.case.story.delivered
        async with receiver(endpoints=[endpoint(self.case, way)]) as bench:
            proof = way.prove(request_of(sample), NOW)
            answers = [await delivered(bench, sample, proof) for _ in range(2)]
            assert {answer.status for answer in answers} == {self.case.provider.policy.success_status}
            assert len(bench.memory.webhooks) == 1

    async def test_a_repeat_is_a_duplicate(self, way: Way) -> None:
        """Byte for byte the same: the same answer, the same id of the raw record, the same ids of the events."""
        sample = self.case.story.delivered
        # Without a window of what was stored lately, as another worker would get it.
        async with receiver(endpoints=[endpoint(self.case, way)], duplicate_window=0) as bench:
            proof = way.prove(request_of(sample), NOW)
            answers = [await delivered(bench, sample, proof) for _ in range(2)]
            assert {answer.status for answer in answers} == {self.case.provider.policy.success_status}
            raw = [dict(record.headers)["ce_id"] for record in bench.memory.records if record.topic == WEBHOOKS.name]
            assert (len(raw), len(set(raw))) == (2, 1)
            ids = [each.event.id for each in bench.memory.events]
            assert len(ids) == 2 * len(set(ids))

    async def test_without_proof_it_is_refused(self, way: Way) -> None:
        """401, and nothing is stored (P13)."""
        await assert_refused(self.case, way, self.case.story.delivered, {})

    async def test_a_false_proof_is_refused(self, way: Way) -> None:
        """A wrong key, a wrong password, or whatever else the provider's way may have wrong."""
        sample = self.case.story.delivered
        assert way.false
        for prove in way.false.values():
            await assert_refused(self.case, way, sample, prove(request_of(sample), NOW))

    async def test_what_is_not_for_this_account_is_refused(self, way: Way) -> None:
        """Where an account names whose events it takes: the proof fits, and still."""
        for sample in way.foreign:
            await assert_refused(self.case, way, sample, way.prove(request_of(sample), NOW))

    async def test_an_empty_proof_is_refused(self, way: Way) -> None:
        """The headers are there, and nothing is in them."""
        sample = self.case.story.delivered
        await assert_refused(self.case, way, sample, dict.fromkeys(way.prove(request_of(sample), NOW), ""))

    async def test_a_changed_byte_is_refused(self, way: Way) -> None:
        """Where the proof covers the body; elsewhere the body does not matter, and this says so."""
        sample = self.case.story.delivered
        proof = way.prove(request_of(sample), NOW)
        other = Sample(name="changed", body=sample.body + b" ", method=sample.method, query=sample.query)
        if way.covers_body:
            await assert_refused(self.case, way, other, proof)
        else:
            assert verdict(self.case, way, other, proof).verdict is Verdict.VERIFIED

    @given(data=st.data())
    @inherited
    def test_no_byte_of_the_body_can_be_changed(self, data: st.DataObject) -> None:
        """Wherever it stands, whatever it becomes."""
        for way in self.case.ways:
            sample = self.case.story.delivered
            at = data.draw(st.integers(0, len(sample.body)))
            forged = sample.body[:at] + data.draw(st.binary(min_size=1, max_size=2)) + sample.body[at + 1 :]
            other = Sample(name="changed", body=forged, method=sample.method, query=sample.query)
            if way.covers_body and forged != sample.body:
                proof = way.prove(request_of(sample), NOW)
                assert verdict(self.case, way, other, proof).verdict is not Verdict.VERIFIED

    async def test_an_old_proof_is_refused(self, way: Way) -> None:
        """And one of the future; where a proof has no date it is as good tomorrow, and this says so."""
        sample = self.case.story.delivered
        if way.patience is None:
            proof = way.prove(request_of(sample), NOW - 86_400 * 365)
            assert verdict(self.case, way, sample, proof).verdict is Verdict.VERIFIED
            return
        for moment in (NOW - way.patience - 2, NOW + way.patience + 2):
            await assert_refused(self.case, way, sample, way.prove(request_of(sample), moment))
        for moment in (NOW - way.patience + 2, NOW + way.patience - 2):
            assert verdict(self.case, way, sample, way.prove(request_of(sample), moment)).verdict is Verdict.VERIFIED

    def test_a_vector_has_its_verdict(self, vector: Vector | None) -> None:
        """Every published or computed case."""
        if vector is None:
            pytest.skip("this provider's proofs have no vectors")
        found = self.case.provider.verifier(self.case.account(None, **vector.settings)).verify(
            vector.request, vector.now
        )
        assert found.verdict == vector.verdict

    @given(data=st.data(), text=HEADER_TEXT, body=st.binary(max_size=50))
    @inherited
    def test_nothing_that_is_sent_breaks_the_verifier(self, data: st.DataObject, text: str, body: bytes) -> None:
        """Any text in any of the headers that prove: a refusal, and an explanation that ends in it."""
        for way in self.case.ways:
            sample = Sample(name="odd", body=body)
            proof = dict(way.prove(request_of(sample), NOW))
            name = data.draw(st.sampled_from(sorted(proof)))
            if proof[name].strip().lower() == text.strip().lower():
                continue
            request = request_of(sample, {**proof, name: text})
            verifier = endpoint(self.case, way).verifier
            assert verifier.verify(request, NOW).verdict is not Verdict.VERIFIED
            findings = verifier.explain(request, NOW)
            assert not findings[-1].ok

    def test_an_explanation_says_what_the_verdict_is_and_no_secret(self, way: Way) -> None:
        """For a genuine request and for each false one."""
        sample = self.case.story.delivered
        verifier = endpoint(self.case, way).verifier
        for prove in (way.prove, *way.false.values(), nothing):
            request = request_of(sample, prove(request_of(sample), NOW))
            findings = verifier.explain(request, NOW)
            assert findings[-1].ok is (verifier.verify(request, NOW).verdict is Verdict.VERIFIED)
            told = "\n".join(f"{finding.title} {finding.advice}" for finding in findings)
            assert [secret for secret in way.secrets if secret in told] == []

    async def test_no_secret_is_stored_or_shown(self, way: Way) -> None:
        """Neither in a record nor in a repr, of the account or of what is made of it."""
        sample = self.case.story.delivered
        found = endpoint(self.case, way)
        async with receiver(endpoints=[found]) as bench:
            assert (await delivered(bench, sample, way.prove(request_of(sample), NOW))).status < 300
            stored = [(value, dict(record.headers)) for record in bench.memory.records for value in (record.value,)]
        shown = f"{stored!r} {found!r} {found.account!r} {found.verifier!r} {vars_of(found.verifier)!r}"
        assert [secret for secret in way.secrets if secret in shown] == []

    def test_an_account_that_could_prove_nobody_refuses_to_start(self, unusable: str, tmp_path: Path) -> None:
        """The verifier says so, and the process does not start."""
        settings = self.case.unusable[unusable]
        account = self.case.account(without_proof(self.case), **settings)
        with pytest.raises(AccountError):
            self.case.provider.verifier(account)
        config = Config(
            path=tmp_path / "hookline.toml",
            server=ServerSettings(),
            spool=SpoolSettings(),
            broker=BrokerSettings(),
            accounts={"main": account},
            consumers=ConsumersSettings(),
            logging=LoggingSettings(),
        )
        with pytest.raises(ConfigError, match="main"):
            endpoints_of(config)

    def test_an_account_without_any_proof_refuses_to_start(self) -> None:
        """There is no way to receive from anybody."""
        with pytest.raises(AccountError):
            self.case.provider.verifier(self.case.account(without_proof(self.case)))


def endpoint(case: ProviderCase, way: Way) -> Endpoint:
    """Return the account that trusts that way, ready to be delivered to."""
    account = case.account(way)
    return Endpoint(account, case.provider, case.provider.verifier(account))


def verdict(case: ProviderCase, way: Way, sample: Sample, proof: Mapping[str, str]) -> Verification:
    """Return what the verifier says of a sample with that proof."""
    return endpoint(case, way).verifier.verify(request_of(sample, proof), NOW)


async def delivered(bench: Bench, sample: Sample, proof: Mapping[str, str]) -> Answer:
    """Deliver a sample with that proof and return the answer."""
    fields: Sequence[tuple[str, str]] = (("Content-Type", sample.content_type), *proof.items())
    headers = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in fields]
    return await bench.ask(
        request_bytes(sample.body, method=sample.method, target=sample.target, secret=None, headers=headers)
    )


async def assert_refused(case: ProviderCase, way: Way, sample: Sample, proof: Mapping[str, str]) -> None:
    """Check that the receiver answers 401 and stores nothing."""
    async with receiver(endpoints=[endpoint(case, way)]) as bench:
        answer = await delivered(bench, sample, proof)
        assert answer.status == 401
        assert answer.headers.get("www-authenticate") == case.provider.policy.challenge
        assert bench.memory.records == []


def nothing(request: Request, now: float) -> Mapping[str, str]:
    """Return no proof at all."""
    del request, now
    return {}


def without_proof(case: ProviderCase) -> Way:
    """Return a way to prove nobody: an account with the defaults alone."""
    return Way(name="none", settings=_NOTHING, prove=case.ways[0].prove, false={})


def vars_of(value: object) -> Mapping[str, object]:
    """Return the attributes of an object, of one with slots too."""
    return {name: found for name, found in inspect.getmembers(value) if not name.startswith("__")}


_NOTHING: Settings = {}
