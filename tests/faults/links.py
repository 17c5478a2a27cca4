"""The links between everyone, each by an address of its own, so that each can be cut alone.

On Linux every address of 127.0.0.0/8 is this machine. Whoever connects is given addresses that only
they use (127.2.K.N leads service K to node N, 127.1.I.N leads node I to node N), and a packet
filter on the receiving side drops what comes from or goes to one of them (iptables(8)).
"""

from collections.abc import Iterable
from typing import Final

from tests.faults.enclosure import enclosed, run_tool

CONTROL: Final = 0
SENDERS: Final = 200


def to_node(who: int, node: int) -> str:
    """Return the address at which client `who` reaches `node`; both are numbers."""
    return f"127.2.{who}.{node}" if enclosed() else "127.0.0.1"


def between(node: int, other: int) -> str:
    """Return the address at which `node` reaches the node `other`."""
    return f"127.1.{node}.{other}" if enclosed() else "127.0.0.1"


class Cut:
    """Packets that are dropped, until `mend`.

    `towards` and `back` say which direction of the addresses is dropped, `share` which part of it.
    """

    def __init__(
        self,
        addresses: Iterable[str],
        *,
        towards: bool = True,
        back: bool = True,
        share: float = 1.0,
    ) -> None:
        rules = [("-d", one) for one in addresses if towards]
        rules += [("-s", one) for one in addresses if back]
        some = (
            ("-m", "statistic", "--mode", "random", "--probability", f"{share:.2f}")
            if share < 1
            else ()
        )
        self._rules = [("INPUT", *rule, *some, "-j", "DROP") for rule in rules]
        self._made: list[tuple[str, ...]] = []

    def make(self) -> None:
        """Drop from now on."""
        for rule in self._rules:
            _iptables("-A", *rule)
            self._made.append(rule)

    def mend(self) -> None:
        """Drop nothing more."""
        while self._made:
            _iptables("-D", *self._made.pop())


def _iptables(*arguments: str) -> None:
    run_tool("iptables", "-w", *arguments)
