# SPDX-License-Identifier: Apache-2.0
"""Which options a reload takes, and which it only names."""

from pathlib import Path

import pytest
from oslo_config import cfg

from pcipt_agent.conf.files import ConfigFile
from pcipt_agent.conf.loading import load
from pcipt_agent.conf.reloadable import PERIODS, options_changed, that_count
from pcipt_agent.conf.sources import Sources


def written(section: str, option: str, *values: str) -> list[ConfigFile]:
    return [ConfigFile(Path("pcipt-agent.conf"), {section: {option: values}})]


@pytest.mark.parametrize(
    ("section", "option"),
    [
        *(("agent", name) for name in (*PERIODS, "readiness")),
        ("pci", "report_in_placement"),
        ("filter_scheduler", "pci_in_placement"),
        ("DEFAULT", "debug"),
        ("DEFAULT", "default_log_levels"),
    ],
)
def test_what_a_reload_takes_is_named(section: str, option: str) -> None:
    assert options_changed([], written(section, option, "1")) == ((f"[{section}] {option}",), ())


@pytest.mark.parametrize(
    ("section", "option"), [("agent", "state_path"), ("libvirt", "connection_uri"), ("DEFAULT", "transport_url"), ("bus", "retry")]
)
def test_every_other_option_that_changed_is_named_as_needing_a_restart(section: str, option: str) -> None:
    before = written(section, option, "old")
    assert options_changed(before, written(section, option, "new")) == ((), (f"[{section}] {option}",))
    assert options_changed(before, []) == ((), (f"[{section}] {option}",))


@pytest.mark.parametrize(
    ("section", "option"),
    [
        ("pci", "device_spec"),
        ("pci", "alias"),
        ("pci", "passthrough_whitelist"),
        ("DEFAULT", "pci_passthrough_whitelist"),
        ("DEFAULT", "pci_alias"),
    ],
)
def test_entries_and_aliases_are_told_by_what_they_change_and_not_by_name(section: str, option: str) -> None:
    assert options_changed([], written(section, option, "{}")) == ((), ())


def test_of_two_files_that_give_an_option_the_later_decides() -> None:
    first, second = written("agent", "rescan_interval", "60"), written("agent", "rescan_interval", "5")
    assert options_changed([*first, *second], second) == ((), ())
    assert options_changed([*second, *first], second) == (("[agent] rescan_interval",), ())


def test_of_a_nova_conf_only_what_was_taken_counts_and_under_our_own_word(tmp_path: Path) -> None:
    own, nova = tmp_path / "agent.conf", tmp_path / "nova.conf"

    def counting(own_text: str, nova_text: str) -> tuple[ConfigFile, ...]:
        own.write_text(own_text)
        nova.write_text(nova_text)
        loaded = load(cfg.ConfigOpts(), Sources(args=["--config-file", str(own)], nova_conf=nova), host_at=None)
        return that_count(loaded.files, loaded.nova)

    first = counting("[DEFAULT]\ndebug = false\n", "[DEFAULT]\nhost = a\ndebug = true\n[libvirt]\nvirt_type = kvm\n")
    then = counting("[DEFAULT]\ndebug = true\n", "[DEFAULT]\nhost = b\ndebug = true\n[libvirt]\nvirt_type = qemu\n")
    assert options_changed(first, then) == (("[DEFAULT] debug",), ("[DEFAULT] host",))
    last = counting("[DEFAULT]\ndebug = true\nhost = b\n", "[DEFAULT]\nhost = a\n[agent]\nclaim_timeout = 1\n")
    assert options_changed(then, last) == ((), ())
