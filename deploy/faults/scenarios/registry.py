"""All scenarios, in the order in which they run: those through the proxies side by side."""

from collections.abc import Sequence

from deploy.faults.scenarios import brokers, disk, network, process
from deploy.faults.scenarios.scenario import Scenario

ALL: tuple[Scenario, ...] = (*brokers.SCENARIOS, *process.SCENARIOS, *disk.SCENARIOS, *network.SCENARIOS)


def chosen(nodes: int, *, short: bool = False, only: Sequence[str] = ()) -> Sequence[Scenario]:
    """Return the scenarios of a topology. Raises ValueError for a name that there is not."""
    unknown = set(only) - {one.name for one in ALL}
    if unknown:
        raise ValueError(f"no scenario {', '.join(sorted(unknown))}; there are: {', '.join(one.name for one in ALL)}")
    return [
        one for one in ALL if nodes in one.nodes and (not only or one.name in only) and (not short or one.short or only)
    ]
