# SPDX-License-Identifier: Apache-2.0
"""What an installation or its removal would do to each file, decided before anything is done.

An operator's file is the operator's: one in /etc that differs from what we put there stays as it is, and what we have to say since
is written beside it as `.new`; a rule that was removed by hand is not put back. A file of ours below /usr/local
that somebody edited is replaced, and theirs kept beside as `.old`. Nothing is lost either way.

Does not know: what the files are, how they are written (`installing.hands`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, count
from pathlib import Path

from pcipt_agent.errors import HostError
from pcipt_agent.installing.artifacts import Artifact
from pcipt_agent.installing.manifest import Manifest, digest


class Action(StrEnum):
    """What becomes of a file; the values are shown."""

    INSTALLED = "installed"
    UPGRADED = "upgraded"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    """The operator's own."""
    OFFERED = "offered"
    """The operator's own is kept, and ours is beside it as `.new`."""
    REPLACED = "replaced"
    """Ours is there, and what was there before is beside it as `.old`."""
    REMOVED = "removed"
    RAN = "ran"
    """A command."""


@dataclass(frozen=True, slots=True)
class Step:
    """One file, or one command."""

    action: Action
    target: str
    note: str = ""
    artifact: Artifact | None = None
    """What is written, where something is."""


def to_install(root: Path, wanted: Sequence[Artifact], before: Manifest) -> tuple[Step, ...]:
    """Step by step, in the order of targets. Reads the host. Raises HostError where something stands in the way."""
    steps = [_to_install(root, artifact, before) for artifact in wanted]
    kept = {artifact.target for artifact in wanted}
    steps += [_to_remove(root, target, before, purge=False) for target in before.digests if target not in kept]
    return tuple(sorted(steps, key=lambda step: step.target))


def to_uninstall(root: Path, before: Manifest, *, purge: bool) -> tuple[Step, ...]:
    """The removal of what was installed; `purge` removes also what was edited."""
    return tuple(_to_remove(root, target, before, purge=purge) for target in sorted(before.digests))


def offers(root: Path, targets: Sequence[str]) -> Iterator[str]:
    """What was written beside an operator's file and is there still."""
    return (f"{target}.new" for target in targets if content_at(root, f"{target}.new") is not None)


def aside(root: Path, target: str) -> str:
    """Where what is there goes, beside it; what went there before stays."""
    names = chain([f"{target}.old"], (f"{target}.old{number}" for number in count(2)))
    return next(name for name in names if content_at(root, name) is None)


def content_at(root: Path, target: str) -> bytes | None:
    """What is there: a file's content, a link's goal; None where nothing is. Raises HostError where it is neither."""
    path = host_path(root, target)
    try:
        if path.is_symlink():
            return str(path.readlink()).encode()
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(str(path), f"{error.strerror}; it is in the way of a file of pcipt-agent") from error


def host_path(root: Path, target: str) -> Path:
    """`target` below `root`. Raises HostError where a link on the way leads out of it."""
    path = root / target.lstrip("/")
    try:
        out = not path.parent.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:
        raise HostError(str(path.parent), f"can't be followed: {error}") from error
    if out:
        raise HostError(str(path.parent), f"leads out of {root}, to {path.parent.resolve()}; nothing was written")
    return path


def _to_install(root: Path, artifact: Artifact, before: Manifest) -> Step:
    here, offered = content_at(root, artifact.target), before.digests.get(artifact.target)
    if here is None:
        if offered is not None and artifact.is_optional:
            return Step(Action.KEPT, artifact.target, "removed by hand, so it stays away; pcipt uninstall forgets that")
        return Step(Action.INSTALLED, artifact.target, artifact=artifact)
    if here == artifact.content and host_path(root, artifact.target).is_symlink() == artifact.is_link:
        return Step(Action.UNCHANGED, artifact.target)
    if digest(here) == offered:
        return Step(Action.UPGRADED, artifact.target, artifact=artifact)
    if not artifact.is_configuration:
        return Step(Action.REPLACED, artifact.target, f"what was there is beside it: {aside(root, artifact.target)}", artifact)
    if digest(artifact.content) == offered:
        return Step(Action.KEPT, artifact.target, "edited")
    return Step(
        Action.OFFERED, artifact.target, f"edited, so it is kept; the new one is beside it: {artifact.target}.new", artifact
    )


def _to_remove(root: Path, target: str, before: Manifest, *, purge: bool) -> Step:
    here = content_at(root, target)
    if here is None:
        return Step(Action.UNCHANGED, target, "gone already")
    if digest(here) == before.digests[target] or purge:
        return Step(Action.REMOVED, target)
    return Step(Action.KEPT, target, "edited")
