# SPDX-License-Identifier: Apache-2.0
"""What entries list and this host keeps from guests: what the host uses itself, and what no waiting mends.

Of what the host uses each function is told by itself, because somebody may lose his network over it; of the rest one notice stands
for all devices of an entry that have the same trouble, for there may be thousands. What is settling, at fault or a bridge is seen
in the listing: no other entry would help.

Does not know: the option's text beyond what an entry carries, claims, libvirt.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.readiness import NotReady, Unready
from pcipt_agent.core.spec import DeviceSpec
from pcipt_agent.errors import Notice

OPTION = "[pci] device_spec"

_REMEDIES: Final = {
    Unready.USED_BY_HOST: "an entry that leaves it out, unless it is to serve guests once the host lets go of it",
    Unready.NO_IOMMU_GROUP: "an IOMMU that is on, in the firmware and on the kernel's command line (intel_iommu=on, amd_iommu=on)",
    Unready.GROUP_NOT_VIABLE: "an entry that lists what is in the way too, for one claim of both, or no driver bound to that",
    Unready.DRIVER: '"managed" as the driver is: "no" for one that registers with vfio, "yes" for any other',
}


def readiness_notices(catalogue: Catalogue) -> Iterable[Notice]:
    """In the order of entries, then of `Unready`."""
    grouped: dict[tuple[int, int, str], list[tuple[DeviceSpec, PciAddress, NotReady]]] = defaultdict(list)
    order = list(Unready)
    for index in indexes(catalogue.assignable):
        spec, address = catalogue.spec_of[index], catalogue.devices[index].address
        assert spec is not None, "an assignable device has its entry"
        for why in (*catalogue.not_ready(index), *catalogue.warnings(index)):
            apart = str(address) if why.reason is Unready.USED_BY_HOST else ""
            if why.reason in _REMEDIES:
                grouped[spec.entry, order.index(why.reason), apart].append((spec, address, why))
    for _, those in sorted(grouped.items(), key=lambda item: item[0]):
        spec, address, why = those[0]
        named = str(address) if len(those) == 1 else f"{address} (and {len(those) - 1} more like it)"
        yield Notice(OPTION, spec.entry, None, f"lists {named}: {why.detail}", _REMEDIES[why.reason], spec.source)
