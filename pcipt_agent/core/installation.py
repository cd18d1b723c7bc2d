# SPDX-License-Identifier: Apache-2.0
"""Whether the agent is installed so that it can work: its unit, its user, what that user may read, where it keeps its state.

Rights are judged by owner, group and mode; an access list that says otherwise is not seen.

Does not know: systemd, the user database, files.
Source: systemd/pcipt-agent.service; https://libvirt.org/auth.html (group libvirt); path_resolution(7).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Final

from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict, ok, unknown

UNIT: Final = "pcipt-agent.service"
USER: Final = "pcipt"
INSTALL: Final = "pcipt install"
_CONFIGURATION: Final = "/etc/pcipt-agent"
_FAR_OR_FLEETING: Final = frozenset({"tmpfs", "ramfs", "nfs", "nfs4", "cifs", "smb3"})


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and the groups that it is in, its own first."""

    name: str
    uid: int
    gids: frozenset[int]
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd says of the agent's unit."""

    loaded: bool
    active: str
    """`active`, `failed`, …"""
    user: str
    capabilities: frozenset[str]
    """Ambient ones, lower case."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file or directory, with who may do what."""

    path: str
    uid: int
    gid: int
    mode: int
    """Permission bits."""
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is there of it on this machine."""

    unit: Unit | Unseen
    account: Account | None
    """None: there is no user pcipt."""
    libvirt_group: bool
    """Whether there is a group libvirt."""
    state: Place | Unseen | None
    """`[agent] state_path`; None: it is not there."""
    file_system: str | Unseen
    """Its type, of the state's directory or of where it will be."""
    socket: Place | Unseen | None
    """None: transport_url is no socket."""
    config_files: Sequence[Sequence[Place]]
    """Each with the directories above it, from the root on."""
    vpd_files: Sequence[Place]
    """Of the host's functions but VFs."""
    udev: bool | Unseen
    """Whether its daemon listens."""


def installation_findings(found: Installation) -> Iterator[Finding]:
    yield _unit(found.unit)
    yield _account(found)
    yield _state(found)
    yield _socket(found)
    yield from _config(found)
    yield from _vpd(found)
    yield _udev(found)


def may_read(account: Account, path: Sequence[Place]) -> Place | None:
    """The first of directories and file that keeps the account out; None where it can be read."""
    *directories, file = path
    for place, bit in [*((each, 1) for each in directories), (file, 4)]:
        shift = 6 if place.uid == account.uid else 3 if place.gid in account.gids else 0
        if not place.mode >> shift & bit:
            return place
    return None


def _unit(unit: Unit | Unseen) -> Finding:
    if isinstance(unit, Unseen):
        return unknown("unit", unit)
    if not unit.loaded:
        return Finding("unit", Verdict.PROBLEM, f"{UNIT} is not installed", INSTALL)
    if unit.active == "active":
        as_user = f", as {unit.user}" if unit.user else ", as root"
        if unit.user in ("", "root"):
            return Finding(
                "unit",
                Verdict.WARNING,
                f"{UNIT} is active{as_user}; nothing in it needs that",
                f"systemctl edit {UNIT}  # User={USER}",
            )
        return ok("unit", f"{UNIT} is active{as_user}")
    if unit.active == "failed":
        return Finding("unit", Verdict.PROBLEM, f"{UNIT} has failed", f"journalctl -u {UNIT} -n 30; systemctl restart {UNIT}")
    return Finding("unit", Verdict.WARNING, f"{UNIT} is {unit.active}", f"systemctl enable --now {UNIT}")


def _account(found: Installation) -> Finding:
    account = found.account
    if account is None:
        return Finding("user", Verdict.PROBLEM, f"there is no user {USER}", INSTALL)
    if found.libvirt_group and "libvirt" not in account.groups:
        seen = f"user {account.name} is not in group libvirt, so the agent can't ask which guests have devices"
        return Finding("user", Verdict.PROBLEM, seen, f"usermod -a -G libvirt {account.name} && systemctl restart {UNIT}")
    return ok("user", f"{account.name} is there, in {', '.join(sorted(account.groups))}")


