# SPDX-License-Identifier: Apache-2.0
"""A sighting: all that has been read of a host, unparsed; and what each function's device is, by it.

Two sightings that are equal mean the same Host. What a function is depends on more than its own directory: its PF says its VF
number and its serial number, the vdpa bus which devices are over it, /proc whether the host itself uses it. That is its `Kin`.

Does not know: how anything is read, what the texts mean (`views.kernel`).
"""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from pcipt_agent.adapters.sysfs.vpd import Vpd
from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.device import HostUse
from pcipt_agent.views.kernel import Kin, RawFunction, RawVdpa, vf_numbers
from pcipt_agent.views.vpd import Serial

_NO_VPD = Serial(None, None)


class Sighting(NamedTuple):
    """Everything but the NUMA nodes and the boot is by name of function."""

    boot_id: str
    cpulists: Mapping[int, bytes]
    functions: dict[str, RawFunction]
    """The reader changes its own in place: a copy of thousands costs as much as a look at a few."""
    vdpa: Mapping[str, tuple[RawVdpa, ...]]
    """Of those that a vDPA device is over."""
    vpd: Mapping[str, Vpd]
    """Of those that have it and are no VF."""
    host_uses: Mapping[str, tuple[HostUse, ...]]
    """Of those that the host uses."""
    vfio_modules: frozenset[str]

    def parent_of(self, name: str) -> str | None:
        """What the function's `physfn` leads to."""
        raw = self.functions.get(name)
        return None if raw is None else raw.physfn

    def vfs_of(self, name: str) -> frozenset[str]:
        """Where the function's virtfnN links lead."""
        raw = self.functions.get(name)
        return frozenset() if raw is None else frozenset(vf for _, vf in raw.virtfns if vf is not None)


NOTHING = Sighting("", {}, {}, {}, {}, {}, frozenset())
"""Before the first look."""


@lru_cache(maxsize=2**16)
def address_of(name: str) -> PciAddress | None:
    """The function's address; None where the name is none as the kernel writes it (an upper-case digit, a wider domain)."""
    address = parse_address(name)
    return address if str(address) == name else None


def kins(now: Sighting, names: Collection[str]) -> Iterator[tuple[PciAddress, str, Kin]]:
    """Address, name and kin of each function of these that is on the host and has an address; linear in the names and their PFs."""
    parents = {parent for parent in map(now.parent_of, names) if parent is not None}
    numbers = vf_numbers({parent: now.functions[parent] for parent in parents if parent in now.functions})
    for name in names:
        address = address_of(name)
        if address is not None and name in now.functions:
            yield address, name, _kin(now, name, numbers)


def _kin(now: Sighting, name: str, numbers: Mapping[tuple[str, str | None], int]) -> Kin:
    pf, vdpa, uses = now.functions[name].physfn, now.vdpa.get(name, ()), now.host_uses.get(name, ())
    vpd = now.vpd.get(pf or name)
    serial = _NO_VPD if vpd is None else vpd.serial
    if pf is None:
        return Kin(None, False, None, serial, vdpa, uses, now.vfio_modules)
    # Only a PF has VFs: a `physfn` that leads to a VF, or back to the function itself, leads to no PF.
    pf_here = pf in now.functions and now.functions[pf].physfn is None and address_of(pf) is not None
    return Kin(address_of(pf) or parse_address(pf), pf_here, numbers.get((pf, name)), serial, vdpa, uses, now.vfio_modules)
