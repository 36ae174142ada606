"""`module:name` on the command line: what is found, and what is said where it is not."""

import sys
from pathlib import Path

import pytest

from hookline.kit.finding import OWN_NAMES, NoConsumerError, find_consumer, find_consumers
from schemas.topics import INBOUND

CONSUMER = """
from hookline import Consumer, MessageReceived

{variable} = Consumer("{name}")

@{variable}.on(MessageReceived)
async def note(event: MessageReceived) -> None: ...
"""


def write(folder: Path, file: str, text: str) -> None:
    """Write a module of the other team."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def crm(name: str = "crm", variable: str = "crm") -> str:
    """Return a module with a consumer."""
    return CONSUMER.format(name=name, variable=variable)


def refused(*specs: str) -> str:
    """Return the words of the refusal."""
    with pytest.raises(NoConsumerError) as caught:
        find_consumers(specs)
    return str(caught.value)


def test_a_module_of_the_working_directory_is_found(workshop: Path) -> None:
    """The directory goes to the end of the path, where it takes nobody's place."""
    write(workshop, "crm_here.py", crm())
    (found,) = find_consumers(["crm_here:crm"])
    assert (found.spec, found.consumer.name, found.listed.topics) == ("crm_here:crm", "crm", (INBOUND,))
    assert sys.path[-1] == str(workshop)


@pytest.mark.parametrize("package", [True, False])
def test_a_module_in_a_package_is_found(workshop: Path, package: bool) -> None:
    """With `__init__.py` or without."""
    name = f"acme_{package}".lower()
    write(workshop, f"{name}/jobs/crm.py", crm())
    if package:
        write(workshop, f"{name}/__init__.py", "")
        write(workshop, f"{name}/jobs/__init__.py", "")
    assert find_consumer(f"{name}.jobs.crm:crm").name == "crm"


def test_an_installed_module_is_found(workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A team may install its consumers as it likes."""
    write(tmp_path / "site", "crm_installed.py", crm())
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert find_consumer("crm_installed:crm").name == "crm"
    assert list(workshop.iterdir()) == []


def test_one_that_is_named_twice_is_one(workshop: Path) -> None:
    """By the same word, or by another name of the same object."""
    write(workshop, "crm_twice.py", crm() + "same = crm\n")
    assert len(find_consumers(["crm_twice:crm", "crm_twice:crm", "crm_twice:same"])) == 1


def test_two_of_one_name_are_refused(workshop: Path) -> None:
    """They would take each other's events."""
    write(workshop, "crm_one.py", crm() + crm(variable="other"))
    words = refused("crm_one:crm", "crm_one:other")
    assert words == "crm_one:crm and crm_one:other are both named 'crm': each needs a name of its own"


@pytest.mark.parametrize("spec", ["crm:", ":crm", "crm:a.b", "crm.py:crm:x", "a-b:crm", "..crm:crm", "crm: crm"])
def test_a_word_that_names_nothing_is_refused(spec: str) -> None:
    """The words show how it is written."""
    assert refused(spec) == f"{spec}: expected MODULE:NAME, such as crm:crm for `crm = Consumer(...)` in crm.py"


def test_a_module_that_is_not_there_is_told(workshop: Path) -> None:
    """Where it was looked for, and what was probably meant."""
    write(workshop, "billing_jobs.py", crm())
    words = refused("bilingjobs:crm")
    assert words == (f"bilingjobs:crm: no module 'bilingjobs' in {workshop} or installed: did you mean 'billing_jobs'?")
    assert refused("qqq:crm") == f"qqq:crm: no module 'qqq' in {workshop} or installed"


def test_a_part_of_a_package_that_is_not_there_is_told(workshop: Path) -> None:
    """The part is named, not the whole."""
    write(workshop, "acme_part/__init__.py", "")
    assert "no module 'acme_part.jobs'" in refused("acme_part.jobs:crm")


def test_a_name_that_is_not_in_the_module_is_told(workshop: Path) -> None:
    """With the consumers that are."""
    write(workshop, "crm_name.py", crm())
    assert refused("crm_name:nope") == (f"crm_name:nope: {workshop / 'crm_name.py'} has no nope; consumers there: crm")


def test_what_is_no_consumer_is_told(workshop: Path) -> None:
    """By its type."""
    write(workshop, "crm_type.py", "def crm(): ...\n")
    assert refused("crm_type:crm") == (
        "crm_type:crm is no hookline.Consumer but of type function; there is no Consumer in it"
    )


def test_a_consumer_without_a_function_is_told(workshop: Path) -> None:
    """It would read nothing for ever."""
    write(workshop, "crm_idle.py", 'from hookline import Consumer\ncrm = Consumer("crm")\n')
    assert refused("crm_idle:crm") == "crm_idle:crm handles nothing: put `@crm.on(...)` above an async function"


def test_an_import_that_raises_shows_the_users_own_lines(workshop: Path) -> None:
    """Not ours, and not those of Python's import."""
    write(workshop, "crm_helper.py", "def fail():\n    raise RuntimeError('no database')\n")
    write(workshop, "crm_raises.py", "from crm_helper import fail\nfail()\n")
    words = refused("crm_raises:crm")
    assert words.startswith("crm_raises:crm: the module could not be imported:\nTraceback")
    assert f'File "{workshop / "crm_raises.py"}", line 2' in words
    assert f'File "{workshop / "crm_helper.py"}", line 2, in fail' in words
    assert words.endswith("RuntimeError: no database")
    assert "finding.py" not in words
    assert "importlib" not in words


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("import no_such_library\n", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("def broken(:\n", "SyntaxError: invalid syntax"),
    ],
)
def test_whatever_ends_the_import_is_told(workshop: Path, text: str, end: str) -> None:
    """A missing library, an exit, a file that is no Python."""
    name = f"crm_{abs(hash(text))}"
    write(workshop, f"{name}.py", text)
    assert refused(f"{name}:crm").endswith(end)


