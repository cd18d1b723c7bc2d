# SPDX-License-Identifier: Apache-2.0
"""What systemd, the user database and file modes say of the agent's installation.

Does not know: what it means for the agent (`core.installation`).
Source: systemctl(1), show; proc(5), mountinfo.
"""

import grp
import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from stat import S_IMODE

from pcipt_agent.adapters.checkup import files
from pcipt_agent.adapters.checkup.programs import run
from pcipt_agent.core.diagnosis import Unseen
from pcipt_agent.core.installation import UNIT, USER, Account, Place, Unit


def ask_unit(programme: str = "systemctl") -> Unit | Unseen:
    """What systemd says of our unit."""
    said = run([programme, "show", UNIT, "--property=LoadState,ActiveState,User,AmbientCapabilities"])
    if not isinstance(said, str):
        return Unseen(f"systemd was not asked: {said.why}")
    values = dict(line.partition("=")[::2] for line in said.splitlines() if "=" in line)
    return Unit(
        loaded=values.get("LoadState") == "loaded",
        active=values.get("ActiveState", "unknown"),
        user=values.get("User", ""),
        capabilities=frozenset(values.get("AmbientCapabilities", "").lower().split()),
    )


def account_of(name: str = USER) -> Account | None:
    """The user of that name."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    gids = frozenset(os.getgrouplist(name, entry.pw_gid))
    names = {_group_name(gid) for gid in gids}
    return Account(name, entry.pw_uid, gids, frozenset(names))


def has_group(name: str) -> bool:
    return any(each.gr_name == name for each in grp.getgrall())


def place_of(path: Path) -> Place | Unseen | None:
    """Who may do what with the file or directory; None where it is not there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return files.unseen(path, error)
    return Place(str(path), found.st_uid, found.st_gid, S_IMODE(found.st_mode), _user_name(found.st_uid))


def path_of(path: Path) -> list[Place]:
    """The file, after the directories above it; those that can't be looked at are left out."""
    absolute = path.absolute()
    found = [place_of(each) for each in (*reversed(absolute.parents), absolute)]
    return [each for each in found if isinstance(each, Place)]


def file_system_of(path: Path, mountinfo: Path) -> str | Unseen:
    """The type of the file system that `path` is on, or will be."""
    text = files.text(mountinfo)
    if isinstance(text, Unseen):
        return text
    absolute, best, found = path.absolute(), -1, "unknown"
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) > 4 and rest:
            point = Path(fields[4].replace("\\040", " "))
            if absolute.is_relative_to(point) and len(point.parts) >= best:
                best, found = len(point.parts), rest[0]
    return found


def udev_listens(root: Path) -> bool | Unseen:
    """Whether udev's daemon has its control socket."""
    try:
        return (root / "run/udev/control").is_socket()
    except OSError as error:
        return files.unseen(root / "run/udev", error)


def vpd_files(root: Path, addresses: Iterable[object]) -> list[Place]:
    """Those of the functions at `addresses` that have one."""
    found = [place_of(root / f"sys/bus/pci/devices/{address}/vpd") for address in addresses]
    return [each for each in found if isinstance(each, Place)]


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"group {gid}"
