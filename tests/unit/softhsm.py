"""Tokens of SoftHSM: `handrail` and `other`, empty, with the same PIN."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest
from pydantic import SecretStr

from services.runtime import tokens
from services.runtime.tokens import TokenSettings

MODULES = ("/usr/lib/softhsm", "/usr/lib64", "/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")
PIN = "4711"


def softhsm() -> Path | None:
    """Return where SoftHSM's library is on this machine, or None."""
    for folder in map(Path, MODULES):
        if folder.is_dir():
            found = sorted(folder.rglob("libsofthsm2.so"))
            if found:
                return found[0]
    return None


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenSettings]:
    """Give one of two initialised tokens of SoftHSM, or skip the test where there is none."""
    module, program = softhsm(), shutil.which("softhsm2-util")
    if module is None or program is None:
        pytest.skip("no SoftHSM on this machine (Debian: softhsm2)")
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        for label in ("handrail", "other"):
            given = ["--label", label, "--pin", PIN, "--so-pin", "0815"]
            made = [program, "--init-token", "--free", *given]
            subprocess.run(made, check=True, capture_output=True)
        yield TokenSettings(module, "handrail", SecretStr(PIN))
        # The module reads its configuration once; whoever takes it next has tokens of their own.
        tokens._TOKENS.clear()
        pkcs11.lib(str(module)).finalize()
