# SPDX-License-Identifier: Apache-2.0
"""The running system, told of what was installed: users made, units and rules read again.

Only where the installation goes to `/`: below another root nothing but files is touched, and an image's own start does the rest
(systemd-sysusers.service, systemd-tmpfiles-setup.service).

Does not know: which files there are, beyond those that a command must name.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pcipt_agent.errors import HostError
from pcipt_agent.installing.artifacts import CONFIGURATION, STATE, SYSUSERS, SYSUSERS_LIBVIRT, TMPFILES, UNITS
from pcipt_agent.installing.plan import Action, Step, host_path

Command = tuple[str, ...]

UNITS_RUN: Final = ("pcipt-agent.service", "pcipt-devices.service")
_SECONDS: Final = 120
_LIBRARY: Final = re.compile(r"libsystemd-shared-(\d+)")
_LIBRARY_PLACES: Final = ("usr/lib/systemd", "usr/lib64/systemd", "usr/lib/*/systemd")


def systemd_version(root: Path) -> int | None:
    """Told by the name of its library, so that it can be told of a system that does not run."""
    found = [
        int(match[1])
        for place in _LIBRARY_PLACES
        for path in root.glob(f"{place}/libsystemd-shared-*.so")
        if (match := _LIBRARY.match(path.name))
    ]
    return max(found, default=None)


def has_group(root: Path, name: str) -> bool:
    return _is_listed(root / "etc/group", name)


def hidden_from_user(programs: Path) -> str | None:
    """Why the agent's own user could not run the programs; None where it can."""
    if any(programs.is_relative_to(hidden) for hidden in ("/tmp", "/var/tmp")):
        return f"{programs} is not seen by the unit, which has a /tmp of its own"
    for path in (programs, *programs.parents):
        if not path.stat().st_mode & 0o001:
            return f"{path} is closed to the agent's user"
    return None


def after_install(root: Path) -> Iterator[Command]:
    """What makes it known, in order; what is not running is not told."""
    members = [SYSUSERS_LIBVIRT] if host_path(root, SYSUSERS_LIBVIRT).exists() else []
    yield ("systemd-sysusers", SYSUSERS, *members)
    yield ("systemd-tmpfiles", "--create", TMPFILES)
    yield from _told_again(root)


def before_uninstall(root: Path) -> Iterator[Command]:
    """systemctl stops at the first unit that somebody has removed already, so it is told of none of those."""
    units = [unit for unit in UNITS_RUN if host_path(root, f"{UNITS}/{unit}").exists()]
    if units and _systemd_runs(root):
        yield ("systemctl", "disable", "--now", *units)


def after_uninstall(root: Path, *, purge: bool) -> Iterator[Command]:
    yield from _told_again(root)
    if purge and _is_listed(root / "etc/passwd", "pcipt"):
        yield ("userdel", "pcipt")


def purged(root: Path, *, dry_run: bool) -> Iterator[Step]:
    """The configuration and the journal, removed."""
    for target in (CONFIGURATION, STATE):
        path = host_path(root, target)
        if path.is_dir() and not path.is_symlink():
            if not dry_run:
                shutil.rmtree(path)
            yield Step(Action.REMOVED, target, "with all that was in it")


def run(command: Sequence[str]) -> Step:
    """Runs it. Raises HostError with what it said where it fails."""
    try:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(" ".join(command), f"{error}; what was done so far stays: mend this, and run the same again") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise HostError(" ".join(command), f"{said}; what was done so far stays: mend this, and run the same again")
    return Step(Action.RAN, " ".join(command))


def is_root() -> bool:
    return os.geteuid() == 0


def _is_listed(file: Path, name: str) -> bool:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith(f"{name}:") for line in text.splitlines())


def _told_again(root: Path) -> Iterator[Command]:
    if _systemd_runs(root):
        yield ("systemctl", "daemon-reload")
    if (root / "run/udev/control").exists():
        yield ("udevadm", "control", "--reload")


def _systemd_runs(root: Path) -> bool:
    """As sd_booted(3) tells it."""
    return (root / "run/systemd/system").is_dir()
