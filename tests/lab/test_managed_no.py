# SPDX-License-Identifier: Apache-2.0
"""`managed: no` where nobody has bound a driver that registers with vfio; no guest runs."""

import time
import uuid

from tests.lab.calling import call
from tests.lab.claiming import status_of
from tests.lab.host import LabHost

_UNBIND = """
for each in {addresses}; do
  echo > /sys/bus/pci/devices/$each/driver_override
  echo $each > /sys/bus/pci/devices/$each/driver/unbind
done
"""


def test_a_device_that_is_not_bound_beforehand_is_refused_and_the_reason_names_its_driver(host: LabHost) -> None:
    addresses = host.vfs("vnic2")
    consumer, requests = str(uuid.uuid4()), [{"alias": "virtio-vf"}]
    assert call(host, "claim", claim_id="bound", consumer=consumer, requests=requests, dry_run=True)["devices"]
    host.shell(_UNBIND.format(addresses=" ".join(addresses)))
    until = time.monotonic() + 30
    while any(status_of(host, address) != "unusable" for address in addresses):
        assert time.monotonic() < until, {address: status_of(host, address) for address in addresses}
        time.sleep(0.2)
    refusal = call(host, "claim", claim_id="not-bound", consumer=consumer, requests=requests)
    assert refusal["code"] == "no-devices"
    assert "managed" in str(refusal)
    assert "driver" in str(refusal)
