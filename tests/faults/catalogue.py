"""Every kind of fault that a campaign makes, in the order in which tables name them."""

from typing import Final

from tests.faults import backing_up, cutting, jumping, killing, storing
from tests.faults.fault import Fault

FAULTS: Final[tuple[type[Fault], ...]] = (
    killing.KillService,
    killing.KillServices,
    killing.KillExchange,
    killing.KillServer,
    killing.KillServers,
    killing.KillMajority,
    killing.PauseServer,
    killing.PauseService,
    killing.PauseExchange,
    killing.TwoExchanges,
    killing.SecondServer,
    backing_up.KillAfterBackup,
    cutting.CutService,
    cutting.CutSender,
    cutting.HalfOpen,
    cutting.Deaf,
    cutting.Lossy,
    cutting.CutNode,
    cutting.CutAll,
    cutting.LossyNodes,
    cutting.VanishedNode,
    storing.PowerCut,
    storing.NodePowerCut,
    storing.DiskFull,
    storing.ServicesDiskFull,
    jumping.ClockJump,
)
