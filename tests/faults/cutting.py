"""Links cut, half open and bad: between the nodes, and between one client and the servers."""

from collections.abc import Iterable
from typing import ClassVar

from tests.faults.enclosure import no_network
from tests.faults.fault import Fault
from tests.faults.killing import lane_of
from tests.faults.links import CONTROL, SENDERS, Cut, between, to_node
from tests.faults.nodes import Node
from tests.faults.world import World


class _OnLinks(Fault):
    """A fault of the network; `addresses` are those of the links that are hit."""

    towards: ClassVar[bool] = True
    back: ClassVar[bool] = True
    share: ClassVar[float] = 1.0
    lasts_s = (2.0, 12.0)

    @staticmethod
    def possible(world: World) -> str | None:
        """Need a network of one's own and a packet filter."""
        return no_network()

    def cut(self, addresses: Iterable[str]) -> None:
        """Hit these links now."""
        self._cut = Cut(addresses, towards=self.towards, back=self.back, share=self.share)
        self._cut.make()

    async def heal(self) -> None:
        """Let everything pass."""
        self._cut.mend()


class CutService(_OnLinks):
    """One service hears nothing of any server, and no server of it."""

    name = "a service cut off from NATS"

    async def strike(self) -> str:
        """Cut all links of one service."""
        name = self.chance.choice(list(self.world.services))
        self.cut(self.links_of(self.world.number_of(name)))
        self.lane = lane_of(name)
        return name

    def links_of(self, who: int) -> list[str]:
        """Return the addresses of a client's links to every node."""
        return [to_node(who, node.place.number) for node in self.world.nodes]


class CutSender(CutService):
    """The gateways' senders hear nothing of any server: what they sent may have arrived."""

    name = "the senders cut off from NATS"

    async def strike(self) -> str:
        """Cut all links of the senders."""
        self.cut(self.links_of(SENDERS))
        return "senders"


class HalfOpen(CutService):
    """What a service sends arrives, and it hears no answer."""

    name = "a half-open link of a service"
    towards = False


class Deaf(CutService):
    """What a service sends is lost, and it hears the server."""

    name = "a link on which nothing of a service arrives"
    back = False


class Lossy(CutService):
    """A third of the packets of every client is lost: slow, out of order, again and again."""

    name = "slow and bad links of everyone"
    share = 0.3
    lasts_s = (4.0, 10.0)

    async def strike(self) -> str:
        """Lose packets on every link of every client."""
        clients = [self.world.number_of(name) for name in self.world.services]
        self.cut([one for who in [*clients, SENDERS] for one in self.links_of(who)])
        return "everyone"


class _BetweenNodes(_OnLinks):
    @staticmethod
    def possible(world: World) -> str | None:
        """Need a cluster, too."""
        return no_network() if world.replicas > 1 else "there is one server only"

    def routes_of(self, node: Node) -> list[str]:
        """Return the addresses of a node's links to the others, from both ends."""
        here = node.place.number
        others = [one.place.number for one in self.world.nodes if one is not node]
        return [one for there in others for one in (between(here, there), between(there, here))]


class CutNode(_BetweenNodes):
    """One node, the leader among them, without the others; clients still reach it."""

    name = "a node cut off from the other nodes"

    async def strike(self) -> str:
        """Cut its routes."""
        node = await self.world.any_node(self.chance)
        self.cut(self.routes_of(node))
        return node.name


class CutAll(_BetweenNodes):
    """No node hears another."""

    name = "all nodes cut off from each other"

    async def strike(self) -> str:
        """Cut all routes."""
        self.cut({one for node in self.world.nodes for one in self.routes_of(node)})
        return "all routes"


class LossyNodes(CutAll):
    """A fifth of the packets between nodes is lost."""

    name = "slow and bad links between nodes"
    share = 0.2
    lasts_s = (4.0, 10.0)


class VanishedNode(_BetweenNodes):
    """A node that nobody hears and that hears nobody, as behind a dead switch."""

    name = "a node that vanished from the network"
    lasts_s = (8.0, 20.0)

    async def strike(self) -> str:
        """Cut its routes and every client's link to it."""
        node = await self.world.any_node(self.chance)
        clients = [self.world.number_of(name) for name in self.world.services]
        links = [to_node(who, node.place.number) for who in (*clients, SENDERS, CONTROL)]
        self.cut([*self.routes_of(node), *links])
        return node.name
