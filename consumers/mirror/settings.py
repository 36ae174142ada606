"""The `[consumers.mirror]` table."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.settings import Limits, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorTarget:
    """`[consumers.mirror.targets.NAME]`: an old handler.

    A header's value is a reference (`env:`, `file:`) only where that leads to no secret now: the configuration puts the
    secret in its place.
    """

    url: str = field(
        metadata={"doc": "where it takes webhooks, http or https, without a query: each webhook has its own"}
    )
    accounts: tuple[str, ...] = setting((), "whose webhooks it gets; all that no other target names where it is absent")
    headers: Mapping[str, str] = field(
        default_factory=dict[str, str],
        repr=False,
        metadata={"doc": "header fields that take the place of the webhook's; secrets as `env:NAME` or `file:PATH`"},
    )
    timeout: float = setting(10.0, "seconds that it may take to answer", limits=Limits(0.1, 60))
    max_age: float = setting(0.0, "seconds after which a webhook is too old to be posted; 0: none is", limits=Limits(0))
    refused: str = setting(
        "keep",
        "what becomes of a webhook that it refuses (4xx and redirects): `keep` it as a dead letter, or `skip` it",
        choices=("keep", "skip"),
    )
    in_order: bool = setting(
        default=False,
        doc="post the webhooks of an account one at a time, of those in hand the oldest first; else side by side, in no"
        " order",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSettings:
    """`[consumers.mirror]`: raw webhooks go to an old handler too. Without a target nothing does."""

    connections: int = setting(8, "webhooks posted at once", limits=Limits(1, 256))
    give_up_after: float = setting(
        3600.0,
        "seconds for which the old handler may fail at one webhook (5xx, 408, no answer), while others go well,"
        " until that one becomes a dead letter",
    )
    targets: Mapping[str, MirrorTarget] = field(
        default_factory=dict[str, MirrorTarget], metadata={"doc": "the old handlers by a name of yours"}
    )

    def target_of(self, account: str) -> str | None:
        """Return the name of the target that gets the webhooks of an account."""
        named = (name for name, target in self.targets.items() if account in target.accounts)
        others = (name for name, target in self.targets.items() if not target.accounts)
        return next(named, next(others, None))
