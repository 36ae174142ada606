"""`hookline rules`, and what the loader says of reply rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from hookline import cli
from hookline.configuration.config import ConfigError, load_config
from hookline.rules import warnings_of
from tests.support.front import Desk

RULES = """
[consumers.auto_reply]
default_reply = "Thanks \u2026 🙂"
[consumers.auto_reply.hours.office]
time_zone = "Europe/Zurich"
open = ["Mon-Fri 09:00-17:00"]
[[consumers.auto_reply.rules]]
name = "bye"
families = ["stop"]
reply = "You get no more."
[[consumers.auto_reply.rules]]
name = "fussy"
keywords = ["price", "hours"]
pattern = "^how much"
from = ["+4179*"]
to = ["+41440000000"]
accounts = ["other"]
hours = "office"
reply = "Ten, {text}."
[[consumers.auto_reply.rules]]
name = "quiet"
keywords = ["psst"]
silent = true
""".splitlines()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with rules and two accounts."""
    made = Desk(tmp_path)
    made.write_sound("[accounts.other]", 'provider = "telnyx"', f'public_keys = ["{made.public_key}"]', *RULES)
    return made


def printed(desk: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what the command prints."""
    assert cli.main(["rules", *words, "--config", str(desk.config)]) == 0
    return capsys.readouterr().out


def trial(desk: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Return what a test prints as JSON."""
    found: dict[str, Any] = json.loads(printed(desk, capsys, "test", "--json", *words))
    return found


def test_the_answer_is_shown_with_its_size(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Alphabet, length, segments, and what makes the alphabet wide."""
    found = trial(desk, capsys, "--account", "main", "--text", "hello")
    assert (found["outcome"], found["rule"]) == ("reply", "default")
    size = {"encoding": "UCS-2", "units": 11, "segments": 1, "forcing": ["…", "🙂"]}
    assert found["answer"] == {"text": "Thanks … 🙂", **size}
    text = printed(desk, capsys, "test", "--account", "main", "--text", "hello")
    assert "UCS-2, 11 of 70 units, 1 segment" in text
    assert "UCS-2 because of '…' (U+2026), '🙂' (U+1F642)" in text


def test_each_rule_that_does_not_fire_says_why(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Every condition that does not hold, with the value that it met."""
    words = ("--account", "main", "--text", "Hello", "--at", "2026-01-17T09:00:00Z", "--to", "+15550000009")
    found = trial(desk, capsys, *words)
    fussy = {miss["condition"]: miss["why"] for miss in found["rules"][1]["misses"]}
    assert fussy == {
        "text": "the text is 'hello', none of 'hours' or 'price' and nothing that the pattern ^how much fits",
        "from": "it comes from +15555550123, not from 4179*",
        "to": "it goes to +15550000009, not to 41440000000",
        "account": "it comes to account main, not to other",
        "hours": "it is Sat 2026-01-17 10:00 in Europe/Zurich: closed, and the rule wants open",
    }


def test_all_that_is_asked_for_can_hold(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Then it fires, and the rules behind it are not asked."""
    words = ("--account", "other", "--text", "How much?", "--at", "2026-01-15T09:00:00Z")
    found = trial(desk, capsys, *words, "--to", "+41440000000", "--from", "+41795550123")
    assert (found["rule"], found["answer"]["text"]) == ("fussy", "Ten, How much?.")
    assert found["not_asked"] == ["quiet", "default"]


def test_a_word_that_the_provider_answers_is_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """And with `--autoresponse none` what would come of it without the provider."""
    words = ("--account", "main", "--text", "Stop.")
    found = trial(desk, capsys, *words)
    assert (found["outcome"], found["autoresponse"]) == ("provider_answers", "stop")
    assert "Telnyx answers it itself, as a word of the family stop" in printed(desk, capsys, "test", *words)
    alone = trial(desk, capsys, *words, "--autoresponse", "none")
    assert (alone["rule"], alone["purpose"]) == ("bye", "opt_out_confirmation")
    assert trial(desk, capsys, "--account", "main", "--text", "x", "--autoresponse", "other")["silences"] == [
        "provider_answers"
    ]


def test_silence_is_told_with_its_reason(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """By a rule, or by what the message is."""
    assert "not answered: the rule is silent (silent_rule)" in printed(
        desk, capsys, "test", "--account", "main", "--text", "psst"
    )
    short = printed(desk, capsys, "test", "--account", "main", "--text", "psst", "--from", "48500")
    assert "a short code, a name, or nobody (not_a_person)" in short
    assert "so no rule is asked; by the rules alone:" in short


def test_which_account_has_to_be_said_where_there_are_several(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """With what there is."""
    assert cli.main(["rules", "test", "--text", "x", "--config", str(desk.config)]) == 2
    assert "--account: which one? There are: main, other" in capsys.readouterr().err
    assert cli.main(["rules", "test", "--text", "x", "--account", "mian", "--config", str(desk.config)]) == 2
    assert "did you mean 'main'?" in capsys.readouterr().err


def test_the_list_shows_conditions_and_sizes(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A template's size is that of what does not change."""
    text = printed(desk, capsys, "list")
    assert "2. fussy: keywords: price, hours; pattern: ^how much; from: +4179*;" in text
    assert "'Ten, {text}.': GSM-7, 6 units, 1 segment, and more with text" in text
    assert "3. quiet: keywords: psst\n   no answer, and no later rule" in text
    assert "4. default: every message" in text


def test_what_never_works_is_told_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule behind one that takes everything, and a word that the provider answers."""
    desk = Desk(tmp_path)
    all_of_it = ("[[consumers.auto_reply.rules]]", 'name = "all"', 'reply = "Hi."')
    behind = ("[[consumers.auto_reply.rules]]", 'name = "late"', 'keywords = ["HELP"]', 'reply = "Hi."')
    bye = ("[[consumers.auto_reply.rules]]", 'name = "bye"', 'families = ["stop"]', 'reply = "Bye."')
    desk.write_sound(*all_of_it, *behind, *bye)
    assert cli.main(["rules", "list", "--json", "--config", str(desk.config)]) == 1
    assert json.loads(capsys.readouterr().out)["warnings"] == [
        "rule 'late': Telnyx answers 'HELP' itself, so the rule never does",
        "rule 'late': comes behind 'all', which fits every message, so it never fires",
    ]


def test_two_rules_of_one_name_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`default` is the name of the default reply."""
    desk = Desk(tmp_path)
    rule = ("[[consumers.auto_reply.rules]]", 'name = "default"', 'keywords = ["x"]', 'reply = "Hi."')
    desk.write_sound("[consumers.auto_reply]", 'default_reply = "Hello."', *rule)
    assert cli.main(["rules", "list", "--config", str(desk.config)]) == 1
    assert "warning: rule 'default': the name of 2 rules" in capsys.readouterr().out


def problems(tmp_path: Path, *lines: str) -> list[str]:
    """Return what the loader says of a rule, without the place."""
    desk = Desk(tmp_path)
    path = desk.write("[[consumers.auto_reply.rules]]", "name = 'a'", *lines)
    with pytest.raises(ConfigError) as error:
        load_config(path, {})
    return [line.removeprefix(f"{path}:") for line in str(error.value).splitlines()]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('keywords = [" "]', "3: consumers.auto_reply.rules[0].keywords: a blank keyword never fits"),
        (f'keywords = ["{"x" * 257}"]', "3: consumers.auto_reply.rules[0].keywords: longer than 256 characters"),
        ("keywords = []", "3: consumers.auto_reply.rules[0].keywords: empty, so nothing fits"),
        ("accounts = []", "3: consumers.auto_reply.rules[0].accounts: empty, so nothing fits; leave it out"),
        ("families = ['stop', 'go']", "3: consumers.auto_reply.rules[0].families[1]: 'go' is not one of stop, start,"),
        ("pattern = '(a'", "3: consumers.auto_reply.rules[0].pattern: at character 3: a bracket is not closed"),
        ("pattern = ''", "3: consumers.auto_reply.rules[0].pattern: empty"),
        ("from = ['+1555 123']", "3: consumers.auto_reply.rules[0].from: '+1555 123' is no number; write"),
        ("to = ['*']", "3: consumers.auto_reply.rules[0].to: '*' is no number"),
        ("hours = 'ofice'", "3: consumers.auto_reply.rules[0].hours: no table [consumers.auto_reply.hours.ofice]:"),
        ("when = 'closed'", "3: consumers.auto_reply.rules[0].when: of which opening hours?"),
        ("silent = true", "3: consumers.auto_reply.rules[0].silent: there is a reply too"),
        (
            "key_words = ['a']",
            "3: unknown key 'key_words' in [consumers.auto_reply.rules[0]]: did you mean 'keywords'?",
        ),
        ("from_ = ['a']", "3: unknown key 'from_' in [consumers.auto_reply.rules[0]]: did you mean 'from'?"),
    ],
)
def test_a_condition_that_makes_no_sense_is_told_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    """And what may be written."""
    (found,) = problems(tmp_path, line, "reply = 'Hi.'")
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["reply = 'Hi {name}.'"], "3: consumers.auto_reply.rules[0].reply: no field {name}; there are {text},"),
        ([], "1: consumers.auto_reply.rules[0]: 'reply' is missing: the answer, or `silent = true`"),
        (
            ["reply = ''", "[consumers.auto_reply]", "default_reply = '{'", "time_zone = 'Mars'"],
            "5: consumers.auto_reply.default_reply: a lone '{'",
        ),
        (
            ["reply = ''", "[consumers.auto_reply.hours.x]", "time_zone = 'UTC'", "open = ['Mon 9-17']"],
            "6: consumers.auto_reply.hours.x.open[0]: 'Mon 9-17': '9-17' is no span of time",
        ),
        (
            ["reply = ''", "[consumers.auto_reply.hours.x]", "time_zone = 'UTC'", "open = []", "closed = ['1.1.']"],
            "6: consumers.auto_reply.hours.x.open: empty, so it never opens",
        ),
        (
            ["reply = ''", "[consumers.auto_reply.hours]", "x = 1"],
            "5: consumers.auto_reply.hours.x: expected a table, found a whole number",
        ),
        (
            ["reply = ''", "[consumers.auto_reply]", "hours = 1"],
            "5: consumers.auto_reply.hours: expected a table, found a whole number",
        ),
        (
            ["reply = ''", "[consumers.auto_reply.hours.x]", "open = ['Mon 09:00-17:00']"],
            "4: consumers.auto_reply.hours.x: 'time_zone' is missing",
        ),
    ],
)
def test_templates_and_hours_are_read_with_the_configuration(tmp_path: Path, lines: list[str], said: str) -> None:
    """Each error at its own line."""
    assert problems(tmp_path, *lines)[0].startswith(said)


