"""Trusting another partnership: its guests here, what it hands over, and how that ends."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from contracts import directory_token
from contracts.directory import Break, Directory, DirectoryDocument, Guest, Trusted
from contracts.directory_token import Signed
from contracts.errors import HandrailError
from contracts.guests import open_theirs
from contracts.identifiers import agency_of, partnership_of
from contracts.roles import Role
from services.cli.amending import amend, newest_directory
from services.cli.founding import entry, found_gateway
from services.cli.root_signing import root_key
from services.runtime.partnership import Partnership


def offer(partnership: Partnership, agencies: Sequence[str]) -> bytes:
    """Return what another partnership needs in order to take `agencies` of ours as guests.

    It is the part of our directory about them, signed by our root, and holds nobody else. Raises
    HandrailError `agency.unknown`.
    """
    directory = newest_directory(partnership)
    named = {agency for agency in agencies if partnership_of(agency) == partnership.id}
    for agency in agencies:
        if agency not in named or agency not in directory.agencies:
            raise _unknown(agency)
    document = directory.document
    part = {
        "agencies": tuple(a for a in document.agencies if a.id in named),
        "practitioners": tuple(p for p in document.practitioners if agency_of(p.id) in named),
        "services": (),
        "gateways": (),
        "trusted": (),
        "rule_packs": (),
        "rule_changes": (),
    }
    offered = document.model_copy(update=part)
    root = root_key(partnership, document)
    return directory_token.sign(offered, root, directory_token.OFFER_TYP)


def trust(
    partnership: Partnership,
    data: bytes,
    root_x: str,
    agencies: Sequence[str],
    gateway: str,
    now: datetime,
    *,
    new_root: bool = False,
) -> Directory:
    """Take `agencies` of another partnership as guests, by its directory or its offer in `data`.

    Each is named with the role that it has here (`moor.school=universal`); one that is a guest
    already may stand without. `root_x` is their root key as it was made known; `gateway` is ours,
    made where it is new. Once trusted, the same partnership is named again to change its guests: by
    what its newest root so far leads to, or with `new_root` by another one. Raises HandrailError
    `trust.*`, `agency.unknown`, `role.unknown`, or as `amend` does: for a gateway that carries
    anybody else, and for a key that somebody else holds.
    """
    roles = _named(agencies)

    def change(before: DirectoryDocument) -> dict[str, object]:
        signed = _verified(data, root_x)
        theirs = signed.document
        held = _held(before, theirs.partnership)
        if held is not None and not new_root and _continues(held, data) is None:
            raise _other_root()
        _refuse_wrong(before, theirs, held, now)
        made = entry(
            Trusted,
            partnership=theirs.partnership,
            root_x=root_x,
            directory=data.decode("ascii"),
            guests=_guests(theirs, roles, held, now),
            gateway=gateway,
            since=held.since if held else now,
        )
        # In its own place: of a key that two partnerships name, the first one trusted keeps it.
        stays = tuple(made if one is held else one for one in before.trusted)
        changed: dict[str, object] = {"trusted": stays if held else (*stays, made)}
        if all(one.id != gateway for one in before.gateways):
            changed["gateways"] = (*before.gateways, found_gateway(partnership, gateway, now))
        return changed

    return amend(partnership, now, change)


def refresh(partnership: Partnership, data: bytes, now: datetime) -> Directory:
    """Take a trusted partnership's newer directory or offer: who joined, left or was revoked.

    It must be signed by the root that was the newest one so far, or by one that it leads to. Raises
    HandrailError `trust.unknown`, `trust.ended`, `trust.untrusted` or `trust.older`.
    """

    def change(before: DirectoryDocument) -> dict[str, object]:
        for held in before.trusted:
            if held.ended_at is None and (signed := _continues(held, data)) is not None:
                _refuse_worse(signed.document, held)
                return _replaced(before, held.partnership, directory=data.decode("ascii"))
        raise _untrusted()

    return amend(partnership, now, change)


def end_trust(partnership: Partnership, other: str, now: datetime) -> Directory:
    """End a trust at once: nothing that arrives from there from `now` on counts.

    What arrived before stays verifiable. Raises HandrailError `trust.unknown` or `trust.ended`.
    """

    def change(before: DirectoryDocument) -> dict[str, object]:
        held = _held(before, other)
        if held is None:
            raise HandrailError(
                "trust.unknown",
                "the partnership trusts no other of that id",
                "see `handrail partnership trust list`",
            )
        if held.ended_at is not None:
            raise HandrailError(
                "trust.ended", "that trust has ended already", "nothing needs to be done"
            )
        return _replaced(before, other, ended_at=now)

    return amend(partnership, now, change)


def _verified(data: bytes, root_x: str) -> Signed:
    try:
        signed = open_theirs(data.decode("ascii"), root_x)
    except UnicodeDecodeError:
        signed = None
    if signed is None:
        raise _untrusted()
    return signed


def _continues(held: Trusted, data: bytes) -> Signed | None:
    """Return what `data` holds when it is that partnership's and its newest root leads there."""
    before = open_theirs(held.directory, held.root_x)
    try:
        signed = open_theirs(data.decode("ascii"), before.roots.newest) if before else None
    except UnicodeDecodeError:
        return None
    theirs = signed is not None and signed.document.partnership == held.partnership
    return signed if theirs else None


