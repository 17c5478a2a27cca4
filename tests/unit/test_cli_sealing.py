"""`handrail seal`, `countersign` and `verify`: sealed files, offline."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.jws import PrivateKey
from services.cli.founding import create
from services.cli.main import app
from services.runtime.partnership import Partnership

RUNNER = CliRunner()
EXAMPLES = Path(__file__).parents[2] / "examples"
OVERRIDE = EXAMPLES / "accepted" / "school-consent-set-aside-line-manager-signs.json"
TEACHER = "demo.hilltop-school.jo-marsh"
MANAGER = "demo.hilltop-school.ruth-adeyemi"


@pytest.fixture(scope="module")
def partnership(tmp_path_factory: pytest.TempPathFactory) -> Partnership:
    """Give the demonstration partnership; tests do not change it."""
    return create(tmp_path_factory.mktemp("demo"), now=datetime.now(UTC), demonstration=True)


def run(partnership: Partnership, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Run a command with `--json` and return what it printed."""
    words = [*map(str, arguments), "--dir", str(partnership.folder), "--json"]
    done = RUNNER.invoke(app, words)
    assert done.exit_code == code, done.output
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@pytest.fixture
def sealed(partnership: Partnership, tmp_path: Path) -> Path:
    """Give a sealed file that waits for the line manager."""
    file = tmp_path / "sealed.json"
    run(partnership, "seal", OVERRIDE, "--as", TEACHER, "--out", file)
    return file


def test_a_seal_holds_when_everybody_named_has_signed(
    partnership: Partnership, sealed: Path, tmp_path: Path
) -> None:
    """The file says who is missing; the second signature completes it and changes nothing else."""
    early = run(partnership, "verify", sealed, code=1)
    assert [r["code"] for r in early["reasons"]] == ["seal.signers-mismatch"]
    both = tmp_path / "both.json"
    told = run(partnership, "countersign", sealed, "--as", MANAGER, "--out", both)
    proof = run(partnership, "verify", both)

    assert told["signatures_missing"] == []
    assert proof["holds"]
    assert len(proof["statements"]) == 6
    first, second = json.loads(sealed.read_bytes()), json.loads(both.read_bytes())
    assert first["payload"] == second["payload"]
    assert first["signatures"][0] == second["signatures"][0]


def test_sealing_tells_who_still_has_to_sign(partnership: Partnership, tmp_path: Path) -> None:
    """The author's own signature is there, the line manager's is not."""
    out = tmp_path / "x.json"
    told = run(partnership, "seal", OVERRIDE, "--as", TEACHER, "--out", out)
    assert told["signatures_missing"] == [MANAGER]
    assert out.stat().st_mode & 0o077 == 0


def test_a_countersigner_sees_what_is_signed(
    partnership: Partnership, sealed: Path, tmp_path: Path
) -> None:
    """Before the signature is confirmed the whole message is shown."""
    shown = RUNNER.invoke(
        app,
        ["countersign", str(sealed), "--as", MANAGER, "--out", str(tmp_path / "y.json"),
         "--dir", str(partnership.folder)],
    )  # fmt: skip
    assert "consent_override" in shown.stdout
    assert "seeking_increases_risk" in shown.stdout
    assert "Hafsa overheard" in shown.stdout


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        ("demo.hilltop-school.ken-liddle", "countersign.not-named"),
        (TEACHER, "countersign.not-named"),
        ("demo.hilltop-school.nobody", "countersign.not-named"),
    ],
)
def test_nobody_countersigns_who_is_not_named(
    partnership: Partnership, sealed: Path, tmp_path: Path, signer: str, code: str
) -> None:
    """The set of signers is fixed when the author seals."""
    out = tmp_path / "z.json"
    told = run(partnership, "countersign", sealed, "--as", signer, "--out", out, code=1)
    assert told["error"]["code"] == code
    assert not out.exists()


def test_nobody_signs_twice(partnership: Partnership, sealed: Path) -> None:
    """A second signature of the same person is refused and the file stays as it is."""
    run(partnership, "countersign", sealed, "--as", MANAGER, "--out", sealed)
    before = sealed.read_bytes()
    told = run(partnership, "countersign", sealed, "--as", MANAGER, "--out", sealed, code=1)
    assert told["error"]["code"] == "countersign.twice"
    assert sealed.read_bytes() == before


