"""The operations of a client, found by their mark."""

from collections.abc import Mapping
from datetime import datetime

from providers.rest.operations import Endpoint, Operation, Parameter, operation, operations_of


class Base:
    """Operations that several clients share."""

    @operation("GET", "/things/{id}")
    async def retrieve(self, id_: str) -> str:
        """Read a thing."""
        return id_

    @operation("DELETE", "/things/{id}")
    async def remove(self, id_: str) -> str:
        """Remove a thing."""
        return id_


class Group:
    """A resource: its own collection, and only some of the operations."""

    path = "/boxes"
    offers = frozenset({"list"})

    @operation("GET", "{collection}")
    def list(self, *, size: int = 20) -> str:
        """List the boxes."""
        return f"{size}"

    @operation("POST", "{collection}")
    def create(self) -> None:
        """Create a box."""


class Client(Base):
    """A client with operations of its own and a group."""

    def __init__(self) -> None:
        self.boxes = Group()
        self._hidden = Group()
        self.other = "no group"

    @operation("POST", "/things")
    async def send(self, *, to: str, at: datetime | None = None, tags: Mapping[str, str] | None = None) -> None:
        """Send a thing.

        It may take its time.
        """

    @operation("PUT", "/things/{id}")
    async def remove(self, id_: str) -> str:
        """Empty a thing."""
        return id_

    async def close(self) -> None:
        """Close; no operation."""


OPERATIONS: Mapping[str, Operation] = operations_of(Client())


def test_marked_methods_are_found() -> None:
    """Own, inherited and grouped operations are found, and nothing else."""
    assert set(OPERATIONS) == {"send", "retrieve", "remove", "boxes.list"}


def test_what_an_operation_tells() -> None:
    """An operation tells its sentence, its method and path, and its parameters with types and defaults."""
    found = OPERATIONS["send"]
    assert (found.name, found.summary) == ("send", "Send a thing.")
    assert found.endpoint == Endpoint("POST", "/things")
    assert found.parameters == (
        Parameter("to", str, required=True),
        Parameter("at", datetime | None, required=False),
        Parameter("tags", Mapping[str, str] | None, required=False),
    )


def test_the_last_definition_counts() -> None:
    """A client's own operation replaces the one that it inherits."""
    assert OPERATIONS["remove"].endpoint == Endpoint("PUT", "/things/{id}")


def test_group_puts_its_path_in() -> None:
    """A resource's operations have the path of the resource, and only those that it offers."""
    assert OPERATIONS["boxes.list"].endpoint == Endpoint("GET", "/boxes")
    assert OPERATIONS["boxes.list"].parameters == (Parameter("size", int, required=False, default=20),)


async def test_method_of_a_client() -> None:
    """An operation leads back to the bound method, in a group too."""
    client = Client()
    assert await OPERATIONS["retrieve"].method_of(client)("x") == "x"
    assert OPERATIONS["boxes.list"].method_of(client)(size=3) == "3"
