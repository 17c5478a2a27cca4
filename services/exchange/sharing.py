"""What each recipient of a message may see of it, by consent or another basis (003 §2.3). Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from consent import Share, ShareRequest, Withhold
from consent import decide as decide_sharing
from contracts.consents import NoticeBasis, ProtectionBasis
from contracts.keeping_back import keeps_back
from contracts.kinds import Situation
from contracts.messages.corrections import whose_words
from contracts.questions import questions
from contracts.reasons import Refusal
from contracts.whose import purpose_of
from services.exchange.urgency import serves_protection


def sharing(
    s: Situation, passed: frozenset[str], *, protection: bool
) -> list[tuple[str, Share | Withhold]]:
    """Ask for each recipient what it may see; `passed` has what is passed on to it as protection.

    Child protection comes before consent, whatever basis the sender named (003 §2.2). Who hears
    again of their own words gets a notice: no consent is asked for, and no statement is shown.
    """
    data, own = s.event.data, whose_words(s) - passed
    catalogue = questions()
    asked = [catalogue[d.statement.question] for d in s.message.statements]
    categories = tuple([question.category for question in asked])
    numbers = tuple([question.number for question in asked])
    purpose = purpose_of(s.message.kind.name)
    managers = s.directory.line_managers(data.author.id, s.event.time)

    def share(agency: str) -> Share | Withhold:
        urgent, notice = protection or agency in passed, agency in own
        basis = ProtectionBasis() if urgent else NoticeBasis() if notice else data.basis
        found = _decided(
            s,
            ShareRequest(
                basis=basis,
                sender=s.event.agency,
                author=data.author.id,
                countersigners=data.countersigners,
                line_managers=managers,
                recipient=agency,
                recipient_role=s.role_of(agency),
                categories=() if notice else categories,
                consents=s.consents,
                now=s.now,
                protection=urgent,
                questions=() if notice else numbers,
                purpose=purpose,
                protected=s.journey.protected if s.journey else None,
            ),
        )
        if notice and isinstance(found, Share):
            return replace(found, shown=(False,) * len(categories))
        return found

    return [(agency, share(agency)) for agency in dict.fromkeys(r.agency for r in data.recipients)]


def _decided(s: Situation, request: ShareRequest) -> Share | Withhold:
    """Decide on one recipient; a sender without a part is not told that an address is protected.

    Where nothing else stands against it, its message goes without the address.
    """
    found = decide_sharing(request)
    if s.has_part or request.protected is None or isinstance(found, Share):
        return found
    unprotected = decide_sharing(replace(request, protected=None))
    if isinstance(unprotected, Withhold):
        return unprotected
    return replace(unprotected, shown=(False,) * len(request.categories))


def decided_against(
    s: Situation, shares: Iterable[tuple[str, Share | Withhold]], passed: frozenset[str]
) -> Iterator[Refusal]:
    """Yield the recipients that would be shown what the sender's agency decided to keep from them.

    A decision not to share stands until the agency ends it (Children Act 2004 s.16LA(3)), and never
    holds back child protection (003 §2.2).
    """
    kept = s.journey.not_shared if s.journey else ()
    if not kept or serves_protection(s):
        return
    for agency, share in shares:
        if agency in passed or not isinstance(share, Share):
            continue
        shown = zip(s.message.statements, share.shown, strict=True)
        categories = {told.statement.category for told, seen in shown if seen}
        if any(keeps_back(kept, s.event.agency, agency, category) for category in categories):
            yield Refusal("sharing.decided-against", agency)
