# SPDX-License-Identifier: Apache-2.0
"""An NVMe disk's VFs, given what a driver needs of them, as an operator does with nvme-cli.

A VF has neither queues nor interrupts and is offline until its PF's controller says otherwise. The card keeps that, not the kernel:
a guest's reset of the VF leaves it, one of the PF's controller puts all VFs offline.

Does not know: who gets a VF.
Source: NVM Express Base Specification 2.0, 5.25 (Virtualization Management), 8.20 (Virtualization Enhancements).
"""

from tests.lab.hardware import VF_INTERRUPTS, VF_QUEUES
from tests.lab.host import LabHost

_PRIMARY = """
nvme=/dev/$(ls /sys/bus/pci/devices/{pf}/nvme)
nvme virt-mgmt $nvme --cntlid=0 --act=1 --rt=0 --nr=0
nvme virt-mgmt $nvme --cntlid=0 --act=1 --rt=1 --nr=0
nvme reset $nvme
"""
"""The PF lets go what it has beyond its own, which counts from its reset on."""
_SECONDARY = f"""
nvme virt-mgmt $nvme --cntlid={{number}} --act=8 --rt=0 --nr={VF_QUEUES}
nvme virt-mgmt $nvme --cntlid={{number}} --act=8 --rt=1 --nr={VF_INTERRUPTS}
nvme virt-mgmt $nvme --cntlid={{number}} --act=9 --rt=0 --nr=0
"""


def bring_vfs_online(host: LabHost, card: str) -> None:
    """All VFs of the card can be driven."""
    vfs = range(1, len(host.vfs(card)) + 1)
    host.shell(_PRIMARY.format(pf=host.address(card)) + "".join(_SECONDARY.format(number=number) for number in vfs))
