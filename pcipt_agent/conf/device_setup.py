# SPDX-License-Identifier: Apache-2.0
"""devices.conf: which PCI functions are to be set up, and how. All mistakes are reported at once.

A file of its own, and not part of the agent's configuration: it is root's business at boot, the agent does none of it, and
nova's `[pci]` has no word for it.

Does not know: what is on the host, how a function is set up (`flows.setting_up`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pcipt_agent.conf.entry import did_you_mean, no_such
from pcipt_agent.conf.files import ConfigFile, read_file
from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.errors import ConfigError, Mistake

_FILE: Final = "devices.conf"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
"""Of a driver or a vDPA device: one that can be a file below /sys."""
_MOST_VFS: Final = 65535
"""NumVFs has 16 bits (PCI Express base specification, 9.3.3.7)."""
_VFS: Final = "a number from 1 to 65535, as in vfs = 8"
_MEANINGS: Final = {
    "vfs": _VFS,
    "driver": "the name of a driver, as in driver = vfio-pci",
    "vf_driver": "the name of a driver, as in vf_driver = vfio-pci",
    "vdpa": "the name of the vDPA device, as in vdpa = vdpa0",
    "vf_vdpa": "how the names of the VFs' vDPA devices begin, as in vf_vdpa = nic0-",
}
"""Option → what may be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSetUp:
    """What one function is to be; None: as it is."""

    address: PciAddress
    vfs: int | None = None
    driver: str | None = None
    vf_driver: str | None = None
    vdpa: str | None = None
    vf_vdpa: str | None = None


def read_device_setup(path: Path) -> tuple[FunctionSetUp, ...]:
    """Each function once, by address. Raises ConfigError with all mistakes; also where the file can't be read."""
    mistakes: list[Mistake] = []
    found: dict[PciAddress, FunctionSetUp] = {}
    for section, options in _read(path).sections.items():
        address = parse_address(section)
        if address is None:
            remedy = "a section named by an address, whole, as lspci -D prints it, such as [0000:3b:00.0]"
            mistakes.append(Mistake(f"[{section}]", None, None, f"is no address ({path})", remedy))
            continue
        wrong = list(_mistakes(section, options, path))
        mistakes += wrong
        if not wrong:
            given = {option: values[0].strip() for option, values in options.items()}
            vfs = given.pop("vfs", None)
            found[address] = FunctionSetUp(address=address, vfs=None if vfs is None else int(vfs), **given)
    if mistakes:
        raise ConfigError(mistakes)
    return tuple(found[address] for address in sorted(found))


def _read(path: Path) -> ConfigFile:
    try:
        return read_file(path, option=_FILE, unreadable="to be root: sudo pcipt set-up")
    except ConfigError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            remedy = "the file that pcipt install puts there, or another one by --devices-conf"
            raise ConfigError([Mistake(_FILE, None, None, f"{path}: there is no such file", remedy)]) from error.__cause__
        raise


def _mistakes(section: str, options: Mapping[str, tuple[str, ...]], path: Path) -> Iterator[Mistake]:
    for option, values in options.items():
        source = "\n".join(f"{option} = {value}" for value in values)
        problem, remedy = _problem(option, values)
        if problem:
            yield Mistake(f"[{section}] {option}", None, None, f"{problem} ({path})", remedy, source, (0, len(source)))
    for option in ("vf_driver", "vf_vdpa"):
        if option in options and "vfs" not in options:
            yield Mistake(f"[{section}] {option}", None, None, f"there are no VFs without vfs ({path})", f"beside it {_VFS}")


def _problem(option: str, values: tuple[str, ...]) -> tuple[str, str]:
    """What is wrong, empty where nothing is; what would be right."""
    if option not in _MEANINGS:
        meant = did_you_mean(option, _MEANINGS)
        return no_such("option", option, _MEANINGS), f"{meant} = …" if meant else f"one of: {', '.join(_MEANINGS)}"
    remedy = _MEANINGS[option]
    if len(values) > 1:
        return "is given more than once", f"it once: {remedy}"
    value = values[0].strip()
    if option == "vfs":
        number = int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else 0
        return ("" if 0 < number <= _MOST_VFS else "is no number of VFs"), remedy
    return ("" if _NAME.fullmatch(value) else "is no name"), remedy
