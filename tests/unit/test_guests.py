"""Guests of another partnership: who counts, and that their root reaches nobody of ours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import directory_token, jws
from contracts.directory import (
    Agency,
    Directory,
    DirectoryDocument,
    Guest,
    Practitioner,
    SigningKey,
    Trusted,
    open_directory,
    sign_directory,
)
from contracts.guests import GRACE
from contracts.identifiers import new_reference
from contracts.roles import Role
from contracts.roots import sign_change
from contracts.seal import open_seal, seal
from tests.area import CARE, MANAGER, SCHOOL, TEACHER, Area

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
AREA = Area(NOW)
THEIR_ROOT, THEIR_KEY, OTHER_KEY, MOLE_KEY = (jws.PrivateKey.generate() for _ in range(4))
MOOR, JO = "moor.moor-school", "moor.moor-school.jo"
HOUR = timedelta(hours=1)


def key(signer: jws.Signer, **changed: Any) -> SigningKey:
    """Return the entry of a key that has been valid for long."""
    made = SigningKey(kid=signer.kid, x=signer.x, valid_from=NOW - timedelta(days=400))
    return made.model_copy(update=changed)


def school(**changed: Any) -> Agency:
    """Return the guest agency as its own root describes it."""
    made = Agency(id=MOOR, name="Moor School", role=Role.UNIVERSAL, gateway="moor", duty_desk=JO)
    return made.model_copy(update=changed)


def jo(**changed: Any) -> Practitioner:
    """Return the guest's practitioner as its own root describes them."""
    return Practitioner(id=JO, name="Jo", keys=(key(THEIR_KEY),)).model_copy(update=changed)


def theirs(**changed: Any) -> DirectoryDocument:
    """Return the other partnership's directory."""
    made = DirectoryDocument(
        partnership="moor",
        version=3,
        issued_at=NOW,
        expires_at=NOW + timedelta(days=365),
        agencies=(school(), school(id="moor.other-school", duty_desk=None)),
        practitioners=(jo(),),
    )
    return made.model_copy(update=changed)


def trusting(document: DirectoryDocument, root: jws.Signer = THEIR_ROOT, **changed: Any) -> Trusted:
    """Return our entry about the other partnership."""
    made = Trusted(
        partnership="moor",
        root_x=THEIR_ROOT.x,
        directory=sign_directory(document, root).decode(),
        guests=(Guest(agency=MOOR, role=Role.UNIVERSAL),),
        gateway="guests",
        since=NOW - timedelta(days=30),
    )
    return made.model_copy(update=changed)


def ours(trusted: Trusted) -> Directory:
    """Return our directory with that trust in it, signed and opened again."""
    document = AREA.document.model_copy(update={"trusted": (trusted,)})
    return open_directory(sign_directory(document, AREA.root), AREA.root.x)


def codes(directory: Directory, arrived: datetime = NOW, **event: Any) -> set[str]:
    """Return why a concern that Jo seals is not opened, empty where it is."""
    area = Area(NOW)
    area.keys[JO] = THEIR_KEY
    made, _ = area.event("concern.shared", new_reference(), JO, [CARE], **event)
    opened = open_seal(seal(made, THEIR_KEY), directory, arrived)
    return {one.code for one in opened} & KEY_CODES if isinstance(opened, tuple) else set()


KEY_CODES = {
    "seal.unknown-key",
    "seal.key-revoked",
    "seal.key-not-valid",
    "seal.signers-mismatch",
    "seal.bad-signature",
}


def test_a_guest_counts_in_every_look_up() -> None:
    """Holder, agency, practitioner, people, managers and roles know the guest and nobody else."""
    boss = Practitioner(id="moor.moor-school.boss", name="Boss")
    document = theirs(practitioners=(jo(line_manager=boss.id), boss))
    directory = ours(trusting(document))

    held = directory.holder(THEIR_KEY.kid)
    assert held is not None
    assert (held.holder, held.is_service) == (JO, False)
    agency = directory.agency(MOOR, NOW)
    assert agency is not None
    assert (agency.gateway, agency.duty_desk) == ("guests", JO)
    assert directory.practitioner(JO, NOW) is not None
    assert [p.id for p in directory.people(MOOR, NOW)] == [JO, boss.id]
    assert directory.line_managers(JO, NOW) == {boss.id}
    assert [a.id for a in directory.by_role(Role.UNIVERSAL)][-1] == MOOR
    assert directory.agency("moor.other-school", NOW) is None
    assert codes(directory) == set()


