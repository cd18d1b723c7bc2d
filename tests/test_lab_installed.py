# SPDX-License-Identifier: Apache-2.0
"""The lab's configuration is one that the agent takes, for each machine."""

from pathlib import Path

import pytest

from pcipt_agent.conf.device_setup import read_device_setup
from tests.lab.hardware import MACHINES, Machine
from tests.lab.installed import VF_DRIVERS, VFS, configuration, devices
from tests.support.inside import pcipt_inside

EXAMPLE = Path(__file__).parent.parent / "etc/pcipt-agent/example.host"


def addresses(machine: Machine) -> dict[str, str]:
    return {card.name: f"0000:{0x40 + number:02x}:00.0" for number, card in enumerate(machine.cards)}


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_the_configuration_has_no_mistake(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "pcipt-agent.conf"
    path.write_text(configuration(machine, addresses(machine), "compute1"))
    done = pcipt_inside("check-config", "--config-file", str(path), "--host", str(EXAMPLE))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_card_with_vfs_gets_them_at_boot(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "devices.conf"
    path.write_text(devices(machine, addresses(machine)))
    asked = {str(each.address): (each.vfs, each.vf_driver) for each in read_device_setup(path)}
    assert asked == {address: (VFS[name], VF_DRIVERS.get(name)) for name, address in addresses(machine).items() if name in VFS}