def _refuse_wrong(
    before: DirectoryDocument, theirs: DirectoryDocument, held: Trusted | None, now: datetime
) -> None:
    if theirs.partnership == before.partnership:
        raise HandrailError(
            "trust.ourselves",
            "that is the directory of a partnership of the same id as ours",
            "partnerships that trust each other have different ids",
        )
    if theirs.expires_at <= now:
        raise HandrailError(
            "trust.expired",
            "the other partnership's directory has expired",
            "ask them to run `handrail partnership renew` and to hand it over again",
        )
    if held is not None:
        _refuse_worse(theirs, held)


def _refuse_worse(theirs: DirectoryDocument, held: Trusted) -> None:
    _refuse_missing(theirs, held)
    before = open_theirs(held.directory, held.root_x)
    if before is not None and theirs.version < before.document.version:
        raise HandrailError(
            "trust.older",
            "that is older than what the other partnership handed over before",
            "ask them for their newest directory",
        )


def _guests(
    theirs: DirectoryDocument,
    named: Mapping[str, Role | None],
    held: Trusted | None,
    now: datetime,
) -> tuple[Guest, ...]:
    """Return the guests named, and those that were named before as having left."""
    there = {one.id: one.role for one in theirs.agencies}
    before = {one.agency: one for one in held.guests} if held else {}
    made: list[Guest] = []
    for agency, role in named.items():
        if agency not in there or partnership_of(agency) != theirs.partnership:
            raise _unknown(agency)
        known = before.get(agency)
        here = role or (known.role if known else None)
        if here is None:
            raise _no_role(agency, there[agency])
        breaks = _breaks(known, held.ended_at, now) if held and known else ()
        made.append(Guest(agency=agency, role=here, breaks=breaks))
    gone = (one for one in before.values() if one.agency not in named)
    return (
        *made,
        *(one if one.left_at else one.model_copy(update={"left_at": now}) for one in gone),
    )


def _breaks(guest: Guest, ended_at: datetime | None, now: datetime) -> tuple[Break, ...]:
    """Return when a guest took no part before `now`, at which it takes part again."""
    ends = [at for at in (guest.left_at, ended_at) if at is not None and at < now]
    away = (Break(since=min(ends), until=now),) if ends else ()
    return (*guest.breaks, *away)


def _named(agencies: Sequence[str]) -> dict[str, Role | None]:
    """Return the agencies and the roles that `ID=ROLE` gives them; raises `role.unknown`."""
    roles: dict[str, Role | None] = {}
    for one in agencies:
        agency, given, role = one.partition("=")
        try:
            roles[agency] = Role(role) if given else None
        except ValueError:
            raise HandrailError(
                "role.unknown",
                "that is not a role of an agency",
                f"choose among {', '.join(Role)}",
            ) from None
    return roles


def _refuse_missing(theirs: DirectoryDocument, held: Trusted) -> None:
    """Refuse what does not hold a guest any more: journeys name it, so it has to stay known."""
    there = {one.id for one in theirs.agencies}
    for one in held.guests:
        if one.agency not in there:
            raise HandrailError(
                "trust.guest-missing",
                f"what the other partnership handed over does not hold {one.agency}",
                "ask them for an offer that names every agency they offered before; one that left "
                "stays in it, as having left",
            )


def _held(document: DirectoryDocument, other: str) -> Trusted | None:
    return next((one for one in document.trusted if one.partnership == other), None)


def _replaced(document: DirectoryDocument, other: str, **changed: object) -> dict[str, object]:
    after = (
        one.model_copy(update=changed) if one.partnership == other else one
        for one in document.trusted
    )
    return {"trusted": tuple(after)}


def _no_role(agency: str, claimed: Role) -> HandrailError:
    return HandrailError(
        "trust.no-role",
        f"it is not said what {agency} is to be here; it calls itself {claimed}",
        f"name the role that it shall have here, such as `--agency {agency}={claimed}`; the role "
        "decides what it may send and what it hears of",
    )


def _other_root() -> HandrailError:
    return HandrailError(
        "trust.other-root",
        "that is not signed by the root that is trusted so far, nor by one that it leads to",
        "ask the other partnership by another way than the file came; only where they have lost "
        "their root key, and say which one is theirs now, give it with --root and --new-root",
    )


def _unknown(agency: str) -> HandrailError:
    return HandrailError(
        "agency.unknown",
        f"the partnership's directory does not hold {agency}",
        "check the agency's id with the partnership it belongs to",
    )


def _untrusted() -> HandrailError:
    return HandrailError(
        "trust.untrusted",
        "that is not signed by the root key that was given, or it trusts others itself",
        "compare the root key with the partnership by another way than the file came, and ask for "
        "what `handrail partnership trust offer` writes",
    )
