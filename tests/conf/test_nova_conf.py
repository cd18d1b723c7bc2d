# SPDX-License-Identifier: Apache-2.0
"""--nova-conf: what is taken, what is left out, and a file that may not be read."""

import os
from pathlib import Path

import pytest
from oslo_config import cfg

from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.conf.nova_conf import read_nova_conf
from pcipt_agent.conf.sources import Sources
from pcipt_agent.errors import ConfigError

NOVA = """
[DEFAULT]
host = compute-1
my_ip = 192.0.2.1
transport_url = rabbit://nova:secret@broker/
[database]
connection = mysql://nova:secret@db/
[pci]
device_spec = {"address": {"slot": "0[0-3]$"}}
device_spec = {"vendor_id": "10de"}
alias = {"name": "a1", "vendor_id": "8086", "product_id": "154d"}
report_in_placement = true
[filter_scheduler]
pci_in_placement = true
enabled_filters = ComputeFilter
[placement]
auth_url = http://192.0.2.2/
password = secret
"""


def loaded(tmp_path: Path, nova: str, own: str = "", conf: cfg.ConfigOpts | None = None) -> Loaded:
    (tmp_path / "nova.conf").write_text(nova)
    (tmp_path / "own.conf").write_text(own)
    sources = Sources(args=["--config-file", str(tmp_path / "own.conf")], nova_conf=tmp_path / "nova.conf")
    return load(conf or cfg.ConfigOpts(), sources, host_at=None)


def test_what_concerns_us_is_taken_and_nothing_else(tmp_path: Path) -> None:
    found = loaded(tmp_path, NOVA)
    assert found.settings.host == "compute-1"
    assert found.settings.transport_url == "unix:///run/pcipt-agent/agent.sock"
    assert [spec.vendor_id for spec in found.rules.specs] == [None, "10de"]
    assert '"0[0-3]$"' in found.rules.specs[0].source
    assert list(found.rules.aliases) == ["a1"]
    assert (found.rules.report_in_placement, found.rules.pci_in_placement) == (True, True)


def test_it_says_what_was_taken_and_what_was_left_out(tmp_path: Path) -> None:
    nova = loaded(tmp_path, NOVA).nova
    assert nova is not None
    assert nova.taken == (
        "[DEFAULT] host",
        "[pci] device_spec",
        "[pci] alias",
        "[pci] report_in_placement",
        "[filter_scheduler] pci_in_placement",
        "[placement] auth_url",
        "[placement] password",
    )
    assert nova.left_out == (
        "[DEFAULT] my_ip",
        "[DEFAULT] transport_url",
        "[database] connection",
        "[filter_scheduler] enabled_filters",
    )
    assert dict(nova.placement) == {"auth_url": ("http://192.0.2.2/",), "password": ("secret",)}
    assert "secret" not in repr(nova)


def test_our_own_file_has_the_last_word_for_each_option(tmp_path: Path) -> None:
    found = loaded(tmp_path, NOVA, '[DEFAULT]\nhost = h2\n[pci]\ndevice_spec = {"vendor_id": "8086"}\n')
    assert found.settings.host == "h2"
    assert [spec.vendor_id for spec in found.rules.specs] == ["8086"]
    assert list(found.rules.aliases) == ["a1"]
    assert found.nova is not None
    assert found.nova.overridden == ("[DEFAULT] host", "[pci] device_spec")


def test_novas_deprecated_names_are_taken(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[DEFAULT]\npci_passthrough_whitelist = {"vendor_id": "8086"}\n')
    assert [spec.vendor_id for spec in found.rules.specs] == ["8086"]
    assert found.nova is not None
    assert found.nova.taken == ("[DEFAULT] pci_passthrough_whitelist",)


def test_mistakes_in_its_section_are_ours_to_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, '[pci]\ndev_spec = {"vendor_id": "8086"}\nalias = {"name": "a1"}\n')
    assert [mistake.option for mistake in caught.value.mistakes] == ["[pci] dev_spec", "[pci] alias"]


def test_a_value_that_is_none_of_its_option_is_named_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "[pci]\nreport_in_placement = sometimes\n")
    assert str(tmp_path / "nova.conf") in caught.value.mistakes[0].problem


def test_what_an_earlier_load_took_is_forgotten(tmp_path: Path) -> None:
    conf = cfg.ConfigOpts()
    assert loaded(tmp_path, NOVA, conf=conf).settings.host == "compute-1"
    found = load(conf, Sources(args=["--config-file", str(tmp_path / "own.conf")]), host_at=None)
    assert found.settings.host != "compute-1"
    assert found.rules.specs == ()


def test_our_own_file_has_the_last_word_under_an_old_name_too(tmp_path: Path) -> None:
    found = loaded(tmp_path, NOVA, '[pci]\npassthrough_whitelist = {"vendor_id": "8086"}\n')
    assert [spec.vendor_id for spec in found.rules.specs] == ["8086"]
    assert found.nova is not None
    assert found.nova.overridden == ("[pci] device_spec",)


def test_sections_that_are_novas_are_not_judged_though_ours_have_their_names(tmp_path: Path) -> None:
    found = loaded(tmp_path, "[agent]\nroot_helper = sudo\n[filter_scheduler]\nweight = 1\n")
    assert found.nova is not None
    assert found.nova.left_out == ("[agent] root_helper", "[filter_scheduler] weight")
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "[pci]\ndev_spec = {}\n")
    assert [mistake.option for mistake in caught.value.mistakes] == ["[pci] dev_spec"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_nova_conf(tmp_path / "nova.conf")
    (mistake,) = caught.value.mistakes
    assert mistake.option == "--nova-conf"
    assert str(tmp_path / "nova.conf") in mistake.problem


def test_a_file_that_may_not_be_read_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "nova.conf"
    path.write_text(NOVA)
    path.chmod(0)
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        with pytest.raises(ConfigError) as caught:
            read_nova_conf(path)
    finally:
        os.seteuid(user)
    (mistake,) = caught.value.mistakes
    assert mistake.problem == f"{path}: Permission denied"
    assert "add the user to group nova" in mistake.remedy


def test_a_dollar_sign_is_read_once(tmp_path: Path) -> None:
    (spec,) = loaded(tmp_path, '[pci]\ndevice_spec = {"physical_network": "$$host"}\n').rules.specs
    assert spec.tags.physical_network == "$host"
