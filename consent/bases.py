"""The bases that need no consent: notice, override, statutory duty, court order, protection."""

from consent.request import ShareRequest
from consent.rules import Check
from contracts.consents import (
    CourtOrderBasis,
    OverrideBasis,
    OverrideGround,
    ProtectionBasis,
    StatutoryBasis,
    StatutoryProvision,
)
from contracts.identifiers import agency_of
from contracts.roles import Capacity, Role


def unknown_agency(agency: str, role: Role | None) -> bool:
    """Tell whether `agency` does not take part: its role in the directory is none of ours."""
    return role not in _ROLES or not agency


def _recipient_unknown(request: ShareRequest) -> bool:
    return unknown_agency(request.recipient, request.recipient_role)


def _basis_unknown(_: ShareRequest) -> bool:
    """Fire always: asked only of a basis for which there is no gate."""
    return True


def _notice_statements(request: ShareRequest) -> bool:
    return bool(request.categories)


def _override_ground(request: ShareRequest) -> bool:
    """Fire unless a ground is stated in full; the first one has two limbs."""
    basis = request.basis
    if not isinstance(basis, OverrideBasis):
        return True
    if basis.ground == OverrideGround.NOT_POSSIBLE_AND_DELAY:
        return not (basis.not_possible_to_obtain is True and basis.delay_detrimental is True)
    return basis.ground != OverrideGround.SEEKING_INCREASES_RISK


def _override_line_manager(request: ShareRequest) -> bool:
    """Fire unless the manager of an author of the sending agency signed in that capacity."""
    if agency_of(request.author) != request.sender:
        return True
    return not any(
        signer.capacity == Capacity.LINE_MANAGER
        and signer.id != request.author
        and signer.id in request.line_managers
        for signer in request.countersigners
    )


def _statutory_no_provision(request: ShareRequest) -> bool:
    basis = request.basis
    return not (isinstance(basis, StatutoryBasis) and basis.provision in _PROVISIONS)


def _court_no_reference(request: ShareRequest) -> bool:
    basis = request.basis
    return not (isinstance(basis, CourtOrderBasis) and basis.order.strip())


def _protection_not_raised(request: ShareRequest) -> bool:
    return not (isinstance(request.basis, ProtectionBasis) and request.protection is True)


_ROLES = frozenset(Role)
_PROVISIONS = frozenset(StatutoryProvision)

RECIPIENT_UNKNOWN = Check(
    "recipient.unknown", "agency.unknown", _recipient_unknown, names_recipient=True
)
BASIS_UNKNOWN = Check("basis.unknown", "basis.not-entitled", _basis_unknown)
NOTICE_STATEMENTS = Check("notice.statements", "statements.not-allowed", _notice_statements)
OVERRIDE_GROUND = Check("override.ground", "override.ground", _override_ground)
OVERRIDE_LINE_MANAGER = Check(
    "override.line-manager", "override.line-manager", _override_line_manager
)
STATUTORY_NO_PROVISION = Check(
    "statutory.no-provision", "basis.not-entitled", _statutory_no_provision
)
COURT_NO_REFERENCE = Check("court.no-reference", "basis.not-entitled", _court_no_reference)
PROTECTION_NOT_RAISED = Check("protection.not-raised", "basis.not-entitled", _protection_not_raised)
