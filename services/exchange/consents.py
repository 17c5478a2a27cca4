"""What is wrong with a consent that a message brings, before it is held (003 §§2.3, 4.3).

Asked of new consents only: what a journey holds already stays as it was taken.
"""

from collections.abc import Iterator

from contracts.consents import Consent, GivenBy
from contracts.kinds import Situation
from contracts.reasons import Refusal


def consent_faults(s: Situation, consent: Consent) -> Iterator[Refusal]:
    """Yield why `consent` cannot have been given as it says; a refusal is looked at likewise."""
    if consent.given_by is GivenBy.OTHER:
        yield Refusal("consent.given-by")
    if consent.given_by is GivenBy.YOUNG_PERSON and not _assessed(s, consent):
        yield Refusal("consent.understanding")
    if consent.child is not None and consent.child != s.event.subject:
        yield Refusal("consent.other-child")
    for agency in _named(consent):
        if agency not in s.directory.agencies:
            yield Refusal("consent.unknown-agency", agency)
    if consent.explained is not None and consent.explained.at > consent.given_at:
        yield Refusal("consent.not-explained")
    if _another_signed(s, consent):
        yield Refusal("consent.form-differs")


def _assessed(s: Situation, consent: Consent) -> bool:
    """Tell whether a practitioner judged that the young person understands (domain, trap 13)."""
    by = consent.assessed_by
    return by is not None and s.directory.practitioner(by, s.event.time) is not None


def _named(consent: Consent) -> tuple[str, ...]:
    kept = (agency for one in consent.may_not_see for agency in one.agencies)
    return tuple(dict.fromkeys((*consent.recipients, *kept)))


def _another_signed(s: Situation, consent: Consent) -> bool:
    """Tell whether the same form stands for somebody else's word, or for another instant.

    One signed form may be several consents, to the service and to sharing, but of one person.
    """
    if consent.evidence is None:
        return False
    said = (consent.given_by, consent.given_at)
    return any(
        held.consent.evidence == consent.evidence
        and (held.consent.given_by, held.consent.given_at) != said
        for held in s.consents
    )
