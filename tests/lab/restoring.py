# SPDX-License-Identifier: Apache-2.0
"""A host as it was at the start, whatever a test has done to it: one boot serves many tests.

In this order: power, its own cards in their slots and no others, no domains, VFs and drivers, configuration and agent; then by RPC
no claims, nothing disabled, nothing dirty. At the end every device has the status that it had at the start and nothing needs
attention, or the restoring fails and says what: the next test must not pay for this one.

Does not know: tests.
"""

import json
import time
from collections.abc import Container
from typing import Any

from tests.lab.calling import call
from tests.lab.hardware import Card, ConventionalPair, EmptySlot, Switch
from tests.lab.host import LabHost
from tests.lab.installed import CONFIGURATION, DEVICES, START
from tests.lab.waiting import await_equal

_CARDS = f"{START}/cards.json"
_DRIVERS = 'cd /sys/bus/pci/devices; for d in *; do echo "$d $(basename "$(readlink $d/driver)" 2>/dev/null || :)"; done'

_KEEP = f"""
({_DRIVERS}) > {START}/drivers
cd /sys/bus/pci/devices
for n in */sriov_numvfs; do echo "${{n%/*}} $(cat $n)"; done > {START}/vfs
"""

_RESTORE = f"""
systemctl start libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket
domains=$(virsh list --name)
for domain in $domains; do virsh destroy $domain > /dev/null; done
domains=$(virsh list --all --name)
for domain in $domains; do virsh undefine $domain > /dev/null; done
cd /sys/bus/pci/devices
while read function driver; do
  [ -e $function ] || continue
  now=$(basename "$(readlink $function/driver)" 2>/dev/null || :)
  [ "$now" = "$driver" ] && continue
  if [ -e $function/physfn ]; then pf=$(basename $(readlink $function/physfn)); echo 0 > $pf/sriov_numvfs; continue; fi
  echo > $function/driver_override
  [ -z "$now" ] || echo $function > $function/driver/unbind
  [ -z "$driver" ] || echo $function > /sys/bus/pci/drivers_probe
done < {START}/drivers
again=
while read function wanted; do
  [ "$(cat $function/sriov_numvfs)" = $wanted ] && continue
  echo 0 > $function/sriov_numvfs
  again=yes
done < {START}/vfs
for file in {CONFIGURATION} {DEVICES}; do
  cmp -s $file {START}/${{file##*/}} || {{ cp {START}/${{file##*/}} $file; reload=yes; }}
done
[ -z "$again" ] || systemctl restart pcipt-devices.service
systemctl reset-failed pcipt-agent.service pcipt-devices.service
systemctl start pcipt-agent.service
[ -z "$reload" ] || systemctl reload pcipt-agent.service
"""


def remember(host: LabHost) -> None:
    """What is so now is what is put back. Waits for the agent to have asked libvirt, as `restore` does."""
    await_equal(lambda: call(host, "status")["attention"], [])
    host.shell(_KEEP)
    host.write(_CARDS, json.dumps(sorted(host.addresses())))
    host.write(f"{START}/statuses.json", json.dumps(_statuses(host)))
    host.run("sync")  # or a power cut in the next half minute leaves empty files


def is_remembered(host: LabHost) -> bool:
    return host.run("test", "-e", f"{START}/statuses.json", check=False).returncode == 0


def restore(host: LabHost, *, seconds: float = 120.0) -> None:
    """Raises AssertionError where the host does not come to be as it was."""
    if not host.is_on():
        host.start()
    here = host.addresses()
    for name in here.keys() - set(json.loads(host.read(_CARDS))):
        host.pull(name)
    for card in _pulled(host.machine.cards, here):
        host.put_in(card)
    host.shell(_RESTORE, timeout=300)
    for claim in call(host, "claims", limit=1000)["claims"]:
        call(host, "free", claim_id=claim["claim_id"])
    status = call(host, "status")
    if status["disabled"]:
        call(host, "enable", host=True)
    for device in _devices(host):
        if device["disabled"] and device["disabled"]["address"] == device["address"]:
            call(host, "enable", address=device["address"])
        if device["dirty"]:
            call(host, "clean", address=device["address"])
    _await_statuses(host, json.loads(host.read(f"{START}/statuses.json")), seconds)
    await_equal(lambda: call(host, "status")["attention"], [], seconds=seconds)


def _await_statuses(host: LabHost, wanted: dict[str, str], seconds: float) -> None:
    until = time.monotonic() + seconds
    while (now := _statuses(host)) != wanted:
        different = {address: (wanted.get(address), now.get(address)) for address in {*wanted, *now}}
        different = {address: both for address, both in different.items() if both[0] != both[1]}
        assert time.monotonic() < until, f"not as it was at the start (address: was, is): {different}"
        time.sleep(0.5)


def _statuses(host: LabHost) -> dict[str, str]:
    return {device["address"]: device["status"] for device in _devices(host)}


def _devices(host: LabHost) -> list[dict[str, Any]]:
    devices: list[dict[str, Any]] = call(host, "devices", limit=1000)["devices"]
    return devices


def _pulled(cards: tuple[Card, ...], here: Container[str]) -> list[Card]:
    """The cards that are not in their slots; of those below a switch too."""
    found: list[Card] = []
    for card in cards:
        name = f"{card.name}.0" if isinstance(card, ConventionalPair) else card.name
        if not isinstance(card, EmptySlot) and name not in here:
            found.append(card)
        if isinstance(card, Switch):
            found += _pulled(card.below, here)
    return found
