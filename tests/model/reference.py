"""The reference: what a careful person would answer, statement by statement, without any haste.

It knows plain facts only, shares no code with `consent` or the exchange, and asks one question
after another in the order of the guidance.
"""

from datetime import datetime

from tests.model.facts import Facts, Message, Told, Word

ROLES = {
    "demo.hilltop-school": "universal",
    "demo.mill-lane-surgery": "universal",
    "demo.caf-team": "caf_team",
    "demo.first-response": "first_response",
    "demo.social-care": "social_care",
}
PEOPLE = ("child", "parent", "carer", "sibling")
CATEGORIES = (
    "identity",
    "family",
    "health",
    "education",
    "needs",
    "concern",
    "views",
    "plan",
    "decision",
    "safety",
)
Answer = tuple[dict[str, tuple[bool, ...]], set[str]]
"""For each recipient which statements it gets, or with any code nothing for anybody."""


def answer(facts: Facts, message: Message) -> Answer:
    """Say what becomes of a message."""
    if message.alarm:
        everything = tuple(True for _ in message.statements)
        return dict.fromkeys(message.to, everything), set()
    codes = faults(message)
    shown: dict[str, tuple[bool, ...]] = {}
    for agency in message.to:
        seen, against = towards(facts, message, agency)
        shown[agency] = seen
        codes |= against
    return ({}, codes) if codes else (shown, set())


def faults(message: Message) -> set[str]:
    """Say what is wrong with the consents that a message brings."""
    return {word.fault for word in message.brings if word.fault}


def towards(facts: Facts, message: Message, agency: str) -> tuple[tuple[bool, ...], set[str]]:
    """Say what one recipient gets, or why nothing."""
    against = against_override(message) if message.basis == "consent_override" else set()
    words = heard(facts, message)
    good: list[Word] = []
    lapsed: set[str] = set()
    if message.basis == "consent":
        for name in message.names:
            found = [word for word in words if word.id == name]
            wrong = wrong_with(found[0], words, message, agency) if found else {"consent.unknown"}
            lapsed |= wrong
            if not wrong:
                good.append(found[0])
        if not good:
            against |= lapsed
        if all(is_hidden(words, agency, category) for category in CATEGORIES):
            against.add("consent.out-of-scope")
        if not good:
            return (), against
    why = [kept_back(s, good, words, facts, message, agency) for s in message.statements]
    seen = tuple(not reasons for reasons in why)
    if seen and not any(seen):
        against |= lapsed
        for reasons in why:
            against |= reasons
    return seen, against


def against_override(message: Message) -> set[str]:
    """Say what an override lacks."""
    lacks: set[str] = set()
    if message.ground != "seeking_increases_risk" and message.limbs != (True, True):
        lacks.add("override.ground")
    if not message.manager_signs:
        lacks.add("override.line-manager")
    return lacks


def heard(facts: Facts, message: Message) -> list[Word]:
    """Give every word that counts: those known, and those that the message brings anew."""
    known = {word.id for word in facts.words}
    return facts.words + [word for word in message.brings if word.id not in known]


def wrong_with(word: Word, words: list[Word], message: Message, agency: str) -> set[str]:
    """Say why a word does not let the message go to an agency."""
    wrong: set[str] = set()
    if word.service:
        wrong.add("consent.missing")
    if word.refuses:
        wrong.add("consent.refused")
    if word.by == "other":
        wrong.add("consent.given-by")
    if word.gone is not None or gone_altogether(word, words, message, agency):
        wrong.add("consent.withdrawn")
    if message.at < word.given or has_ended(word, message.at):
        wrong.add("consent.expired")
    if agency not in word.agencies and ROLES.get(agency) not in word.roles:
        wrong.add("consent.out-of-scope")
    if word.purposes and message.purpose not in word.purposes:
        wrong.add("consent.out-of-scope")
    if refused_altogether(word, words, message, agency):
        wrong.add("consent.refused")
    return wrong


def has_ended(word: Word, at: datetime) -> bool:
    """Say whether a word's time is over."""
    return word.ends is not None and not at < word.ends


def refusals(word: Word, words: list[Word], message: Message, agency: str) -> list[Word]:
    """Give the refusals that stand against a word, as far as an agency is concerned."""
    found = []
    for other in words:
        if not other.refuses or other.service or other.gone or has_ended(other, message.at):
            continue
        everyone = not other.agencies and not other.roles
        if not everyone and agency not in other.agencies and ROLES.get(agency) not in other.roles:
            continue
        if other.purposes and message.purpose not in other.purposes:
            continue
        later = word.given > other.given
        entitled = other.by != "young_person" or word.by == "young_person"
        if not (later and entitled):
            found.append(other)
    return found


