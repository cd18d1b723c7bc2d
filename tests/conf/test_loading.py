# SPDX-License-Identifier: Apache-2.0
"""Config files into settings and rules, from real files, with a real ConfigOpts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_config import cfg

from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.conf.opts import DEFAULT_TRANSPORT_URL
from pcipt_agent.conf.sources import Sources
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.host import Host
from pcipt_agent.errors import ConfigError, HostError, Mistake
from tests.support.machines import sriov_host
from tests.support.rules import underlined

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "pcipt-agent.conf"
        path.write_text(text)
        return path

    return written


def loaded(path: Path, *, host: Host | None = None) -> Loaded:
    host_at = None if host is None else lambda _: host
    return load(cfg.ConfigOpts(), Sources(args=["--config-file", str(path)]), host_at=host_at)


def mistakes(path: Path, *, host: Host | None = None) -> tuple[Mistake, ...]:
    with pytest.raises(ConfigError) as caught:
        loaded(path, host=host)
    return caught.value.mistakes


def test_an_empty_file_means_the_defaults(write: Write) -> None:
    found = loaded(write("[DEFAULT]\n"))
    assert found.settings.transport_url == DEFAULT_TRANSPORT_URL
    assert found.settings.host_root == Path("/")
    assert found.settings.state_path == Path("/var/lib/pcipt-agent")
    assert (found.settings.ended_claims_kept, found.settings.rescan_interval) == (604800, 60)
    assert found.settings.host
    assert (found.rules.specs, dict(found.rules.aliases)) == ((), {})
    assert (found.host, found.nova, found.notices) == (None, None, ())


def test_every_option_is_read(write: Write) -> None:
    found = loaded(
        write(
            "[DEFAULT]\nhost = h1\ntransport_url = rabbit://u:p@b/\n[agent]\nhost_root = /tree\nstate_path = /state\n"
            "ended_claims_kept = 3600\nrescan_interval = 5\n[pci]\nreport_in_placement = yes\n"
            'device_spec = {"vendor_id": "8086"}\ndevice_spec = {"vendor_id": "10de"}\n'
            'alias = {"name": "a1", "vendor_id": "8086", "product_id": "154d"}\n[filter_scheduler]\npci_in_placement = on\n'
        )
    )
    assert found.settings.host == "h1"
    assert found.settings.transport_url == "rabbit://u:p@b/"
    assert found.settings.host_root == Path("/tree")
    assert found.settings.state_path == Path("/state")
    assert (found.settings.ended_claims_kept, found.settings.rescan_interval) == (3600, 5)
    assert [spec.vendor_id for spec in found.rules.specs] == ["8086", "10de"]
    assert list(found.rules.aliases) == ["a1"]
    assert (found.rules.report_in_placement, found.rules.pci_in_placement) == (True, True)


def test_transport_url_is_left_for_oslo_messaging_to_register(write: Write) -> None:
    conf = cfg.ConfigOpts()
    load(conf, Sources(args=["--config-file", str(write("[DEFAULT]\ntransport_url = rabbit://b/\n"))]), host_at=None)
    conf.register_opts([cfg.StrOpt("transport_url", default="rabbit://")])
    assert conf["transport_url"] == "rabbit://b/"


def test_the_same_text_has_the_same_digest(write: Write) -> None:
    one = loaded(write('[pci]\ndevice_spec = {"vendor_id": "8086"}\n')).rules.digest
    again = loaded(write('# moved\n[pci]\ndevice_spec = {"vendor_id": "8086"}\n')).rules.digest
    other = loaded(write('[pci]\ndevice_spec = {"vendor_id": "8087"}\n')).rules.digest
    assert one == again != other


@pytest.mark.parametrize(
    "other",
    [
        "[pci]\nreport_in_placement = true\n",
        "[filter_scheduler]\npci_in_placement = true\n",
        '[pci]\ndevice_spec = {"vendor_id": "8086"}\n',
        '[pci]\nalias = {"name": "a", "vendor_id": "8086", "product_id": "154d"}\n',
    ],
)
def test_rules_that_mean_another_thing_have_another_digest(write: Write, other: str) -> None:
    plain = loaded(write("[pci]\n")).rules.digest
    assert loaded(write(other)).rules.digest != plain


def test_novas_deprecated_names_work_and_are_noted(write: Write) -> None:
    found = loaded(
        write(
            '[DEFAULT]\npci_passthrough_whitelist = {"vendor_id": "1000"}\n'
            'pci_alias = {"name": "a1", "vendor_id": "8086", "product_id": "154d"}\n'
            '[pci]\npassthrough_whitelist = {"vendor_id": "2000"}\n'
        )
    )
    assert {spec.vendor_id for spec in found.rules.specs} == {"1000", "2000"}
    assert list(found.rules.aliases) == ["a1"]
    assert [notice.option for notice in found.notices] == [
        "[pci] passthrough_whitelist",
        "[DEFAULT] pci_passthrough_whitelist",
        "[DEFAULT] pci_alias",
    ]


def test_all_mistakes_of_all_options_are_reported_at_once(write: Write) -> None:
    found = mistakes(
        write(
            "[agent]\nrescan_intervall = 5\nended_claims_kept = 7d\n[pci]\nreport_in_placement = sometimes\n"
            'device_spec = {"vendor_idd": "8086"}\nalias = {"name": "a:b", "vendor_id": "8086"}\n'
        )
    )
    assert [mistake.option for mistake in found] == [
        "[agent] rescan_intervall",
        "[agent] ended_claims_kept",
        "[pci] report_in_placement",
        "[pci] device_spec",
        "[pci] alias",
    ]


def test_an_option_that_nobody_knows_is_shown_as_it_must_be_written(write: Write) -> None:
    entry = "{'vendor_id': '8086', 'product_id': '1515', 'live_migratable': 'yes'}"
    first, second = mistakes(write(f"[pci]\ndev_spec = {entry}\n"))
    assert first.problem.startswith('no such option; did you mean "device_spec"?')
    assert first.remedy == 'device_spec = {"vendor_id": "8086", "product_id": "1515", "live_migratable": "yes"}'
    assert "single quotes" in second.problem


@pytest.mark.parametrize("section", ["DEFAULT", "agent", "pcie", "oslo_messaging_rabbit"])
def test_a_rule_in_another_section_is_a_mistake(write: Write, section: str) -> None:
    found = mistakes(write(f'[{section}]\ndevice_spec = {{"vendor_id": "8086"}}\n'))
    misplaced = next(mistake for mistake in found if "is read in [pci] only" in mistake.problem)
    assert (misplaced.option, underlined(misplaced)) == (f"[{section}] device_spec", "device_spec")


def test_a_value_that_is_no_number_is_underlined(write: Write) -> None:
    (mistake,) = mistakes(write("[agent]\nrescan_interval = soon\n"))
    assert (mistake.source, mistake.span) == ("rescan_interval = soon", (18, 22))
    assert mistake.remedy == "a whole number of at least 1"


def test_sections_of_others_are_not_judged(write: Write) -> None:
    assert loaded(write("[oslo_messaging_rabbit]\nheartbeat = 1\n[filter_scheduler]\nweight = 2\n")).rules.specs == ()


def test_a_directory_of_files_is_judged_too(tmp_path: Path) -> None:
    (tmp_path / "10-rules.conf").write_text("[pci]\naliass = 1\n")
    with pytest.raises(ConfigError) as caught:
        load(cfg.ConfigOpts(), Sources(args=["--config-dir", str(tmp_path)], default_files=[]), host_at=None)
    assert caught.value.mistakes[0].option == "[pci] aliass"


def test_a_dollar_sign_of_a_regular_expression_reaches_the_rules(write: Write) -> None:
    (spec,) = loaded(write('[pci]\ndevice_spec = {"address": {"slot": "0[0-3]$"}}\n')).rules.specs
    assert spec.address.matches(PciAddress(0, 1, 3, 0))


def test_the_host_is_read_below_the_root_that_the_file_names(write: Write) -> None:
    asked: list[Path] = []

    def host_at(root: Path) -> Host:
        asked.append(root)
        return sriov_host(64)

    path = write('[agent]\nhost_root = /tree\n[pci]\ndevice_spec = {"product_id": "101d"}\n')
    found = load(cfg.ConfigOpts(), Sources(args=["--config-file", str(path)]), host_at=host_at)
    assert asked == [Path("/tree")]
    assert found.host is not None
    assert [len(entry.matched) for entry in found.entries] == [1]


def test_devname_is_answered_from_the_host(write: Write) -> None:
    host = sriov_host(64)
    device = next(each for each in host.devices.values() if each.netdevs)
    (mistake,) = mistakes(write(f'[pci]\ndevice_spec = {{"devname": "{device.netdevs[0].name}"}}\n'), host=host)
    assert mistake.remedy == f'{{"address": "{device.address}"}}'


def test_mistakes_come_before_a_host_that_can_not_be_read(write: Write) -> None:
    def host_at(root: Path) -> Host:
        raise HostError(str(root), "not there")

    with pytest.raises(ConfigError):
        load(cfg.ConfigOpts(), Sources(args=["--config-file", str(write("[pci]\nx = 1\n"))]), host_at=host_at)
    with pytest.raises(HostError):
        load(cfg.ConfigOpts(), Sources(args=["--config-file", str(write("[pci]\n"))]), host_at=host_at)


def test_what_only_the_host_can_tell_is_a_mistake_too(write: Write) -> None:
    text = '[pci]\nreport_in_placement = true\ndevice_spec = {"vendor_id": "15b3"}\n'
    (mistake,) = mistakes(write(text), host=sriov_host(64))
    assert "Placement can hold one or the other" in mistake.problem


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="utf-8"), max_size=40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_loaded_or_refused_and_never_raises_else(tmp_path: Path, first: str, second: str) -> None:
    path = tmp_path / "any.conf"
    path.write_text(f"[pci]\ndevice_spec = {first}\nalias = {second}\n{first}", encoding="utf-8")
    refused: tuple[Mistake, ...] = ()
    try:
        assert loaded(path).rules.digest
    except ConfigError as error:
        refused = error.mistakes
    assert all(mistake.problem for mistake in refused)


def test_a_name_in_a_value_that_no_option_has_is_a_mistake(write: Write) -> None:
    (mistake,) = mistakes(write('[pci]\ndevice_spec = {"physical_network": "$nothing"}\n'))
    assert mistake.option == "[pci] device_spec"
    assert "nothing" in mistake.problem
    assert mistake.remedy.endswith("is written $$")


def test_an_empty_transport_url_is_none(write: Write) -> None:
    assert loaded(write("[DEFAULT]\ntransport_url =\n")).settings.transport_url == DEFAULT_TRANSPORT_URL


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("/run/agent.sock", "has no scheme"),
        ("rabit://u:secret@b/", "rabit is no transport here; there are fake, kafka, kombu, rabbit, unix"),
    ],
)
def test_a_transport_that_there_is_not_is_a_mistake_without_its_password(write: Write, url: str, problem: str) -> None:
    (mistake,) = mistakes(write(f"[DEFAULT]\ntransport_url = {url}\n"))
    assert (mistake.option, mistake.problem, mistake.source) == ("[DEFAULT] transport_url", problem, None)


def test_a_name_in_a_value_is_underlined_in_the_value_that_has_it(write: Write) -> None:
    rules = 'device_spec = {"physical_network": "${nothing}"}\ndevice_spec = {"vendor_id": "8086"}\n'
    (mistake,) = mistakes(write(f"[pci]\n{rules}"))
    assert mistake.problem == "${nothing} stands for another option, and there is none of that name"
    assert underlined(mistake) == "${nothing}"
