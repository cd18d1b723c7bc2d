# SPDX-License-Identifier: Apache-2.0
"""The alias files that are shipped: each can be read as it is."""

from pathlib import Path

import pytest
from oslo_config import cfg

from pcipt_agent.conf.loading import load
from pcipt_agent.conf.sources import Sources
from pcipt_agent.core.device import DeviceType

ALIASES = Path(__file__).resolve().parents[2] / "etc" / "pcipt-agent" / "aliases"


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("qat.conf", {"qat-dh895xcc-vf": ["0443"], "qat-c62x-vf": ["37c9"]}),
        ("qat-any.conf", {"qat-vf": ["0443", "37c9"]}),
    ],
)
def test_a_preset_names_the_vfs_of_its_cards(name: str, ids: dict[str, list[str]]) -> None:
    rules = load(cfg.ConfigOpts(), Sources(args=["--config-file", str(ALIASES / name)]), host_at=None).rules
    assert {alias.name: [each.product_id for each in alias.alternatives] for alias in rules.aliases.values()} == ids
    assert all(alias.device_type is DeviceType.VF for alias in rules.aliases.values())


def test_every_preset_is_tested() -> None:
    assert sorted(path.name for path in ALIASES.iterdir()) == ["qat-any.conf", "qat.conf"]


def test_all_presets_work_together() -> None:
    rules = load(cfg.ConfigOpts(), Sources(args=["--config-dir", str(ALIASES)], default_files=[]), host_at=None).rules
    assert sorted(rules.aliases) == ["qat-c62x-vf", "qat-dh895xcc-vf", "qat-vf"]
