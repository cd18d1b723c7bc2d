# SPDX-License-Identifier: Apache-2.0
"""Aliases against one host: which can get nothing here, and which would have got more in nova.

Nothing is refused for it: aliases are the same on every host, and the devices are not.

Does not know: the option's text, claims.
Source: admin guide, `[pci] alias`; "PCI tracking in Placement" on physical_network.
"""

from collections.abc import Iterable

from pcipt_agent.core.alias import Alias
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, lowest, set_of
from pcipt_agent.errors import Notice

OPTION = "[pci] alias"


def alias_notices(catalogue: Catalogue) -> Iterable[Notice]:
    """In the order of the names' first entries."""
    on_a_network = _on_a_network(catalogue)
    for alias in catalogue.rules.aliases.values():
        fitting = catalogue.fitting(alias.alternatives)
        own = fitting & catalogue.by_type.get(alias.device_type, EMPTY)
        yield from _of_other_types(alias, fitting, own, catalogue)
        if own & on_a_network:
            yield _network(alias, own & on_a_network, catalogue)


def _of_other_types(alias: Alias, fitting: DeviceSet, own: DeviceSet, catalogue: Catalogue) -> Iterable[Notice]:
    """What the ids fit and the device type does not."""
    others = {
        device_type: fitting & catalogue.by_type.get(device_type, EMPTY)
        for device_type in (DeviceType.PCI, DeviceType.PF, DeviceType.VF)
        if device_type is not alias.device_type
    }
    there = {device_type: devices for device_type, devices in others.items() if devices}
    if not own and not there:
        yield _notice(alias, "fits no assignable device of this host", "a device_spec that lists such a device, if one is here")
    elif there and (not own or alias.type_omitted):
        counts = ", ".join(f"{devices.bit_count()} of {device_type}" for device_type, devices in there.items())
        said = "names no device_type, which means type-PCI" if alias.type_omitted else f"says {alias.device_type}"
        right = " or ".join(f'"device_type": "{device_type}"' for device_type in there)
        yield _notice(alias, f"{said}: it fits {own.bit_count()} here, and would fit {counts}", right)


def _on_a_network(catalogue: Catalogue) -> DeviceSet:
    return set_of(index for index, spec in enumerate(catalogue.spec_of) if spec is not None and spec.tags.physical_network)


def _network(alias: Alias, devices: DeviceSet, catalogue: Catalogue) -> Notice:
    first = lowest(devices)
    spec = catalogue.spec_of[first]
    network = "" if spec is None else spec.tags.physical_network
    address = catalogue.devices[first].address
    never = catalogue.rules.report_in_placement
    what = "never gets" if never else "may take"
    problem = f"{what} {devices.bit_count()} devices that are for ports ({address} is of physical_network {network})"
    return _notice(alias, problem, "an alias or a device_spec that keeps the two apart, such as by resource_class")


def _notice(alias: Alias, problem: str, remedy: str) -> Notice:
    return Notice(OPTION, None, "name", f'alias "{alias.name}" {problem}', remedy)