def test_a_changed_word_is_noticed(partnership: Partnership, sealed: Path) -> None:
    """A disclosure that is not the one sealed does not verify; nor does a changed payload."""
    run(partnership, "countersign", sealed, "--as", MANAGER, "--out", sealed)
    file = json.loads(sealed.read_bytes())
    header = file["signatures"][0]["header"]
    header["disclosures"] = header["disclosures"][1:]
    sealed.write_text(json.dumps(file))
    told = run(partnership, "verify", sealed, code=1)
    assert "statements.missing" in json.dumps(told)

    file["payload"] = "e30" + file["payload"][3:]
    sealed.write_text(json.dumps(file))
    assert run(partnership, "verify", sealed, code=1)


def test_verifying_needs_no_folder_of_state(
    partnership: Partnership, sealed: Path, tmp_path: Path
) -> None:
    """Directory and root key are enough; another root, or a changed directory, proves nothing."""
    run(partnership, "countersign", sealed, "--as", MANAGER, "--out", sealed)
    directory = tmp_path / "directory.jws"
    directory.write_bytes(partnership.directory_path.read_bytes())

    def verify(root: str) -> tuple[int, dict[str, Any]]:
        words = ["verify", str(sealed), "--directory", str(directory), "--root", root, "--json"]
        done = RUNNER.invoke(app, [*words, "--dir", str(tmp_path / "nowhere")])
        return done.exit_code, json.loads(done.stdout)

    assert verify(partnership.root_x)[0] == 0
    code, told = verify(PrivateKey.generate().x)
    assert (code, told["error"]["code"]) == (1, "directory.untrusted")
    code, told = verify("not a key")
    assert (code, told["error"]["code"]) == (1, "verify.bad-root")
    changed = json.loads(directory.read_bytes())
    changed["payload"] = "e30"
    directory.write_text(json.dumps(changed))
    assert verify(partnership.root_x)[1]["error"]["code"] == "directory.untrusted"


def test_verifying_without_a_folder_of_state_says_what_to_name(
    partnership: Partnership, sealed: Path, tmp_path: Path
) -> None:
    """With the directory alone, the remedy names the root key's option."""
    arguments = ["verify", str(sealed), "--directory", str(partnership.directory_path)]
    done = RUNNER.invoke(app, [*arguments, "--dir", str(tmp_path / "none"), "--json"])
    assert done.exit_code == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "partnership.missing"
    assert "--root" in error["remedy"]


def test_an_old_file_still_proves_who_signed_it(partnership: Partnership, sealed: Path) -> None:
    """Age is judged at the instant asked for; the proof says what would be refused today."""
    run(partnership, "countersign", sealed, "--as", MANAGER, "--out", sealed)
    later = (datetime.now(UTC) + timedelta(days=40)).strftime("%Y-%m-%dT%H:%M:%S")
    told = run(partnership, "verify", sealed, "--at", later, code=1)
    assert [r["code"] for r in told["reasons"]] == ["seal.too-old"]
    assert run(partnership, "verify", sealed)["notes"] == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{}", "verify.unknown-file"),
        (b"\x00\xff", "verify.unknown-file"),
        (b'{"payload": "x", "signatures": [{}]}', "seal.unreadable"),
    ],
)
def test_what_is_neither_seal_nor_receipt_is_told(
    partnership: Partnership, tmp_path: Path, content: bytes, code: str
) -> None:
    """Any other file is an error with a remedy."""
    file = tmp_path / "file"
    file.write_bytes(content)
    assert run(partnership, "verify", file, code=1)["error"]["code"] == code


def test_a_document_cannot_be_countersigned_nor_a_seal_sealed(
    partnership: Partnership, sealed: Path, tmp_path: Path
) -> None:
    """Each command says which file it wants."""
    out = tmp_path / "o.json"
    told = run(partnership, "countersign", OVERRIDE, "--as", MANAGER, "--out", out, code=1)
    assert told["error"]["code"] == "seal.unreadable"
    told = run(partnership, "seal", sealed, "--as", TEACHER, "--out", out, code=1)
    assert told["error"]["code"] == "document.sealed"
