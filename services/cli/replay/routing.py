"""Who sends what a return holds: the agency that a source code names, and a person there."""

from collections.abc import Container, Mapping
from datetime import datetime

from contracts.codes import ReferralSource
from contracts.directory import Agency, Directory
from contracts.errors import HandrailError
from contracts.roles import Capacity, Role


class Routes:
    """Answers from a directory as it stands at the instant `at`.

    `signers` are the practitioners whose keys this folder holds. `before` says for the messages of
    earlier runs from which agency they went, so that who joins or leaves since doubles nothing.
    """

    def __init__(
        self,
        directory: Directory,
        at: datetime,
        signers: Container[str],
        before: Mapping[str, str],
    ) -> None:
        """Raise HandrailError `replay.no-agency` without a First Response or a social care."""
        self._directory, self._at = directory, at
        self._signers, self._before = signers, before
        self.first_response = self._of_role(Role.FIRST_RESPONSE)
        self.social_care = self._of_role(Role.SOCIAL_CARE)
        self._by_source: dict[str, str] = {}
        for agency in self._present():
            if agency.source_code:
                self._by_source.setdefault(agency.source_code, agency.id)

    def referrer(self, message: str, source: ReferralSource) -> str:
        """Return the agency from which a referral goes.

        First Response records what came from a person, or from an agency that takes no part here.
        """
        named = self._by_source.get(source) if source.names_agency else None
        return self._before.get(message) or named or self.first_response

    def follower(self, message: str) -> str:
        """Return the agency that tells what followed a referral."""
        return self._before.get(message) or self.social_care

    def author(self, agency: str, capacities: Container[Capacity] = frozenset()) -> str:
        """Return who signs for `agency`: its duty desk, or whoever there has a key in this folder.

        Where there is somebody of one of `capacities`, such as a social worker, that person signs.
        Raises HandrailError `replay.no-signer`.
        """
        found = self._directory.agencies.get(agency)
        desk = found.duty_desk if found else None
        people = [p.id for p in self._directory.document.practitioners]
        there = [p for p in people if p.startswith(f"{agency}.")]
        first: str | None = None
        for person in (desk, *there) if desk else there:
            known = self._directory.practitioner(person, self._at)
            if known is None or person not in self._signers:
                continue
            if any(capacity in capacities for capacity in known.capacities):
                return person
            first = first or person
        if first is not None:
            return first
        raise HandrailError(
            "replay.no-signer",
            f"this folder of state holds no key of a practitioner of {agency}",
            "add a practitioner there with `handrail practitioner add`, or replay where one is",
        )

    def _of_role(self, role: Role) -> str:
        found = next((agency.id for agency in self._present() if agency.role is role), None)
        if found is None:
            raise HandrailError(
                "replay.no-agency",
                f"the partnership has no agency of the role {role.value}",
                "add one with `handrail partnership agency add`",
            )
        return found

    def _present(self) -> list[Agency]:
        agencies = self._directory.document.agencies
        return [a for a in agencies if self._directory.agency(a.id, self._at)]
