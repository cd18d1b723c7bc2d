# SPDX-License-Identifier: Apache-2.0
"""`managed: no` where nobody has bound a driver that registers with vfio; no guest runs."""

import uuid
from collections.abc import Mapping, Sequence

from tests.lab.calling import call
from tests.lab.claiming import driver_of, statuses
from tests.lab.host import LabHost
from tests.lab.waiting import await_equal

_UNBIND = """
for each in {addresses}; do
  echo > /sys/bus/pci/devices/$each/driver_override
  echo $each > /sys/bus/pci/devices/$each/driver/unbind
done
"""
_BIND = """
echo {driver} > /sys/bus/pci/devices/{address}/driver_override
echo {address} > /sys/bus/pci/drivers_probe
"""
"""Overridden: the PF's VFs are not probed by themselves, as they are to have another driver."""


def why_refused(host: LabHost, addresses: Sequence[str]) -> Mapping[str, str]:
    """Of each of these, why it is not given to who asks for a virtio VF."""
    refusal = call(host, "claim", claim_id="not-bound", consumer=str(uuid.uuid4()), requests=[{"alias": "virtio-vf"}])
    assert refusal.get("code") == "no-devices", refusal
    (way,) = refusal["funnel"]["requests"]
    assert way["emptied_by"] == "ready"
    return {each["address"]: each["reason"] for each in way["dropped"] if each["address"] in addresses}


def test_a_device_that_is_not_bound_beforehand_is_refused_and_the_reason_names_its_driver(host: LabHost) -> None:
    vfs = host.vfs("vnic2")
    assert statuses(host, vfs) == dict.fromkeys(vfs, "free")
    unbound, native = vfs
    host.shell(_UNBIND.format(addresses=" ".join(vfs)) + _BIND.format(address=native, driver="virtio-pci"))
    assert [driver_of(host, each) for each in vfs] == [None, "virtio-pci"]
    await_equal(lambda: statuses(host, vfs), dict.fromkeys(vfs, "unusable"))
    bind = "bind it to vfio-pci or a variant driver"
    await_equal(
        lambda: why_refused(host, vfs),
        {
            unbound: f"managed is no, and it is bound to no driver: {bind}",
            native: f"managed is no, and it is bound to virtio-pci: {bind}",
        },
    )
