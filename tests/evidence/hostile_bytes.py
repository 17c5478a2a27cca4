"""Hostile evidence files whose bytes, form, root or directory are wrong."""

from datetime import timedelta
from typing import Any

import orjson

from contracts import jws
from contracts.directory import sign_directory
from contracts.evidence import Code, Evidence, dump
from contracts.evidence.form import MOST_BYTES, MOST_ENTRIES
from tests.area import Area
from tests.crafting import nested
from tests.evidence.base import Base
from tests.evidence.hostile import case


def _with_text(base: Base, before: str, after: str) -> bytes:
    text = dump(base.evidence).decode()
    assert before in text
    return text.replace(before, after, 1).encode()


def _with_member(base: Base, name: str, value: Any) -> bytes:
    made = orjson.loads(dump(base.evidence))
    made[name] = value
    return orjson.dumps(made)


@case(Code.UNREADABLE)
def deep_nesting(base: Base) -> bytes:
    """A member is nested deeper than any reader follows."""
    return _with_text(base, '"log": {', f'"deep": {nested(100_000)}, "log": {{')


@case(Code.UNREADABLE)
def duplicate_json_keys(base: Base) -> bytes:
    """The child is named twice, so that two readers see two children."""
    return _with_text(base, '"child": ', '"child": "OTHER000000000000000", "child": ')


@case(Code.UNREADABLE)
def not_utf8(base: Base) -> bytes:
    """A byte in the middle is no UTF-8."""
    data = dump(base.evidence)
    return data[:5000] + b"\xff" + data[5000:]


@case(Code.UNREADABLE)
def truncated(base: Base) -> bytes:
    """The second half is missing."""
    data = dump(base.evidence)
    return data[: len(data) // 2]


@case(Code.UNREADABLE)
def integer_beyond_64_bits(base: Base) -> bytes:
    """A number is so large that readers round it differently."""
    return _with_text(
        base, '"handrail-evidence": 1', '"more": ' + "9" * 60 + ', "handrail-evidence": 1'
    )


@case(Code.TOO_LARGE)
def too_large(base: Base) -> bytes:
    """Blanks make the file larger than any that is read."""
    return dump(base.evidence) + b" " * MOST_BYTES


@case(Code.UNKNOWN_VERSION)
def version_from_the_future(base: Base) -> bytes:
    """The file is of a version that is not there yet."""
    return _with_member(base, "handrail-evidence", 2)


@case(Code.UNKNOWN_VERSION)
def version_is_true(base: Base) -> bytes:
    """The version is a truth value that some languages take for one."""
    return _with_member(base, "handrail-evidence", True)


@case(Code.WRONG_FORM)
def unknown_member(base: Base) -> bytes:
    """A member stands in the file that the form does not name."""
    return _with_member(base, "note", "believe me")


@case(Code.WRONG_FORM)
def huge_counts(base: Base) -> bytes:
    """A journey has more messages than any file may hold."""
    made = orjson.loads(dump(base.evidence))
    small = {"seal": "x", "decision": "x", "digest": "0" * 64}
    made["journeys"][0]["entries"] = [small] * (MOST_ENTRIES + 1)
    return orjson.dumps(made)


@case(Code.WRONG_FORM)
def index_below_nothing(base: Base) -> bytes:
    """A group stands in the log before its first place."""
    made = orjson.loads(dump(base.evidence))
    made["log"]["included"][0]["index"] = -1
    return orjson.dumps(made)


@case(Code.OTHER_ROOT)
def other_root(base: Base) -> Evidence:
    """A partnership of the same name with a root of its own has made everything."""
    return Base(Area(base.area.now)).evidence


@case(Code.DIRECTORY_UNTRUSTED, believes=True)
def root_swapped(base: Base) -> Evidence:
    """The root key in the file is not the one that signed the directory."""
    return base.evidence.model_copy(update={"root": jws.PrivateKey.generate().x})


@case(Code.DIRECTORY_UNTRUSTED)
def directory_altered(base: Base) -> Evidence:
    """A character of the signed directory was changed."""
    text = base.evidence.directory
    place = len(text) // 3
    other = "A" if text[place] != "A" else "B"
    altered = text[:place] + other + text[place + 1 :]
    return base.evidence.model_copy(update={"directory": altered})


@case(Code.DIRECTORY_UNTRUSTED)
def directory_signed_by_exchange(base: Base) -> Evidence:
    """The exchange has signed a directory in the root's place."""
    made = sign_directory(base.area.document, base.area.services["exchange"])
    return base.evidence.model_copy(update={"directory": made.decode()})


@case(Code.DIRECTORY_EXPIRED)
def old_directory(base: Base) -> Evidence:
    """The directory had long expired when the messages were decided."""
    issued = base.area.now - timedelta(days=60)
    old = base.area.document.model_copy(
        update={"issued_at": issued, "expires_at": issued + timedelta(days=30)}
    )
    made = sign_directory(old, base.area.root)
    return base.evidence.model_copy(update={"directory": made.decode()})


@case(Code.SEAL, knows=True)
def revoked_key_later_message(base: Base) -> Evidence:
    """The file's directory does not know yet that a signer's key had been compromised."""
    return base.evidence


@case(Code.OTHER_PARTNERSHIP)
def other_partnership(base: Base) -> Evidence:
    """The file says that it is another partnership's."""
    return base.evidence.model_copy(update={"partnership": "other"})


@case(Code.OTHER_PARTNERSHIP)
def exchange_of_nobody(base: Base) -> Evidence:
    """The service that is to have decided is not in the directory."""
    return base.evidence.model_copy(update={"exchange": "demo.decider"})