def test_rules_of_earlier_versions_load(tmp_path: Path) -> None:
    """Keywords, a reply and accounts, in any of the ways that were allowed."""
    desk = Desk(tmp_path)
    old = ('keywords = ["HOURS"]', 'reply = ""', 'accounts = ["main"]')
    path = desk.write_sound("[[consumers.auto_reply.rules]]", 'name = "a"', *old)
    (rule,) = load_config(path, {}).consumers.auto_reply.rules
    assert (rule.keywords, rule.reply, rule.accounts) == (("HOURS",), "", ("main",))


@pytest.mark.parametrize("word", ["", "ARRET!", "x" * 65])
def test_a_stop_word_that_never_fits_is_told_with_its_line(tmp_path: Path, word: str) -> None:
    """Whoever wrote it believes that people can opt out by it."""
    path = Desk(tmp_path).write("[consumers.consent]", f'stop_words = ["ARRET", "{word}"]')
    with pytest.raises(ConfigError, match=r":2: consumers\.consent\.stop_words\[1\]: .* never fits"):
        load_config(path, {})


@pytest.mark.parametrize(("word", "why"), [("Start", "opts people in"), ("\uff49nfo", "asks for help")])
def test_a_stop_word_of_another_family_is_told_with_its_line(tmp_path: Path, word: str, why: str) -> None:
    """One word cannot mean two things: the providers' normalizers would read it the other way."""
    path = Desk(tmp_path).write("[consumers.consent]", f'stop_words = ["ARRET", "{word}"]')
    with pytest.raises(ConfigError, match=rf":2: consumers\.consent\.stop_words\[1\]: '{word}' {why}"):
        load_config(path, {})


def test_a_rule_for_a_stop_word_of_ours_fires_behind_one_for_everything(tmp_path: Path) -> None:
    """So there is nothing to warn of."""
    rules = ('name = "all"', 'reply = "Hello."', "[[consumers.auto_reply.rules]]", 'name = "out"')
    lines = ("[[consumers.auto_reply.rules]]", *rules, 'keywords = ["ARRET"]', 'reply = "You are out."')
    path = Desk(tmp_path).write_sound("[consumers.consent]", 'stop_words = ["Arret"]', *lines)
    assert list(warnings_of(load_config(path, {}))) == []
