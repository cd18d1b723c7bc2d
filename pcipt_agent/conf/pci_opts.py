# SPDX-License-Identifier: Apache-2.0
"""`[pci]` and `[filter_scheduler] pci_in_placement`: nova's option names, with help of our own.

Does not know: what the values mean (`conf.specs`, `conf.aliases`).
Source: nova/conf/pci.py of nova 34 (names and deprecated names).
"""

from oslo_config import cfg

_DEVICE_SPEC_HELP = """
Which devices may be given to guests, and what is said of them.

One JSON object, or a list of them; the option may be repeated. The objects are tried in order and the first that matches a device
decides all of its tags; a device that none matches is never given away. Without the option nothing is assignable.

What an object matches by (each may be left out, and ``{}`` matches everything):

* ``vendor_id``, ``product_id``: hex ids as ``lspci -n`` shows them, or ``*``
* ``address``: a text is a glob of whole fields, ``domain:bus:slot.function``, leading fields may be left out; the exact address
  of a PF also means all of its VFs. An object with ``domain``, ``bus``, ``slot`` and ``function`` holds regular expressions, each
  anchored at its start and in lower case
* ``devname``: refused, since an interface's name may be another device's after a reboot; the error names the address

What it says of the devices (booleans: ``true``, ``false``, or nova's words ``yes``, ``no``, ``on``, ``off``, ``1``, ``0`` and so
on):

* ``physical_network``: the network behind a NIC; ``null`` for virtual networks
* ``remote_managed``: a VF that is managed from a SmartNIC's own CPU; needs a VPD serial number
* ``trusted``: only such VFs are given to ports that ask for trust
* ``managed``: whether libvirt binds and unbinds the driver (default: yes). A wrong value may crash the host
* ``live_migratable``: whether a guest that holds it can be live-migrated
* ``one_time_use``: whether it has to be cleaned between two guests: once freed it is dirty, and handed out to nobody until
  ``pcipt clean ADDRESS``
* ``resource_class``, ``traits``: names in Placement; the default class is ``CUSTOM_PCI_<vendor_id>_<product_id>``

Examples:

* Valid: ``device_spec = {"vendor_id": "8086", "product_id": "154d"}``
* Valid: ``device_spec = {"address": "0000:41:00.0", "managed": "no"}``
* Valid: ``device_spec = {"address": {"bus": "3b", "slot": "0[2-5]"}, "physical_network": "physnet1"}``
* Invalid: ``device_spec = {'vendor_id': '8086'}`` (JSON has double quotes only)
* Invalid: ``device_spec = {"address": "0000:41:0*.0"}`` (a wildcard stands for a whole field)
* Invalid: ``device_spec = {"adress": "0000:41:00.0"}`` (no such key; nova would match every device)

``pcipt check-config`` says what each entry matches on the host. Any mistake keeps the agent from starting, and all of them are
listed.
"""

_ALIAS_HELP = """
Names under which flavors ask for devices, in the extra spec ``pci_passthrough:alias``.

One JSON object; the option is repeated for further aliases. Objects with the same ``name`` are alternatives, of which any will
do; they must agree in ``device_type`` and ``numa_policy``. Aliases must be the same wherever flavors are resolved.

* ``name``: required; no colon and no comma, since a flavor could not say it
* ``vendor_id``, ``product_id``: four hex digits each; ``product_id`` may be left out
* ``resource_class``, ``traits``: what the device has in Placement, or would have if it were reported; a class alone is enough
* ``device_type``: ``type-PCI`` (the default), ``type-PF`` (SR-IOV capable) or ``type-VF``
* ``numa_policy``: ``required``, ``socket``, ``preferred`` or ``legacy`` (the default)
* ``live_migratable``: only devices that are, or only those that are not
* ``capability_type``: ``pci``; it means nothing

Examples:

* Valid: ``alias = {"name": "gpu", "vendor_id": "10de", "product_id": "25b6", "device_type": "type-VF"}``
* Valid: ``alias = {"name": "A16_8A", "resource_class": "CUSTOM_A16_8A", "device_type": "type-VF"}``
* Invalid: ``alias = {"name": "gpu", "vendor_id": "0x10de"}`` (four digits, without 0x)
* Invalid: ``alias = {"name": "gpu:big", "vendor_id": "10de", "product_id": "25b6"}`` (a colon in the name)
* Invalid: the same name with ``type-PF`` and with ``type-VF``
"""

_REPORT_HELP = """
Whether the devices are to be reported to Placement as resource providers.

This version reports nothing. It holds the rules to what Placement can express: a PF and its VFs can't both be listed, an alias name
can't be repeated, and no alias gets a device with a ``physical_network``.

* Valid: ``report_in_placement = true``
* Invalid: ``report_in_placement = sometimes``
"""

_PCI_IN_PLACEMENT_HELP = """
Whether flavors' requests are scheduled by Placement.

Then each alias must say one resource class, by ``resource_class`` or by ``vendor_id`` and ``product_id`` together, and its name
can't be repeated. To be turned on only after ``[pci] report_in_placement`` is on for every host.

* Valid: ``pci_in_placement = false``
* Invalid: ``pci_in_placement =`` (empty)
"""


def pci_opts() -> list[cfg.Opt]:
    """`[pci]`."""
    return [
        cfg.MultiStrOpt(
            "device_spec",
            default=[],
            deprecated_opts=[
                cfg.DeprecatedOpt("passthrough_whitelist", group="pci"),
                cfg.DeprecatedOpt("pci_passthrough_whitelist", group="DEFAULT"),
            ],
            help=_DEVICE_SPEC_HELP,
        ),
        cfg.MultiStrOpt("alias", default=[], deprecated_name="pci_alias", deprecated_group="DEFAULT", help=_ALIAS_HELP),
        cfg.BoolOpt("report_in_placement", default=False, help=_REPORT_HELP),
    ]


def filter_scheduler_opts() -> list[cfg.Opt]:
    """`[filter_scheduler]`."""
    return [cfg.BoolOpt("pci_in_placement", default=False, help=_PCI_IN_PLACEMENT_HELP)]
