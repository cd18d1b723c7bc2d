# SPDX-License-Identifier: Apache-2.0
"""What has happened, as one line for people."""

from dataclasses import replace

import pytest

from pcipt_agent.core.device import Device, Fault, FaultKind, Link, Netdev, Sriov, VdpaDevice
from pcipt_agent.core.host import Changed
from pcipt_agent.flows.wording import change_in_words
from tests.support.planned import at, pci

PLAIN = pci("3b:00.0")


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (replace(PLAIN, driver="vfio-pci"), "driver none → vfio-pci"),
        (replace(PLAIN, parent=at("3a:00.0")), "parent none → 0000:3a:00.0"),
        (replace(PLAIN, reset_methods=("flr", "bus")), "reset_methods none → flr; bus"),
        (replace(PLAIN, sriov=Sriov(8, 4, "101e", 1, 1)), "sriov none → 4 of 8 VFs"),
        (replace(PLAIN, link=Link(2.5, 8, 16.0, 16)), "link none → at most 16.0 GT/s x16"),
        (
            replace(PLAIN, netdevs=(Netdev("ens1", "02:00:00:00:00:01"), Netdev("ens2", None))),
            "netdevs none → ens1 02:00:00:00:00:01; ens2 none",
        ),
        (replace(PLAIN, vdpa=(VdpaDevice("vdpa0", "net", None, None),)), "vdpa none → vdpa0 net none none"),
        (
            replace(PLAIN, vendor_id="0000", faults=(Fault(FaultKind.MISSING_FILE, "vendor"),)),
            "vendor_id 8086 → 0000, faults none → missing-file: vendor",
        ),
    ],
)
def test_a_change_names_each_field_before_and_after_in_plain_words(after: Device, words: str) -> None:
    assert change_in_words(Changed(PLAIN, after)) == f"0000:3b:00.0 changed: {words}"
    assert "(" not in change_in_words(Changed(after, PLAIN))