def test_an_offer_counts_as_their_directory_and_is_never_taken_for_one() -> None:
    """What a partnership offers to another is believed there, and by none of its own readers."""
    offer = directory_token.sign(theirs(), THEIR_ROOT, directory_token.OFFER_TYP)

    assert MOOR in ours(trusting(theirs(), directory=offer.decode())).agencies
    assert directory_token.read(offer, THEIR_ROOT.x) is None


def test_a_key_revoked_at_home_is_revoked_here() -> None:
    """What arrives after a revocation by the guest's own partnership is refused here too."""
    revoked = jo(keys=(key(THEIR_KEY, compromised_at=NOW),))
    directory = ours(trusting(theirs(practitioners=(revoked,))))

    assert codes(directory, arrived=NOW) == {"seal.key-revoked"}
    assert codes(directory, arrived=NOW - HOUR, time=NOW - HOUR) == set()


def test_ending_a_trust_is_at_once_whatever_time_a_seal_claims() -> None:
    """What arrives after the end is refused though it says it is older; what came before stands."""
    directory = ours(trusting(theirs(), ended_at=NOW))

    assert codes(directory, arrived=NOW, time=NOW - HOUR) == {"seal.key-revoked"}
    assert codes(directory, arrived=NOW - HOUR, time=NOW - HOUR) == set()
    assert directory.agency(MOOR, NOW) is None
    assert directory.agency(MOOR, NOW - HOUR) is not None
    assert directory.practitioner(JO, NOW) is None


def test_one_guest_can_go_while_another_stays() -> None:
    """A guest that is not welcome any more ends alone."""
    guests = (
        Guest(agency=MOOR, role=Role.UNIVERSAL, left_at=NOW),
        Guest(agency="moor.other-school", role=Role.UNIVERSAL),
    )
    directory = ours(trusting(theirs(), guests=guests))

    assert codes(directory, arrived=NOW, time=NOW - HOUR) == {"seal.key-revoked"}
    assert directory.agency("moor.other-school", NOW) is not None


def test_a_guest_seals_nothing_for_before_it_was_trusted() -> None:
    """A guest's key counts from the beginning of the trust on."""
    assert codes(ours(trusting(theirs(), since=NOW + HOUR))) == {"seal.key-not-valid"}


def test_an_expired_directory_of_theirs_ends_its_guests() -> None:
    """After the other directory's expiry and its grace nobody of it counts any more."""
    expired = theirs(expires_at=NOW - GRACE)
    directory = ours(trusting(expired))

    assert directory.agency(MOOR, NOW) is None
    assert codes(directory) == {"seal.key-not-valid"}
    assert ours(trusting(theirs(expires_at=NOW - GRACE + HOUR))).agency(MOOR, NOW) is not None


def test_their_root_may_change_too() -> None:
    """A guest's partnership that goes over to another root is followed from the one named here."""
    new = jws.PrivateKey.generate()
    chain = (sign_change("moor", 1, THEIR_ROOT, new, NOW),)

    assert codes(ours(trusting(theirs(root_changes=chain), new))) == set()


NOBODY: dict[str, Callable[[], Trusted]] = {
    "signed by another root": lambda: trusting(theirs(), jws.PrivateKey.generate()),
    "of another partnership's id": lambda: trusting(theirs(partnership="marsh")),
    "that trusts others itself": lambda: trusting(
        theirs(trusted=(trusting(theirs(), partnership="marsh"),))
    ),
    "that is no JWS": lambda: trusting(theirs(), directory="{}"),
    "that is empty": lambda: trusting(theirs(), directory=""),
    "with a chain of roots of its own": lambda: trusting(
        theirs(root_changes=(sign_change("moor", 1, OTHER_KEY, AREA.root, NOW),)), AREA.root
    ),
}


