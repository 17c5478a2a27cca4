"""Targets that people and other systems hand over as files: documents, rules, returns, directory.

Every one begins with files that are good, so that mutation reaches what lies behind the form.
"""

import io
import json
import zipfile
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from contracts import normalise, sealed_file
from contracts.attachments import sniff
from contracts.cin import (
    event_faults,
    events,
    read_census,
    referral_faults,
    warnings,
)
from contracts.directory import TYP, open_directory
from contracts.directory_checks import faults
from contracts.document import DOCUMENT_KINDS, read, to_event
from contracts.matching import Sought
from contracts.normalise import Normalised
from contracts.rules import SHIPPED, load_pack
from contracts.rules.in_force import must_be_readable
from contracts.rules.vocabulary import vocabulary
from contracts.typed_answers import in_form
from tests.area import TEACHER
from tests.fuzz.target import NONE, OK, Target
from tests.fuzz.world import NOW, world
from tests.unit import cin_returns as cin

ROOT: Final = Path(__file__).parents[2]


def document(data: bytes) -> str:
    """A plain document: read, its answers put into form, made an event as its author would."""
    made = in_form(read(data), NOW)
    event, _ = to_event(made, world().directory.practitioners[TEACHER], NOW)
    assert event.as_json()
    return OK


def file_of_seal(data: bytes) -> str:
    """A sealed message as a file; what is read is written again and is the same."""
    sealed_file.looks_sealed(data)
    found = sealed_file.read(data)
    assert sealed_file.read(sealed_file.dump(found)) == found
    return OK


def rule_pack(data: bytes) -> str:
    """A rule pack in TOML, with everything that its rules may name known."""
    load_pack(data.decode("utf-8", "replace"), "pack.toml", vocabulary())
    return OK


def cin_return(data: bytes) -> str:
    """A children in need return, with every referral of it judged."""
    for child in read_census(data).children:
        for referral in child.referrals:
            referral_faults(child, referral)
            event_faults(child, referral)
            warnings(child, referral)
            events(child, referral)
    return OK


def directory(data: bytes) -> str:
    """A directory under the root's right signature, and what is looked up in it."""
    signed = world().sign_as_root(data, TYP)
    found = open_directory(signed, world().area.root.x)
    for person in found.document.practitioners:
        found.line_managers(person.id, NOW)
        person.covered_by(NOW)
    for agency in found.document.agencies:
        found.people(agency.id, NOW)
        found.agency(agency.id, NOW)
    assert all(fault.error.remedy for fault in faults(found.document, NOW))
    found.must_be_fresh(NOW)
    must_be_readable(found, NOW)
    return OK


def directory_bytes(data: bytes) -> str:
    """A directory file as it lies on a disk; nothing is signed anew."""
    open_directory(data, world().area.root.x)
    return OK


def attachment(data: bytes) -> str:
    """A document that was attached: told by its content alone."""
    found = sniff(data)
    return NONE if found is None else found.value


_TYPED: Final = (
    normalise.nhs_number,
    normalise.upn,
    normalise.postcode,
    normalise.name,
    normalise.comparable_name,
    normalise.sex,
    normalise.ethnicity,
    normalise.nhs_ethnicity,
)


def typed(data: bytes) -> str:
    """A text as somebody typed it, read as everything that it could be."""
    text = data.decode("utf-8", "replace")
    found: list[Normalised[Any]] = [reader(text) for reader in _TYPED]
    found.append(normalise.birth_date(text, not_after=date(2026, 3, 2)))
    sure = [one.sure for one in found]
    assert all((one.value is None) == (one.sure in ("unsure", "unreadable")) for one in found)
    return min(sure)


def sought(data: bytes) -> str:
    """What is sought of a child, as a file for the command says it."""
    try:
        Sought.model_validate_json(data)
    except ValidationError:
        return NONE
    return OK


@cache
def document_seeds() -> tuple[bytes, ...]:
    """The examples, and a document of every kind that people write."""
    examples = sorted((ROOT / "examples").rglob("*.json"))
    made = [path.read_bytes() for path in examples]
    made += [
        json.dumps({"kind": kind, "child": "CH1LD00000000000000000000A", "data": {}}).encode()
        for kind in DOCUMENT_KINDS
    ]
    return tuple(made)


@cache
def sealed_seeds() -> tuple[bytes, ...]:
    """Sealed files as `handrail seal` writes them."""
    return tuple(sealed_file.dump(sealed) for _, sealed in world().messages)


@cache
def rule_seeds() -> tuple[bytes, ...]:
    """The packs that ship: whole, and each of their tables alone under a pack's head."""
    folder = ROOT / "contracts" / "rules"
    whole = [(folder / f"{name}.toml").read_text("utf-8") for name in SHIPPED]
    parts = []
    for text in whole:
        head, *tables = text.split("\n[[")
        parts += [f"{head}\n[[{table}" for table in tables[:12]]
    return tuple(text.encode() for text in (*parts, *whole))