def _state(found: Installation) -> Finding:
    name, state, account = "state-directory", found.state, found.account
    if isinstance(state, Unseen):
        return unknown(name, state)
    if isinstance(found.file_system, str) and found.file_system in _FAR_OR_FLEETING:
        seen = f"it is on {found.file_system}, which does not keep what was made durable"
        return Finding(name, Verdict.PROBLEM, seen, "# set [agent] state_path to a directory on a local disk")
    if state is None:
        seen = "it is not there yet; the unit makes it at the first start"
        return Finding(name, Verdict.WARNING, seen, f"systemctl start {UNIT}")
    if account is not None and state.uid != account.uid:
        mend = f"chown -R {account.name}: {quote(state.path)}"
        return Finding(name, Verdict.PROBLEM, f"{state.path} is {state.owner}'s and not {account.name}'s", mend)
    if state.mode & 0o077:
        seen = f"{state.path} has mode {state.mode:04o}: others can read or change what is promised to whom"
        return Finding(name, Verdict.PROBLEM, seen, f"chmod 0700 {quote(state.path)}")
    return ok(name, f"{state.path} is {state.owner}'s, mode {state.mode:04o}")


def _socket(found: Installation) -> Finding:
    place = found.socket
    if isinstance(place, Unseen):
        return unknown("socket", place)
    if place is None:
        return ok("socket", "none: the agent is reached over a broker")
    if place.mode & 0o002:
        seen = f"{place.path} has mode {place.mode:04o}: everybody on this host may claim and free"
        return Finding("socket", Verdict.PROBLEM, seen, f"systemctl restart {UNIT}")
    return ok("socket", f"{place.path} is {place.owner}'s, mode {place.mode:04o}")


def _config(found: Installation) -> Iterator[Finding]:
    account = found.account
    if account is None:
        return
    for path in found.config_files:
        closed = may_read(account, path)
        file = path[-1]
        if closed is not None:
            seen = f"{account.name} may not read {file.path}: {closed.path} is {closed.owner}'s, mode {closed.mode:04o}"
            yield Finding("config-files", Verdict.PROBLEM, seen, _opened(closed, account, right="g+r" if closed is file else "g+x"))
        else:
            yield ok("config-files", f"{account.name} may read {file.path}")


def _opened(closed: Place, account: Account, right: str) -> str:
    """A directory that is not ours is somebody's own (/root, a home), and not to be opened for one file in it."""
    if right == "g+x" and closed.path != _CONFIGURATION:
        return f"# move the file to {_CONFIGURATION}, and name it there to the agent"
    return f"chgrp {account.name} {quote(closed.path)} && chmod {right} {quote(closed.path)}"


def _vpd(found: Installation) -> Iterator[Finding]:
    unit, account = found.unit, found.account
    if not found.vpd_files or account is None:
        return
    if isinstance(unit, Unit) and "cap_dac_read_search" in unit.capabilities:
        yield ok("vpd", f"the unit has CAP_DAC_READ_SEARCH, so the agent may read all of {len(found.vpd_files)} vpd files")
        return
    closed = [each for each in found.vpd_files if may_read(account, [each]) is not None]
    if closed:
        seen = f"{account.name} may not read {_some(closed)}: those serial numbers, which remote_managed needs, are not known"
        yield Finding("vpd", Verdict.WARNING, seen, f"{INSTALL} && udevadm trigger --action=add --subsystem-match=pci")
    else:
        yield ok("vpd", f"{account.name} may read all of {len(found.vpd_files)} vpd files")


def _some(places: Sequence[Place]) -> str:
    first = places[0].path
    return first if len(places) == 1 else f"{first} (and {len(places) - 1} more)"


def _udev(found: Installation) -> Finding:
    match found.udev:
        case Unseen() as unseen:
            return unknown("udev", unseen)
        case True:
            return ok("udev", "its daemon listens, so a change of devices is seen at once")
        case False:
            seen = "its daemon does not run: a change of devices is seen at the next [agent] rescan_interval only"
            return Finding("udev", Verdict.WARNING, seen, "systemctl start systemd-udevd.service")
