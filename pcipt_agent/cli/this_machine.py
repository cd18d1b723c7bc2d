# SPDX-License-Identifier: Apache-2.0
"""The machine that `pcipt doctor` runs on: its installation of the agent, libvirt, the journal, and what the agent says.

All are asked at the same time, so the slowest decides how long it takes.

Does not know: what the facts mean (`core.installation`, `core.agreement`).
"""

import os
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from oslo_config import cfg

from pcipt_agent.adapters.checkup import installation as places
from pcipt_agent.adapters.checkup.virsh import ask_libvirt
from pcipt_agent.adapters.hypervisor.connection import not_installed
from pcipt_agent.adapters.journal.checking import verify_history
from pcipt_agent.adapters.journal.files import JournalFiles
from pcipt_agent.cli.agent import NotReachable, ask
from pcipt_agent.cli.configuration import default_settings, settings, sources_of
from pcipt_agent.cli.payloads import Call
from pcipt_agent.cli.within import Gathering
from pcipt_agent.conf.libvirt_opts import DEFAULT_CONNECTION_URI
from pcipt_agent.conf.settings import Settings
from pcipt_agent.conf.sources import read_sources
from pcipt_agent.core.agreement import Agent, Attention, DamagedJournal, Journal, Libvirt, NoLibrary, NoLibvirt
from pcipt_agent.core.diagnosis import Unseen
from pcipt_agent.core.floors import Version, parse_version
from pcipt_agent.core.host import Host
from pcipt_agent.core.installation import UNIT, Installation, Place
from pcipt_agent.errors import ConfigError, JournalError
from pcipt_agent.views.text import shown
from pcipt_agent.views.wire_status import StatusReply

_SECONDS: Final = 15.0
"""For each fact; programs and calls have limits of their own, which are shorter."""
_TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was found."""

    installation: Installation | Unseen
    library: NoLibrary | None
    """libvirt's, for Python; None where it is there."""
    libvirt: Libvirt | NoLibvirt | Unseen
    journal: Journal | DamagedJournal | Unseen | None
    agent: Agent | Unseen


def examine(command: Namespace, host: Host | Unseen) -> Machine:
    """This machine, by the configuration that the command line names; as it would be by default where that can't be read."""
    try:
        found = settings(command, cfg.ConfigOpts())
    except ConfigError:  # a finding of its own
        found = default_settings()
    url = command.transport_url or found.transport_url
    installation = Gathering(lambda: _installation(command, found, host, url=url))
    libvirt = Gathering(lambda: _libvirt(found))
    journal = Gathering(lambda: read_journal(JournalFiles(found.state_path)))
    agent = Gathering(lambda: _agent(command))
    return Machine(
        installation=installation.within(_SECONDS),
        library=_library(),
        libvirt=libvirt.within(_SECONDS),
        journal=journal.within(_SECONDS),
        agent=agent.within(_SECONDS),
    )


def read_journal(files: JournalFiles) -> Journal | DamagedJournal | Unseen | None:
    """What a replay of it comes to, also while the agent writes it; nothing is changed. None: there is none.

    The files are read one after another, so only what was read while none of them changed is taken for damage.
    """
    readable = os.access(files.directory, os.R_OK | os.X_OK)
    if files.directory.exists() and not readable:
        return Unseen(f"{files.directory} may not be read by this user", "sudo pcipt doctor")
    for _ in range(_TRIES):
        if not readable or not files.exist():
            return None
        before = _stamps(files)
        try:
            replayed = files.replayed()
        except JournalError as error:
            if before == _stamps(files):
                return DamagedJournal(error.path, error.problem, error.way_out)
        else:
            return Journal(str(files.database), replayed.tail.count, len(replayed.book.claims), verify_history(files.directory))
    return Unseen(f"{files.database} was written each time while it was read", "pcipt doctor")


def _libvirt(found: Settings) -> Libvirt | NoLibvirt | Unseen:
    """The one that the agent asks; as it does, this machine's is not asked about another host."""
    if found.host_root.resolve() != Path("/") and found.connection_uri == DEFAULT_CONNECTION_URI:
        return Unseen(f"[agent] host_root is {found.host_root}, and no [libvirt] connection_uri says whose libvirt is that host's")
    return ask_libvirt(found.connection_uri)


def _library() -> NoLibrary | None:
    why = not_installed()
    return None if why is None else NoLibrary(why, sys.executable)


def _stamps(files: JournalFiles) -> list[tuple[int, int] | None]:
    """When each was last written, and its size."""
    stamps: list[tuple[int, int] | None] = []
    for path in (files.database, files.log):
        try:
            status = path.stat()
            stamps.append((status.st_mtime_ns, status.st_size))
        except FileNotFoundError:
            stamps.append(None)
    return stamps


def _installation(command: Namespace, found: Settings, host: Host | Unseen, *, url: str) -> Installation:
    root, account = Path("/"), places.account_of()
    functions = [] if isinstance(host, Unseen) else [each.address for each in host.devices.values() if each.parent is None]
    return Installation(
        unit=places.ask_unit(),
        account=account,
        libvirt_group=places.has_group("libvirt"),
        state=places.place_of(found.state_path),
        file_system=places.file_system_of(found.state_path, root / "proc/self/mountinfo"),
        socket=_socket(url),
        config_files=[path for path in map(places.path_of, _config_files(command)) if path],
        vpd_files=places.vpd_files(root, functions),
        udev=places.udev_listens(root),
    )


def _config_files(command: Namespace) -> list[Path]:
    """Those that are read; none where they can't be, which is a finding of its own."""
    try:
        read = read_sources(cfg.ConfigOpts(), sources_of(command))
    except ConfigError:
        return []
    return [file.path for file in (*read.own, *([read.nova_file] if read.nova_file else []))]


def _socket(url: str) -> Place | Unseen | None:
    scheme, _, path = url.partition("://")
    if scheme != "unix":
        return None
    place = places.place_of(Path(path.partition("?")[0]))
    return Unseen(f"{path} is not there, as no agent runs", f"systemctl start {UNIT}") if place is None else place


def _agent(command: Namespace) -> Agent | Unseen:
    try:
        reply = ask(command, Call("status", {}))
    except NotReachable as error:
        return Unseen(f"agent not reachable: {error}", f"systemctl start {UNIT}")
    status = cast(StatusReply, shown(reply))
    return Agent(
        version=status.agent,
        claims=status.claims.claimed + status.claims.allocated,
        libvirt=_version(status.libvirt.version),
        qemu=_version(status.libvirt.qemu_version),
        attention=tuple(Attention(each.code, each.what, each.remedy) for each in status.attention),
    )


def _version(text: str | None) -> Version | Unseen:
    return parse_version(text or "") or Unseen("the agent does not know it")
