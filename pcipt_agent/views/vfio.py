# SPDX-License-Identifier: Apache-2.0
"""Which drivers register their functions with vfio: vfio-pci, the kernel's variant drivers, vendors' own drivers.

Such a function can be given to a guest as it is. Since Linux 6.1 the vfio core shows it under the function itself. Before that a
variant driver is known by the alias that its module must have to be found for a function (PCI_DRIVER_OVERRIDE_DEVICE_VFIO, since
Linux 5.15), which depmod writes into modules.alias.

Does not know: where the files are, which driver is bound to what.
Source: drivers/vfio/vfio_main.c (class vfio-dev), include/linux/mod_devicetable.h, scripts/mod/file2alias.c.
"""

import re

_ALIAS = re.compile(rb"^alias[ \t]+vfio_pci:\S+[ \t]+(\S+)", re.MULTILINE)


def vfio_modules_in(modules_alias: bytes) -> frozenset[str]:
    """The modules that have an alias for vfio, as sysfs writes their names: with `_` for `-`."""
    return frozenset(name.decode(errors="replace").replace("-", "_") for name in _ALIAS.findall(modules_alias))


def registers_with_vfio(driver: str | None, driver_module: str | None, *, has_vfio_dev: bool, vfio_modules: frozenset[str]) -> bool:
    """Whether the bound driver has registered the function with vfio, or is one that does."""
    if driver is None:
        return False
    return has_vfio_dev or driver == "vfio-pci" or driver_module in vfio_modules