def taken_back(word: Word, words: list[Word], message: Message, agency: str) -> list[Word]:
    """Give what was agreed to elsewhere, towards an agency, and taken back after this word."""
    found: list[Word] = []
    if word.service or word.refuses:
        return found
    for other in words:
        if other.refuses or other.service or other.gone is None or other.id == word.id:
            continue
        if agency not in other.agencies and ROLES.get(agency) not in other.roles:
            continue
        if other.purposes and message.purpose not in other.purposes:
            continue
        if other.by == word.by:
            if not word.given > other.gone:
                found.append(other)
        elif other.by == "young_person":
            found.append(other)
    return found


def unsays(gone: Word, category: str, person: str) -> bool:
    """Say whether what was taken back had been about this kind of information on this person."""
    return category in gone.categories and covers(gone, person)


def says_no(no: Word, category: str, person: str) -> bool:
    """Say whether a refusal is about this kind of information on this person."""
    of_kind = not no.categories or category in no.categories
    return of_kind and (not no.people or person in no.people)


def refused_altogether(word: Word, words: list[Word], message: Message, agency: str) -> bool:
    """Say whether refusals leave nothing of a word, by themselves or where a withdrawal helps."""
    against = refusals(word, words, message, agency)
    for no in against:
        if not no.categories and not no.people:
            return True
    if leaves_nothing(word, against, []):
        return True
    gone = taken_back(word, words, message, agency)
    return leaves_nothing(word, against, gone) and not leaves_nothing(word, [], gone)


def gone_altogether(word: Word, words: list[Word], message: Message, agency: str) -> bool:
    """Say whether what was taken back leaves nothing of a word."""
    return leaves_nothing(word, [], taken_back(word, words, message, agency))


def leaves_nothing(word: Word, noes: list[Word], gone: list[Word]) -> bool:
    """Say whether something was agreed to, and all of it was refused or taken back."""
    for category in word.categories:
        for person in word.people or PEOPLE:
            refused = any(says_no(no, category, person) for no in noes)
            if not refused and not any(unsays(one, category, person) for one in gone):
                return False
    return bool(word.categories)


def is_hidden(words: list[Word], agency: str, category: str) -> bool:
    """Say whether somebody said that this agency may not see this kind of information."""
    for word in words:
        if word.lifted:
            continue
        for agencies, roles, categories in word.hidden:
            whom = not (agencies or roles) or agency in agencies or ROLES.get(agency) in roles
            if whom and (not categories or category in categories):
                return True
    return False


def kept_back(
    said: Told, good: list[Word], words: list[Word], facts: Facts, message: Message, agency: str
) -> set[str]:
    """Say why an agency does not get a statement; nothing where it does."""
    reasons: set[str] = set()
    if said.tells_where and not may_know_where(facts, agency):
        reasons.add("address.protected")
    if message.basis != "consent":
        return reasons
    if is_hidden(words, agency, said.category):
        reasons.add("consent.out-of-scope")
    covering = [word for word in good if said.category in word.categories]
    if not all(any(covers(w, p) for w in covering) for p in said.people):
        reasons.add("consent.out-of-scope")
    elif not all(
        any(
            covers(w, p)
            and not any(says_no(no, said.category, p) for no in refusals(w, words, message, agency))
            and not any(unsays(g, said.category, p) for g in taken_back(w, words, message, agency))
            for w in covering
        )
        for p in said.people
    ):
        reasons.add("consent.refused")
    return reasons


def covers(word: Word, person: str) -> bool:
    """Say whether a word is about this person's information."""
    return not word.people or person in word.people


def may_know_where(facts: Facts, agency: str) -> bool:
    """Say whether an agency may learn where the child lives."""
    if facts.may_know_where is None:
        return True
    agencies, roles = facts.may_know_where
    return agency in agencies or ROLES.get(agency) in roles


def may_read(facts: Facts, said: Told, agency: str, person: str, at: datetime) -> bool:
    """Say whether a person of an agency may read a statement now."""
    if person in facts.not_to_know:
        return False
    if agency == said.sender:
        return True
    if agency not in said.to:
        return False
    if said.alarm:
        return True
    if said.basis == "consent_override" and not said.both_limbs:
        return False
    message = Message(
        said.sender,
        (agency,),
        "statutory_duty" if said.basis == "consent_override" else said.basis,
        said.names,
        (),
        "",
        (False, False),
        manager_signs=True,
        statements=(said,),
        purpose=said.purpose,
        alarm=False,
        at=at,
    )
    seen, against = towards(facts, message, agency)
    return seen == (True,) and not against


def may_break(facts: Facts, said: Told, agency: str, person: str, *, protects: bool) -> bool:
    """Say whether a person of an agency with a part may see a statement by breaking the glass."""
    if person in facts.not_to_know:
        return False
    if protects:
        return True
    if said.category == "safety" or is_hidden(facts.words, agency, said.category):
        return False
    return not said.tells_where or may_know_where(facts, agency)