def test_a_mistake_at_the_kit_is_one_line_with_its_place(workshop: Path) -> None:
    """No traceback is needed for what has words of its own."""
    text = crm().replace("async def", "def")
    write(workshop, "crm_sync.py", text)
    words = refused("crm_sync:crm")
    assert words == (
        f"crm_sync:crm: consumer 'crm': note is not an async function: write `async def` ({workshop / 'crm_sync.py'}:6)"
    )


@pytest.mark.parametrize("name", OWN_NAMES)
def test_a_name_of_ours_is_refused(workshop: Path, name: str) -> None:
    """Whatever stands in the working directory, the name means our package."""
    write(workshop, f"{name}.py", crm())
    assert refused(f"{name}:crm") == f"{name}:crm: {name!r} is a name of Hookline itself; give the module another one"


@pytest.mark.parametrize("name", ["aiohttp", "queue", "sys", "pytest"])
def test_a_name_that_means_another_module_is_refused(workshop: Path, name: str) -> None:
    """Installed, of the standard library, or built in: it is that one that would be imported."""
    write(workshop, f"{name}.py", crm())
    words = refused(f"{name}:crm")
    assert words.startswith(f"{name}:crm: {workshop / f'{name}.py'} cannot be imported, as {name!r} means ")
    assert words.endswith(" already; give the module another name")


def test_a_helper_with_a_name_of_ours_is_hinted_at(workshop: Path) -> None:
    """The import error alone would make no sense to its owner."""
    write(workshop, "consumers.py", "helper = 1\n")
    write(workshop, "crm_hint.py", "from consumers import helper\n")
    words = refused("crm_hint:crm")
    assert "ImportError: cannot import name 'helper' from 'consumers'" in words
    assert words.endswith(
        f"consumers in {workshop} cannot be imported: Hookline has modules of that name; rename yours"
    )
