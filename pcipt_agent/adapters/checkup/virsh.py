# SPDX-License-Identifier: Apache-2.0
"""libvirt asked once, through virsh.

The agent itself talks to libvirt by its library (`adapters.hypervisor`). A check-up asks virsh instead: it needs no Python package,
a person can type the same, and a libvirt that hangs costs a child process that is killed and not this one.

Does not know: what is made of the answer (`core.agreement`).
Source: virsh(1), version.
"""

from typing import Final, assert_never

from pcipt_agent.adapters.checkup.programs import Failed, NotThere, run
from pcipt_agent.core.agreement import Libvirt, NoLibvirt
from pcipt_agent.core.diagnosis import Unseen
from pcipt_agent.core.floors import Version, parse_version

_DAEMON: Final = "Running against daemon: "
_HYPERVISOR: Final = "Running hypervisor: QEMU "
_INSTALL: Final = "apt-get install libvirt-clients || dnf install libvirt-client"


def ask_libvirt(uri: str, programme: str = "virsh") -> Libvirt | NoLibvirt | Unseen:
    """Versions of the libvirt at `uri`."""
    answer = run([programme, "--quiet", "--connect", uri, "version", "--daemon"])
    match answer:
        case NotThere(why):
            return Unseen(f"libvirt was not asked: {why}", _INSTALL)
        case Failed(why):
            return NoLibvirt(uri, why)
        case str():
            return Libvirt(uri, version=_said(answer, _DAEMON), qemu=_said(answer, _HYPERVISOR))
        case _:
            assert_never(answer)


def _said(text: str, label: str) -> Version | Unseen:
    found = (parse_version(line.removeprefix(label)) for line in text.splitlines() if line.startswith(label))
    return next((version for version in found if version is not None), Unseen("virsh does not say it"))
