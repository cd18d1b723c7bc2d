# SPDX-License-Identifier: Apache-2.0
"""The agent in a host that runs, set up as the README says: `pcipt install`, configuration, services.

The package itself is in the image, put there by the README's command. The configuration is a good one for whatever cards the
machine has. It says addresses, which are known once the host runs. What it was at the start is kept in the host, so that it can be
put back.

Does not know: what tests do with it.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tests.lab.hardware import Machine
from tests.lab.host import LabHost

CONFIGURATION = "/etc/pcipt-agent/pcipt-agent.conf"
DEVICES = "/etc/pcipt-agent/devices.conf"
START = PurePosixPath("/var/lib/pcipt-lab")
"""In the host: what was so at the start."""

RESCAN_SECONDS = 3600
"""What is seen, is seen by the kernel's news of it."""

VFS = {"nic-nowhere": 2, "nic0": 4, "nic1": 4, "nic3": 2, "nvme2": 4, "nvme0": 4, "vnic2": 2}
"""Card → its VFs at boot."""
VF_DRIVERS = {"nic1": "vfio-pci", "nvme2": "vfio-pci", "nvme0": "vfio-pci", "vnic2": "virtio_vfio_pci"}
"""Card → the driver that the shipped unit binds to its VFs; libvirt is to leave them alone (`managed: no`)."""

_START = """
systemctl enable --quiet --now pcipt-devices.service pcipt-agent.service || {
  systemctl status --no-pager --lines 30 pcipt-devices.service pcipt-agent.service
  exit 1
}
"""

ALIASES = """\
alias = {"name": "vf", "vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF"}
alias = {"name": "pf", "vendor_id": "8086", "product_id": "10c9", "device_type": "type-PF"}
alias = {"name": "nvme-vf", "vendor_id": "1b36", "product_id": "0010", "device_type": "type-VF"}
alias = {"name": "nvme", "vendor_id": "1b36", "product_id": "0010", "device_type": "type-PCI"}
alias = {"name": "nvme-pf", "vendor_id": "1b36", "product_id": "0010", "device_type": "type-PF"}
alias = {"name": "virtio-vf", "vendor_id": "1af4", "product_id": "1041", "device_type": "type-VF"}
alias = {"name": "pair", "vendor_id": "8086", "product_id": "100e"}
"""


def install(host: LabHost) -> None:
    """The agent is ready, and the machine's VFs are there; all of it comes again at each boot."""
    host.shell("/opt/pcipt-agent/bin/pcipt install", timeout=300)
    addresses = host.addresses()
    host.write(CONFIGURATION, configuration(host.machine, addresses, host.name))
    host.write(DEVICES, devices(host.machine, addresses))
    host.shell(f"mkdir -p {START}; cp {CONFIGURATION} {DEVICES} {START}/")
    host.shell(_START, timeout=900)


def configuration(machine: Machine, addresses: Mapping[str, str], name: str) -> str:
    """The agent's, for these cards: all NICs and disks that are a guest's to have, and two of the host's own, which are not."""
    return (
        f"[DEFAULT]\nhost = {name}\n\n[agent]\nrescan_interval = {RESCAN_SECONDS}\n\n[pci]\n"
        + "".join(f"device_spec = {each}\n" for each in _specs(machine, addresses))
        + ALIASES
    )


def devices(machine: Machine, addresses: Mapping[str, str]) -> str:
    """devices.conf: VFs, and their drivers where they are not the kernel's choice."""
    return "\n".join("\n".join(lines) + "\n" for lines in _sections(machine, addresses))


def _sections(machine: Machine, addresses: Mapping[str, str]) -> Iterator[list[str]]:
    for card in machine.cards:
        if card.name in VFS:
            driver = VF_DRIVERS.get(card.name)
            yield [f"[{addresses[card.name]}]", f"vfs = {VFS[card.name]}", *([f"vf_driver = {driver}"] if driver else [])]


def _specs(machine: Machine, addresses: Mapping[str, str]) -> Iterator[str]:
    """The first that matches decides, so those of one card come first."""
    for card in machine.cards:
        if card.name in VF_DRIVERS:
            yield f'{{"address": "{addresses[card.name]}", "managed": "no"}}'
    for ids in ("8086:10ca", "8086:10c9", "1b36:0010", "8086:100e", "1af4:1000", "1af4:1001"):
        vendor, product = ids.split(":")
        yield f'{{"vendor_id": "{vendor}", "product_id": "{product}"}}'
