# SPDX-License-Identifier: Apache-2.0
"""A virtio VF as a vDPA device, made by the shipped unit for one function, from a section of devices.conf.

Debian's kernel has no vp_vdpa: the lab builds it (`modules`).

Does not know: rules, guests.
"""

from tests.lab.host import LabHost
from tests.lab.installed import DEVICES

DRIVER = "vp-vdpa"
_UNBIND = "echo > {device}/driver_override; [ ! -e {device}/driver ] || echo {address} > {device}/driver/unbind"


def as_vdpa(host: LabHost, address: str, name: str) -> None:
    """The VF has the vDPA device of that name; putting the host back as it was ends it."""
    device = f"/sys/bus/pci/devices/{address}"
    host.shell(_UNBIND.format(device=device, address=address))
    host.write(DEVICES, f"{host.read(DEVICES)}\n[{address}]\ndriver = {DRIVER}\nvdpa = {name}\n")
    host.run("systemctl", "start", f"pcipt-devices@{address}.service")
