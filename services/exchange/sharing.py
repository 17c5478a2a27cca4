"""What each recipient of a message may see of it, by consent or another basis (003 §2.3). Pure."""

from dataclasses import replace

from consent import Share, ShareRequest, Withhold
from consent import decide as decide_sharing
from contracts.consents import NoticeBasis, ProtectionBasis
from contracts.kinds import Situation
from contracts.messages.corrections import whose_words
from contracts.questions import questions
from contracts.whose import purpose_of


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
        found = decide_sharing(
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
            )
        )
        if notice and isinstance(found, Share):
            return replace(found, shown=(False,) * len(categories))
        return found

    return [(agency, share(agency)) for agency in dict.fromkeys(r.agency for r in data.recipients)]
