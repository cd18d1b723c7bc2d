# SPDX-License-Identifier: Apache-2.0
"""Artifacts: the files that make a host of a machine that has the wheel, where each goes, and what it says there.

Programs' own files go below /usr/local, which systemd, udev and bash look through like /usr, and which no distribution's package
manager writes to; what an operator edits goes to /etc. The checkout's `systemd/` and `etc/` are their source, and come in the wheel
as `share/pcipt-agent`.

Does not know: what is on the host already (`installing.plan`), how files are written.
Source: systemd.unit(5), sysusers.d(5), tmpfiles.d(5), udev(7): each lists /usr/local/lib.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackagePath, distributions
from pathlib import Path
from typing import Final

import pcipt_agent
from pcipt_agent.errors import HostError

_DISTRIBUTION: Final = "pcipt-agent"
UNITS: Final = "/usr/local/lib/systemd/system"
SYSUSERS: Final = "/usr/local/lib/sysusers.d/pcipt-agent.conf"
SYSUSERS_LIBVIRT: Final = "/usr/local/lib/sysusers.d/pcipt-agent-libvirt.conf"
TMPFILES: Final = "/usr/local/lib/tmpfiles.d/pcipt-agent.conf"
CONFIGURATION: Final = "/etc/pcipt-agent"
STATE: Final = "/var/lib/pcipt-agent"

_FILES: Final = {
    "systemd/pcipt-agent.service": f"{UNITS}/pcipt-agent.service",
    "systemd/pcipt-devices.service": f"{UNITS}/pcipt-devices.service",
    "systemd/pcipt-devices@.service": f"{UNITS}/pcipt-devices@.service",
    "systemd/pcipt-agent.sysusers": SYSUSERS,
    "systemd/pcipt-agent.tmpfiles": TMPFILES,
    "systemd/60-pcipt-agent.rules": "/usr/local/lib/udev/rules.d/60-pcipt-agent.rules",
    "systemd/60-pcipt-agent.polkit.rules": "/etc/polkit-1/rules.d/60-pcipt-agent.rules",
    "etc/pcipt-agent/pcipt-agent.conf.sample": f"{CONFIGURATION}/pcipt-agent.conf",
    "etc/pcipt-agent/devices.conf.sample": f"{CONFIGURATION}/devices.conf",
    "README.rst": "/usr/local/share/doc/pcipt-agent/README.rst",
}
"""Below the shipped files → on the host."""
_LIBVIRT: Final = "systemd/pcipt-agent-libvirt.sysusers"
_OLDER_SYSTEMD: Final = "systemd/drop-ins/older-systemd.conf"
_NOTIFY_RELOAD_SINCE: Final = 253
"""The version of systemd that brought Type=notify-reload."""
_COMPLETION: Final = "/usr/local/share/bash-completion/completions/pcipt"
PROGRAMS: Final = ("pcipt", "pcipt-agent")
_WRITTEN_FOR: Final = "/usr/bin/pcipt"
"""How the shipped units name our programs (`/usr/bin/pcipt`, `/usr/bin/pcipt-agent`)."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file, or one link whose `content` is where it leads."""

    target: str
    """On the host, absolute."""
    content: bytes
    is_link: bool = False

    @property
    def is_configuration(self) -> bool:
        """Whether it is the operator's to edit."""
        return self.target.startswith("/etc/")

    @property
    def is_optional(self) -> bool:
        """Whether an operator may do without: the agent starts without a polkit rule, and not without its configuration."""
        return self.is_configuration and not self.target.startswith(f"{CONFIGURATION}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What of the host and of this installation decides which artifacts there are."""

    programs: Path
    """The directory of `pcipt` and `pcipt-agent`."""
    systemd: int | None
    """Its version; None where it is not known."""
    libvirt_group: bool
    completion: str
    """The script by which bash completes `pcipt`."""


def artifacts(shipped: Path, around: Surroundings) -> tuple[Artifact, ...]:
    """All that belongs on such a host, by target. Raises HostError where a shipped file is missing."""
    files = dict(_FILES)
    if around.libvirt_group:
        files[_LIBVIRT] = SYSUSERS_LIBVIRT
    if around.systemd is None or around.systemd < _NOTIFY_RELOAD_SINCE:
        files[_OLDER_SYSTEMD] = f"{UNITS}/pcipt-agent.service.d/50-older-systemd.conf"
    found = [Artifact(target, _with_programs(_read(shipped / source), around.programs)) for source, target in files.items()]
    found.append(Artifact(_COMPLETION, around.completion.encode()))
    for program in PROGRAMS:
        if around.programs != Path("/usr/local/bin"):
            found.append(Artifact(f"/usr/local/bin/{program}", str(around.programs / program).encode(), is_link=True))
    return tuple(sorted(found, key=lambda each: each.target))


def shipped_files() -> Path:
    """The directory of `systemd/`, `etc/` and README.rst: of the checkout that runs, or as the wheel brought them."""
    checkout = Path(pcipt_agent.__file__).parent.parent
    if (checkout / "systemd/pcipt-agent.service").is_file():
        return checkout
    for file in _files_of_this_installation():
        if file.parts[-3:] == ("pcipt-agent", "systemd", "pcipt-agent.service"):
            return Path(str(file.locate())).resolve().parent.parent
    raise HostError("share/pcipt-agent", "this installation came without its data files; install the wheel with pip")


def programs_directory() -> Path:
    """Where this installation's `pcipt-agent` is. Raises HostError where it has none, or systemd can't be told of it."""
    for file in _files_of_this_installation():
        if file.name == "pcipt-agent" and file.parent.name == "bin":
            found = Path(str(file.locate())).parent.resolve()
            if set(str(found)) & set(" \t\n%$\\\"'"):
                raise HostError(
                    str(found), "a unit can't name a program in such a directory; install to one without blanks and signs"
                )
            return found
    raise HostError("pcipt-agent", "this installation came without its programs; install the wheel with pip")


def _files_of_this_installation() -> Iterator[PackagePath]:
    """Also where the checkout's own metadata, which names no installed file, is found first."""
    for each in distributions(name=_DISTRIBUTION):
        yield from each.files or ()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HostError(str(path), f"a shipped file can't be read ({error.strerror}); install the wheel again") from error


def _with_programs(content: bytes, programs: Path) -> bytes:
    return content.replace(f"={_WRITTEN_FOR}".encode(), f"={programs}/pcipt".encode())
