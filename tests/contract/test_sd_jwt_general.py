"""Our sealed files against npm `@sd-jwt/core`, which reads and writes General JSON (RFC 9901 §8).

The package is locked by version and hash in tests/node and installed from there. What either side
makes is opened by the other; what must not open, opens on neither side.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts import base64url, jws, sealed_file
from contracts.event import TYP
from contracts.kinds import Opened
from contracts.seal import Disclosures, Sealed, open_seal, public_key
from contracts.statements import Statement, binding, open_disclosures, seal_statements
from tests import crafting as c
from tests import messages as m
from tests.area import PACK, TEACHER, Area

pytestmark = pytest.mark.node

FOLDER = Path(__file__).parents[1] / "node"
INSTALL_S, RUN_S = 100, 60
AREA = Area()
CHILD = "C" * 26
SALT = "A" * 22

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Install the package in a folder of its own, and give what asks it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node.js with npm on this machine, which @sd-jwt/core needs")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "general.mjs"):
        shutil.copy(FOLDER / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=INSTALL_S, check=False)
    assert done.returncode == 0, done.stderr.decode()

    def ask(asked: dict[str, Any]) -> dict[str, Any]:
        run = subprocess.run(
            [node, "general.mjs"],
            cwd=folder,
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=RUN_S,
            check=False,
        )
        assert run.returncode == 0, run.stderr.decode()
        made: dict[str, Any] = json.loads(run.stdout)
        return made

    return ask


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    """A step up with its four statements."""
    return m.step_up(AREA, CHILD)


def as_json(statements: Sequence[Statement]) -> list[dict[str, Any]]:
    """Statements as they stand in disclosures."""
    return [s.model_dump(mode="json", exclude_defaults=True) for s in statements]


def by_text(statements: Sequence[dict[str, Any]]) -> list[str]:
    """Statements in an order that does not depend on how they travelled."""
    return sorted(json.dumps(one, sort_keys=True) for one in statements)


def verified(core: Ask, sealed: Sealed) -> dict[str, Any]:
    """What the package says of a sealed file: its claims, or that it is refused."""
    file = orjson.loads(sealed_file.dump(sealed))
    return core({"verify": {"file": file, "x": AREA.keys[TEACHER].x}})


def with_disclosures(sealed: Sealed, items: Sequence[str]) -> Sealed:
    """The message with other disclosures beside it."""
    assert sealed.disclosures is not None
    return Sealed(sealed.text, Disclosures(sealed.disclosures.salt, tuple(items)))


def test_core_reads_exactly_our_statements_from_a_sealed_file(core: Ask, sealed: Sealed) -> None:
    """The file of a sealed message verifies as it is, and opens to what was said and no decoy."""
    found = verified(core, sealed)["payload"]
    ours = as_json([d.statement for d in AREA.open(sealed).statements])
    plain = orjson.loads(base64url.decode(orjson.loads(sealed.text)["payload"]) or b"")

    assert by_text(found["data"]["statements"]) == by_text(ours)
    assert len(ours) == len(PACK)
    for whole in (found, plain):
        whole["data"].pop("statements")
    assert found == plain


def test_what_is_withheld_leaves_the_rest_verifiable(core: Ask, sealed: Sealed) -> None:
    """With each disclosure taken away in turn the signature stands, and the others open."""
    opened = AREA.open(sealed).statements
    for withheld in opened:
        kept = [one for one in opened if one is not withheld]
        told = verified(core, with_disclosures(sealed, [one.disclosure for one in kept]))
        expected = as_json([one.statement for one in kept])
        assert by_text(told["payload"]["data"]["statements"]) == by_text(expected)


def test_neither_takes_a_changed_payload(core: Ask, sealed: Sealed) -> None:
    """One word changed under the signature, and both refuse it."""
    made = orjson.loads(sealed.text)
    payload = orjson.loads(base64url.decode(made["payload"]) or b"")
    payload["time"] = "2026-01-01T00:00:00Z"
    made["payload"] = base64url.encode(orjson.dumps(payload))
    changed = Sealed(orjson.dumps(made).decode(), sealed.disclosures)

    assert "refused" in verified(core, changed)
    assert AREA.codes(changed) == {"seal.bad-signature"}


@pytest.mark.parametrize("count", [1, 3, 17])
def test_we_open_what_core_issued(core: Ask, count: int) -> None:
    """General JSON made by the package: its signature is good here, and its statements open."""
    statements = [
        AREA.statement("needs.support_required", f"words {n} with ü and €") for n in range(count)
    ]
    key = AREA.keys[TEACHER]
    file = issued(core, as_json(statements), key)
    signature = {name: file["signatures"][0][name] for name in ("protected", "signature")}
    parsed = jws.parse(jws.assemble(file["payload"], [signature]), TYP)
    assert isinstance(parsed, jws.Parsed)
    payload = jws.verify(parsed, {key.kid: public_key(key.x)})
    assert payload is not None

    elements = [one["..."] for one in orjson.loads(payload)["data"]["statements"]]
    disclosures = file["signatures"][0]["header"]["disclosures"]
    found = open_disclosures(elements, binding(SALT, elements), SALT, disclosures)

    assert isinstance(found, tuple)
    assert by_text(as_json([one.statement for one in found])) == by_text(as_json(statements))


def test_a_message_with_disclosures_of_core_opens(core: Ask) -> None:
    """An event whose statements the package made is a message like any other once sealed."""
    key = AREA.keys[TEACHER]
    file = issued(core, as_json([AREA.statement("concern.what_happened")]), key)
    payload = orjson.loads(base64url.decode(file["payload"]) or b"")
    elements = payload["data"]["statements"]

    def replace(payload: dict[str, Any]) -> None:
        payload["data"]["statements"] = elements
        payload["data"]["bound"] = binding(SALT, [one["..."] for one in elements])

    made = c.resealed(m.referral(AREA, CHILD), key, replace)
    beside = Disclosures(SALT, tuple(file["signatures"][0]["header"]["disclosures"]))
    assert isinstance(open_seal(Sealed(made.text, beside), AREA.directory, AREA.now), Opened)


def test_a_disclosure_from_another_message_opens_nothing(core: Ask, sealed: Sealed) -> None:
    """A disclosure that matches no digest of the seal is refused here and opens nothing there."""
    other = seal_statements([AREA.statement("concern.what_happened", "another family's")])
    assert sealed.disclosures is not None
    moved = with_disclosures(sealed, (*sealed.disclosures.items, *other.disclosures))

    assert AREA.codes(moved) == {"statements.mismatch"}
    assert "another family's" not in json.dumps(verified(core, moved))


def test_a_disclosure_used_twice_opens_once(core: Ask, sealed: Sealed) -> None:
    """RFC 9901 §7.1: one digest opens once; here the repetition is refused."""
    assert sealed.disclosures is not None
    doubled = with_disclosures(sealed, (*sealed.disclosures.items, sealed.disclosures.items[0]))
    told = verified(core, doubled)

    assert AREA.codes(doubled) == {"statements.mismatch"}
    shown = told.get("payload", {}).get("data", {}).get("statements", [])
    assert "refused" in told or len(shown) == len(PACK)


def test_the_lock_names_versions_and_hashes_and_no_address() -> None:
    """Whatever is installed is exactly what was locked, from whichever registry."""
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    locked = {name: one for name, one in packages.items() if name}

    assert "node_modules/@sd-jwt/core" in locked
    for one in locked.values():
        assert one["integrity"].startswith("sha512-")
        assert "resolved" not in one
    assert "://" not in json.dumps(locked)


def issued(core: Ask, statements: list[dict[str, Any]], key: jws.PrivateKey) -> dict[str, Any]:
    """General JSON that the package issues and signs with `key`."""
    raw = base64url.encode(key.raw.private_bytes_raw())
    asked = {
        "payload": {"data": {"statements": statements}},
        "places": list(range(len(statements))),
        "jwk": {"kty": "OKP", "crv": "Ed25519", "x": key.x, "d": raw},
        "header": key.header(TYP),
    }
    file: dict[str, Any] = core({"issue": asked})["file"]
    return file
