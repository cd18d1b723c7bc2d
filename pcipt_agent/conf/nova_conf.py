# SPDX-License-Identifier: Apache-2.0
"""`--nova-conf FILE`: what a nova.conf says that concerns us, and nothing else of it.

Taken are `[pci]`, `[filter_scheduler] pci_in_placement`, `[placement]` and `[DEFAULT] host`, each where our own config file does
not give it: nova.conf then stands in for our defaults. The lists of what was taken and what was left out are data, so that the
start can say it. Passwords in what is left out are never looked at.

Does not know: what the options mean.
Source: nova/conf/pci.py and nova/conf/netconf.py of nova 34 (names).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oslo_config import cfg

from pcipt_agent.conf.files import ConfigFile, read_file
from pcipt_agent.conf.opts import register_opts

OPTION = "--nova-conf"
UNREADABLE = (
    "a file that this user may read: nova.conf is commonly 0640 root:nova, so add the user to group nova, "
    "or copy the sections [pci] and [placement] into pcipt-agent.conf"
)

_SOURCES: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("DEFAULT", "host"): (("DEFAULT", "host"),),
    ("pci", "device_spec"): (("pci", "device_spec"), ("pci", "passthrough_whitelist"), ("DEFAULT", "pci_passthrough_whitelist")),
    ("pci", "alias"): (("pci", "alias"), ("DEFAULT", "pci_alias")),
    ("pci", "report_in_placement"): (("pci", "report_in_placement"),),
    ("filter_scheduler", "pci_in_placement"): (("filter_scheduler", "pci_in_placement"),),
}
"""Our option → the names under which a file may give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NovaConf:
    """What came of the file; options are named `[section] option`."""

    path: Path
    taken: tuple[str, ...]
    overridden: tuple[str, ...]
    """Left out because our own config file gives them."""
    left_out: tuple[str, ...]
    placement: Mapping[str, tuple[str, ...]] = field(repr=False)
    """`[placement]` as it is written: option → values."""


def read_nova_conf(path: Path) -> ConfigFile:
    """The file; ConfigError, naming it, where it can't be read."""
    return read_file(path, option=OPTION, unreadable=UNREADABLE)


def take(conf: cfg.ConfigOpts, file: ConfigFile, own: Sequence[ConfigFile]) -> NovaConf:
    """Lets `file` stand in for the defaults of `conf`, for each option that no file of `own` gives.

    Raises oslo.config's errors where a value is none of its option's. `conf` knows our options, and `file` has been read once.
    """
    nova = cfg.ConfigOpts()
    register_opts(nova)
    nova([], default_config_files=[str(file.path)], default_config_dirs=[], use_env=False)
    taken, overridden = [], []
    for (section, option), names in _SOURCES.items():
        written = [name for name in names if file.values(*name)]
        if any(each.values(*name) for each in own for name in names):
            overridden += written
        elif written:
            _stand_in(conf, section, option, nova)
            taken += written
    everything = [(section, option) for section, options in file.sections.items() for option in options]
    placement = [name for name in everything if name[0] == "placement"]
    known = {*taken, *overridden, *placement}
    return NovaConf(
        path=file.path,
        taken=_named([*taken, *placement]),
        overridden=_named(overridden),
        left_out=_named([name for name in everything if name not in known]),
        placement=file.sections.get("placement", {}),
    )


def forget(conf: cfg.ConfigOpts) -> None:
    """Takes back what an earlier `take` has put in."""
    for section, option in _SOURCES:
        conf.clear_default(option, group=None if section == "DEFAULT" else section)


def _stand_in(conf: cfg.ConfigOpts, section: str, option: str, nova: cfg.ConfigOpts) -> None:
    value = nova[option] if section == "DEFAULT" else nova[section][option]
    group = None if section == "DEFAULT" else section
    conf.set_default(option, _escaped(value), group=group)


def _escaped(value: object) -> object:
    """oslo.config substitutes $names when a default is read, and here that has been done."""
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def _named(names: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"[{section}] {option}" for section, option in names)
