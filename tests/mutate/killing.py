"""Run the tests against one mutant at a time, each in a process of its own."""

import ast
import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

import pytest

from tests.mutate.sites import Mutant
from tests.mutate.targets import Target

_MODELLED: Final = 400
PATIENCE_S: Final = 240.0
"""A mutant that runs on for so long is counted as noticed: the real module ends long before."""


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Give one module from changed code instead of its file."""

    def __init__(self, module: str, path: Path, code: CodeType) -> None:
        self._module, self._path, self._code = module, path, code

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Answer for the one module."""
        if fullname != self._module:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        exec(self._code, module.__dict__)  # noqa: S102 - that is what a mutant is


def survivors(target: Target, of: Iterable[Mutant], jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant with whether every one of the target's tests passed in spite of it.

    What the target does not touch is imported once, before forking.
    """
    for name in target.ready:
        importlib.import_module(name)
    if target.module in sys.modules:
        raise RuntimeError(target.module)
    running: dict[int, tuple[Mutant, float]] = {}
    waiting = iter(of)
    while True:
        for mutant in waiting:
            running[_start(target, mutant.tree)] = (mutant, time.monotonic())
            if len(running) >= jobs:
                break
        if not running:
            return
        yield from _ended(running)


def _ended(running: dict[int, tuple[Mutant, float]]) -> Iterator[tuple[Mutant, bool]]:
    """Wait for one of those running; one that has run for too long is ended."""
    while True:
        for pid, (mutant, begun) in tuple(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            late = not done and time.monotonic() - begun > PATIENCE_S
            if late:
                os.kill(pid, signal.SIGKILL)
                _, status = os.waitpid(pid, 0)
            if done or late:
                del running[pid]
                yield mutant, os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
                return
        time.sleep(0.02)


def _start(target: Target, tree: ast.Module) -> int:
    """Start the tests in a fork, which has imported nothing of ours yet but this."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _be_quiet()
        code = compile(tree, str(target.path), "exec")
        sys.meta_path.insert(0, _Changed(target.module, target.path, code))
        if target.models:
            importlib.import_module("tests.model.driver").drive(_MODELLED)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
            arguments = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain"]
            status = int(pytest.main([*arguments, *target.tests]))
    except BaseException:  # noqa: BLE001 - a mutant that cannot even start is noticed
        status = 1
    os._exit(status)


def _be_quiet() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
