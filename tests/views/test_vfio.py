# SPDX-License-Identifier: Apache-2.0
"""Drivers that register with vfio: by what the vfio core shows, by name, by the alias of their module."""

import pytest

from pcipt_agent.views.vfio import registers_with_vfio, vfio_modules_in

ALIASES = b"""# Aliases extracted from modules themselves.
alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_core
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci
alias vfio_pci:v00001AF4d00001041sv*sd*bc*sc*i* virtio-vfio-pci
alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
# alias vfio_pci:v00001AF4d00001000sv*sd*bc*sc*i* remark
alias symbol:vfio_pci:x other
alias vfio_pci:short
\xff\xfe
"""
MODULES = frozenset({"mlx5_vfio_pci", "virtio_vfio_pci", "vfio_pci"})


def test_the_modules_are_those_with_an_alias_for_vfio() -> None:
    assert vfio_modules_in(ALIASES) == MODULES
    assert vfio_modules_in(b"") == frozenset()


@pytest.mark.parametrize(
    ("driver", "module", "has_vfio_dev", "registers"),
    [
        ("vfio-pci", "vfio_pci", True, True),
        ("vfio-pci", None, False, True),
        ("nvidia", "nvidia", True, True),
        ("nvidia", "nvidia", False, False),
        ("mlx5_vfio_pci", "mlx5_vfio_pci", False, True),
        ("mlx5_core", "mlx5_core", False, False),
        ("pcieport", None, False, False),
        (None, None, False, False),
        (None, None, True, False),
    ],
)
def test_a_driver_registers_with_vfio(driver: str | None, module: str | None, has_vfio_dev: bool, registers: bool) -> None:
    assert registers_with_vfio(driver, module, has_vfio_dev=has_vfio_dev, vfio_modules=MODULES) is registers