@cache
def cin_seeds() -> tuple[bytes, ...]:
    """Returns that are sound, and returns that try what XML lets a writer try."""
    sound = cin.document(
        cin.child(cin.SOUND, cin.SOUND + cin.closed("2025-08-01") + cin.conference("2025-07-01")),
        cin.child(cin.SOUND, identifiers=cin.died("2025-12-24")),
    )
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    hostile = (
        f'<!DOCTYPE m [<!ENTITY e0 "x">{entities}]><Message>&e11;</Message>',
        '<!DOCTYPE m [<!ENTITY f SYSTEM "file:///etc/hostname">]><Message>&f;</Message>',
        '<!DOCTYPE m SYSTEM "http://127.0.0.1:9/x.dtd"><Message/>',
        '<!DOCTYPE m [<!ENTITY % p SYSTEM "file:///etc/hostname">%p;]><Message/>',
        "<Message>" + "<a>" * 4000,
        "<Message " + " ".join(f'a{n}="{n}"' for n in range(3000)) + "/>",
        "<?xml version='1.0' encoding='utf-7'?><Message/>",
        "<Message xmlns:x='y'><x:Children><Child/></x:Children></Message>",
        f"<Message><Children><Child>{'<CINdetails/>' * 5001}</Child></Children></Message>",
        "<Message><![CDATA[ ]]><?pi x?><!-- c --><Children/></Message>",
    )
    odd = (sound.decode().encode("utf-16"), *(text.encode() for text in hostile))
    return (sound, *cin.ALONE.values(), *odd)


@cache
def directory_seeds() -> tuple[bytes, ...]:
    """The directory, plain and with everything that a directory can say."""
    made = world().area.document.model_dump(mode="json", exclude_defaults=True)
    agency, person = made["agencies"][0], made["practitioners"][0]
    agency["closures"] = [{"first": "2026-04-01", "last": "2026-04-10"}]
    agency["contact"] = {"telephone": "01632 960001"}
    person["deputy"] = made["practitioners"][1]["id"]
    person["cover"] = [
        {"by": TEACHER, "since": "2026-03-01T00:00:00Z", "until": "2026-03-09T00:00:00Z"}
    ]
    made["gateways"] = [{"id": "schools", "service_nkey": "U" + "A" * 55, "desk_nkey": "U" * 56}]
    made["rule_changes"] = [
        {
            "since": "2026-01-01T00:00:00Z",
            "packs": ["devon"],
            "overrides": [
                {"table": "clocks", "id": "decide-request", "length": 1, "reason": "agreed"}
            ],
        }
    ]
    plain_one = world().area.document.model_dump(mode="json", exclude_defaults=True)
    return (json.dumps(plain_one).encode(), json.dumps(made).encode())


@cache
def attachment_seeds() -> tuple[bytes, ...]:
    """One document of every form, and archives of several make."""
    made = [b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"a letter\n", b"\xc3\x28"]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        for names in (("mimetype",), ("[Content_Types].xml", "word/document.xml")):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", method) as archive:
                for name in names:
                    archive.writestr(name, "application/vnd.oasis.opendocument.text")
            made.append(packed.getvalue())
    return tuple(made)


def _typed_seeds() -> tuple[bytes, ...]:
    texts = "943 476 5919|9434765919|SW1A 1AA|sw1a1aa|01/02/2019|1 Feb 2019|2019-02-01T00:00|"
    texts += (
        "Amir KHAN|Khan, Amir|F|female|White British|WBRI|b801200005001|O\u2019Brien|\u0663\u00b2"
    )
    return tuple(text.encode() for text in texts.split("|"))


def _sought_seeds() -> tuple[bytes, ...]:
    return (
        b'{"nhs_number":"943 476 5919","name":"Amir Khan","born_on":"2019-02-01"}',
        b'{"nhs_number_absent":"not_known","upn":"b801200005001","postcode":"SW1A 1AA"}',
    )


_SEAL: Final = frozenset({"seal.unreadable", "seal.bad-encoding", "seal.bad-algorithm"})
_RULES: Final = frozenset(
    {"rules.bad-pack", "rules.unknown-pack", "rules.pack-twice", "rules.bad-override"}
)
_DIRECTORY: Final = frozenset(
    {OK, "directory.untrusted", "directory.expired", "directory.older", *_RULES}
)
TARGETS: Final = (
    Target(
        "document",
        document,
        document_seeds,
        frozenset(
            {
                OK,
                "document.invalid",
                "attachment.not-read",
                "statements.code",
                "statements.number",
                "statements.unclear",
            }
        ),
    ),
    Target("sealed-file", file_of_seal, sealed_seeds, _SEAL | {OK}),
    Target("rule-pack", rule_pack, rule_seeds, frozenset({OK, "rules.bad-pack"})),
    Target("cin", cin_return, cin_seeds, frozenset({OK, "cin.unreadable"})),
    Target("directory", directory, directory_seeds, _DIRECTORY),
    Target("directory-file", directory_bytes, lambda: (world().signed_directory,), _DIRECTORY),
    Target(
        "attachment",
        attachment,
        attachment_seeds,
        frozenset(
            {
                NONE,
                "application/pdf",
                "image/png",
                "image/jpeg",
                "text/plain",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.oasis.opendocument.text",
            }
        ),
    ),
    Target(
        "typed",
        typed,
        _typed_seeds,
        frozenset({"exact", "converted", "repaired", "unsure", "unreadable"}),
    ),
    Target("sought", sought, _sought_seeds, frozenset({OK, NONE})),
)
