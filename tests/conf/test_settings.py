# SPDX-License-Identifier: Apache-2.0
"""The options' values, each of its type."""

from pathlib import Path

from oslo_config import cfg

from pcipt_agent.conf.opts import DEFAULT_TRANSPORT_URL, register_opts
from pcipt_agent.conf.settings import Settings, read_settings
from pcipt_agent.core.alias import Readiness
from pcipt_agent.errors import Mistake


def settings_of(path: Path, text: str) -> tuple[Settings, tuple[Mistake, ...]]:
    path.write_text(text)
    conf = cfg.ConfigOpts()
    register_opts(conf)
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    return read_settings(conf, [str(path)])


def test_without_a_word_from_the_operator_they_are_the_defaults(tmp_path: Path) -> None:
    found, mistakes = settings_of(tmp_path / "a.conf", "")
    assert mistakes == ()
    assert (found.transport_url, found.host_root, found.state_path) == (
        DEFAULT_TRANSPORT_URL,
        Path("/"),
        Path("/var/lib/pcipt-agent"),
    )
    assert (found.ended_claims_kept, found.rescan_interval) == (7 * 24 * 3600, 60)
    assert (found.device_spec, found.alias) == ((), ())


def test_repeated_options_are_kept_in_order(tmp_path: Path) -> None:
    found, _ = settings_of(tmp_path / "a.conf", "[pci]\ndevice_spec = {}\ndevice_spec = []\n")
    assert found.device_spec == ("{}", "[]")


def test_readiness_is_enforced_unless_the_operator_says_to_warn(tmp_path: Path) -> None:
    assert settings_of(tmp_path / "a.conf", "")[0].readiness is Readiness.ENFORCE
    assert settings_of(tmp_path / "a.conf", "[agent]\nreadiness = warn\n")[0].readiness is Readiness.WARN
    _, (mistake,) = settings_of(tmp_path / "a.conf", "[agent]\nreadiness = off\n")
    assert (mistake.option, mistake.remedy, mistake.source) == ("[agent] readiness", "enforce or warn", "readiness = off")


def test_every_value_that_is_none_is_a_mistake_of_its_own(tmp_path: Path) -> None:
    text = "[agent]\nrescan_interval = 0\nended_claims_kept = 7d\n[pci]\nreport_in_placement = perhaps\n"
    _, mistakes = settings_of(tmp_path / "a.conf", text)
    assert {mistake.option for mistake in mistakes} == {
        "[agent] rescan_interval",
        "[agent] ended_claims_kept",
        "[pci] report_in_placement",
    }