@pytest.mark.parametrize("name", NOBODY)
def test_a_directory_of_theirs_that_does_not_verify_names_nobody(name: str) -> None:
    """Nobody is a guest by a directory that is not believed; ours goes on."""
    directory = ours(NOBODY[name]())

    assert set(directory.agencies) == set(AREA.directory.agencies)
    assert codes(directory) == {"seal.unknown-key"}
    assert directory.holder(AREA.keys[TEACHER].kid) is not None


def _ours_again(entry: str) -> Agency | Practitioner:
    if entry.count(".") == 1:
        return Agency(id=entry, name="Taken", role=Role.SOCIAL_CARE, gateway="moor", left_at=NOW)
    return Practitioner(id=entry, name="Taken", keys=(key(OTHER_KEY),), left_at=NOW)


def test_their_root_cannot_touch_our_people_agencies_or_services() -> None:
    """Entries under our ids change nothing: not who works here, not a key, not who has left."""
    hostile = theirs(
        agencies=(school(), *(_ours_again(a) for a in AREA.directory.agencies)),
        practitioners=(
            jo(),
            Practitioner(id="demo.social-care.mole", name="Mole", keys=(key(MOLE_KEY),)),
            _ours_again(TEACHER),
        ),
    )
    guests = tuple(
        Guest(agency=one, role=Role.SOCIAL_CARE) for one in (MOOR, SCHOOL, CARE, "demo.exchange")
    )
    directory, before = ours(trusting(hostile, guests=guests)), AREA.directory

    assert {a: directory.agencies[a] for a in before.agencies} == before.agencies
    assert {p: directory.practitioners[p] for p in before.practitioners} == before.practitioners
    assert directory.services == before.services
    assert directory.practitioners.keys() - before.practitioners.keys() == {JO}
    assert directory.holder(OTHER_KEY.kid) is None
    assert directory.holder(MOLE_KEY.kid) is None


def test_their_root_cannot_claim_our_keys_nor_name_a_service() -> None:
    """A key of ours under one of their names stays ours, and their services attest nothing here."""
    stolen = [AREA.keys[TEACHER], AREA.services["exchange"], AREA.services["story"]]
    hostile = theirs(practitioners=(jo(keys=tuple(map(key, (THEIR_KEY, *stolen)))),))
    directory = ours(trusting(hostile))

    for mine in stolen:
        held = directory.holder(mine.kid)
        assert held is not None
        assert held.holder != JO
    assert [one.kid for one in directory.practitioners[JO].keys] == [THEIR_KEY.kid]


def test_their_root_cannot_send_our_people_to_work_for_it() -> None:
    """Managers, deputies, desks and leads of a guest that are not of its partnership are nobody."""
    hostile = theirs(
        agencies=(school(safeguarding_lead=MANAGER, duty_desk=TEACHER),),
        practitioners=(jo(line_manager=MANAGER, deputy=TEACHER),),
    )
    directory = ours(trusting(hostile))

    assert directory.agencies[MOOR].safeguarding_lead is None
    assert directory.agencies[MOOR].duty_desk is None
    assert directory.line_managers(JO, NOW) == frozenset()
    assert directory.practitioners[JO].deputy is None


def test_their_root_cannot_change_the_role_a_guest_has_here() -> None:
    """A guest that calls itself First Response at home stays what our root has named it."""
    directory = ours(trusting(theirs(agencies=(school(role=Role.FIRST_RESPONSE),))))

    assert directory.agencies[MOOR].role is Role.UNIVERSAL
    assert MOOR not in {a.id for a in directory.by_role(Role.FIRST_RESPONSE)}


def test_two_guests_cannot_hold_the_same_key() -> None:
    """Of two partnerships that both name a key, the one that stands first has it."""
    second = theirs(
        partnership="marsh",
        agencies=(school(id="marsh.school", duty_desk=None),),
        practitioners=(Practitioner(id="marsh.school.al", name="Al", keys=(key(THEIR_KEY),)),),
    )
    marsh = trusting(
        second, partnership="marsh", guests=(Guest(agency="marsh.school", role=Role.UNIVERSAL),)
    )
    document = AREA.document.model_copy(update={"trusted": (trusting(theirs()), marsh)})
    directory = open_directory(sign_directory(document, AREA.root), AREA.root.x)

    held = directory.holder(THEIR_KEY.kid)
    assert held is not None
    assert held.holder == JO
    assert directory.practitioners["marsh.school.al"].keys == ()
