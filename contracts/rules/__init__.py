"""Rule packs: what the guidance fixes, as versioned data, each entry with its citation."""

from contracts.rules.loader import SHIPPED, load_pack, shipped, shipped_packs
from contracts.rules.packs import (
    ClockRule,
    Condition,
    Entry,
    LevelLabel,
    Provision,
    RoleLabel,
    RulePack,
    RulePacks,
    StoppedBy,
    Told,
    combine,
)

__all__ = [
    "SHIPPED",
    "ClockRule",
    "Condition",
    "Entry",
    "LevelLabel",
    "Provision",
    "RoleLabel",
    "RulePack",
    "RulePacks",
    "StoppedBy",
    "Told",
    "combine",
    "load_pack",
    "shipped",
    "shipped_packs",
]
