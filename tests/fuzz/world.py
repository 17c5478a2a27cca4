"""A partnership whose keys, references and clock are the same in every run of the fuzzing.

What is fuzzed is what stands *under* a signature: the keys here sign whatever was made of it, so
that a spoiled message gets past the arithmetic. All people and children are invented.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count
from random import Random
from typing import Any, Final
from unittest.mock import patch

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import base64url, jws
from contracts.directory import Directory
from contracts.journey import Journey
from contracts.seal import Sealed
from contracts.submission import IntakeKey, raw_public
from tests import crafting
from tests import messages as m
from tests.area import CARE, FRONT, SCHOOL, TEACHER, WORKER, Area
from tests.fuzz.sampling import CHILD
from tests.unit.kinds_playing import gathered
from tests.unit.test_decision import Play

NOW: Final = datetime(2026, 3, 2, 10, tzinfo=UTC)
MONTH: Final = "2026-03"
EXCHANGE: Final = "demo.exchange"


@contextmanager
def invented_randomness() -> Iterator[None]:
    """Let keys, references, salts and the order of statements follow from nothing but their turn.

    Only what is made in here does; nothing of it may ever leave the tests.
    """
    random, turn = Random(2026), count()

    def seed() -> bytes:
        return hashlib.sha256(f"invented key {next(turn)}".encode()).digest()

    def ed25519() -> jws.PrivateKey:
        return jws.PrivateKey(Ed25519PrivateKey.from_private_bytes(seed()))

    def x25519() -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(seed())

    with (
        patch.object(jws.PrivateKey, "generate", ed25519),
        patch("tests.area.X25519PrivateKey.generate", x25519),
        patch.object(secrets, "choice", random.choice),
        patch.object(secrets, "token_bytes", random.randbytes),
        patch.object(secrets, "SystemRandom", lambda: random),
    ):
        yield


class World:
    """The partnership, the intake key, and a child's journey at several stages."""

    def __init__(self) -> None:
        with invented_randomness():
            self.area = Area(NOW)
            self.directory: Directory = self.area.directory
            self.signed_directory = self.area.signed
            self.intake = X25519PrivateKey.generate()
            self.stages: dict[str, Journey | None] = {"new": None}
            self.messages: list[tuple[str, Sealed]] = []
            self._play()

    @property
    def intake_key(self) -> IntakeKey:
        """The public half of the intake key."""
        return IntakeKey(
            service=EXCHANGE, month=MONTH, x=raw_public(self.intake), expires_at=self.area.now
        )

    def sign(self, payload: bytes, typ: str, *signers: str) -> bytes:
        """Return `payload` under the signatures of people or services, the school's if unknown."""
        keys = [self.key(signer) for signer in signers or (TEACHER,)]
        made = [key.signature(payload, typ) for key in dict.fromkeys(keys)]
        return jws.assemble(base64url.encode(payload), made)

    def sign_as_root(self, payload: bytes, typ: str) -> bytes:
        """Return `payload` under the signature of the partnership's root."""
        return jws.sign(payload, self.area.root, typ)

    def key(self, signer: object) -> jws.PrivateKey:
        """Return the key of a practitioner or service."""
        name = str(signer)
        service = self.area.services.get(name.rpartition(".")[2]) if name.count(".") == 1 else None
        return service or self.area.keys.get(name) or self.area.keys[TEACHER]

    def _play(self) -> None:
        area = self.area
        self._stage("referred", [m.referral(area, CHILD), m.protection(area, CHILD)])
        early = self._stage("early", [m.opened_before(area, CHILD), m.step_up(area, CHILD)])
        self._offer("early", m.step_up_decided(area, CHILD, early.last))
        self._offer("early", m.acknowledged(area, CHILD, early.last))
        self._offer("early", m.caf_ended(area, CHILD))
        need = self._stage("need", [m.care_opened_before(area, CHILD), m.step_down(area, CHILD)])
        self._offer("need", m.step_down_decided(area, CHILD, need.last))
        self._offer("need", m.closed(area, CHILD, to=(SCHOOL, CARE)))
        self._offer("need", m.lead_proposed(area, CHILD, TEACHER, WORKER, (SCHOOL,)))
        self._offer("need", m.born(area, CHILD, "2026-02-28"))
        self._offer("need", m.moved(area, CHILD))
        plan = m.care_opened_before(area, CHILD, level="child_protection")
        self._stage("protected", [plan])
        self._offer("protected", m.assessment(area, CHILD))
        self._offer("protected", m.referral(area, CHILD, to=[FRONT]))

    def _stage(self, name: str, sealed: list[Sealed]) -> Play:
        """Play what brings the child there; each message is offered where it was sent, too."""
        play = Play(self.area, CHILD)
        for number, one in enumerate(sealed):
            self._offer("new" if not number else name, one)
            play.accept(one)
        if name != "referred":
            gathered(play)
        self.stages[name] = play.journey
        return play

    def _offer(self, stage: str, sealed: Sealed) -> None:
        self.messages.append((stage, sealed))


@cache
def world() -> World:
    """Return the one world of this process."""
    return World()


def plain(stage: str, sealed: Sealed) -> dict[str, Any]:
    """Return a sealed message as it is fuzzed: its event, its disclosures, its stage."""
    items = sealed.disclosures.items if sealed.disclosures else ()
    told = [orjson.loads(base64url.decode(item) or b"") for item in items]
    return {"event": crafting.payload_of(sealed), "disclosures": told, "stage": stage}
