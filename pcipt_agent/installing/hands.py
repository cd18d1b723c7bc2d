# SPDX-License-Identifier: Apache-2.0
"""Hands: does to the host's files what was planned, each file whole or not at all.

A run that is cut off is finished by the next: what is already as it must be is found unchanged, and the manifest is written last.

Does not know: why a step is taken.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import assert_never

from pcipt_agent.errors import HostError
from pcipt_agent.installing.artifacts import Artifact
from pcipt_agent.installing.manifest import PLACE, Manifest, digest, manifest_text
from pcipt_agent.installing.plan import Action, Step, aside, content_at, host_path, offers


class Hands:
    """One installation or removal below `root`."""

    def __init__(self, root: Path, before: Manifest) -> None:
        self._root = root
        self._before = before
        self._made: set[str] = set(before.directories)

    def install(self, steps: Sequence[Step], wanted: Sequence[Artifact]) -> None:
        """All steps, then the manifest. Raises HostError at the first file that can't be written."""
        for step in steps:
            self._do(step)
        self._make_directory(host_path(self._root, PLACE).parent)
        digests = {artifact.target: digest(artifact.content) for artifact in wanted}
        self._write(Artifact(PLACE, manifest_text(Manifest(digests, tuple(self._made)))))

    def uninstall(self, steps: Sequence[Step]) -> None:
        """All steps, then the manifest's own removal, and of directories that we made and that are empty now."""
        for step in steps:
            self._do(step)
            self._withdraw(step.target)
        self._remove(PLACE)
        for directory in sorted(self._made, key=len, reverse=True):
            path = host_path(self._root, directory)
            with suppress(OSError):  # it is not empty, or not there, or a link now: others have it
                path.rmdir()

    def _do(self, step: Step) -> None:
        match step.action:
            case Action.INSTALLED | Action.UPGRADED:
                self._place(step)
            case Action.REPLACED:
                self._put_aside(step.target)
                self._place(step)
            case Action.OFFERED:
                assert step.artifact is not None
                self._write(Artifact(f"{step.target}.new", step.artifact.content))
            case Action.REMOVED:
                self._remove(step.target)
                self._withdraw(step.target)
            case Action.UNCHANGED:
                self._withdraw(step.target)
            case Action.KEPT | Action.RAN:
                pass
            case _:
                assert_never(step.action)

    def _put_aside(self, target: str) -> None:
        path, beside = host_path(self._root, target), host_path(self._root, aside(self._root, target))
        try:
            path.rename(beside)
        except OSError as error:
            raise _stopped(path, error) from error

    def _place(self, step: Step) -> None:
        assert step.artifact is not None
        self._write(step.artifact)
        self._withdraw(step.target)

    def _withdraw(self, target: str) -> None:
        """What we offered beside it is settled, unless somebody edited that."""
        for offer in offers(self._root, [target]):
            if digest(content_at(self._root, offer) or b"") == self._before.digests.get(target):
                self._remove(offer)

    def _write(self, artifact: Artifact) -> None:
        path = host_path(self._root, artifact.target)
        fresh = path.with_name(f".{path.name}.pcipt")
        try:
            self._make_directory(path.parent)
            fresh.unlink(missing_ok=True)
            if artifact.is_link:
                fresh.symlink_to(artifact.content.decode())
            else:
                _write_whole(fresh, artifact.content, mode=_mode(artifact))
            fresh.rename(path)
        except OSError as error:
            raise _stopped(path, error) from error

    def _make_directory(self, directory: Path) -> None:
        if not directory.is_dir():
            self._make_directory(directory.parent)
            try:
                directory.mkdir(mode=0o755)
            except OSError as error:
                raise _stopped(directory, error) from error
            self._made.add(f"/{directory.relative_to(self._root)}")

    def _remove(self, target: str) -> None:
        path = host_path(self._root, target)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _stopped(path, error) from error


def _stopped(path: Path, error: OSError) -> HostError:
    return HostError(str(path), f"{error.strerror or error}; what was done so far stays, and the same command goes on")


def _mode(artifact: Artifact) -> int:
    """The agent's configuration may hold passwords; systemd-tmpfiles gives it to the agent's group."""
    return 0o640 if artifact.target.startswith("/etc/pcipt-agent/") else 0o644


def _write_whole(path: Path, content: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)
        file.flush()
        os.fsync(descriptor)
