# SPDX-License-Identifier: Apache-2.0
"""Loading: config files into settings and rules, or every mistake in them at once.

The one door for daemon and CLI, so that `pcipt check-config` and a start that is refused say the same. The host is read in between
(its root is an option), because some mistakes are only such on this host: a PF and its VF both listed, a device named by its
interface.

Does not know: the command line of daemon and CLI, how mistakes are shown (`views.mistakes`), how a host is read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from oslo_config import cfg

from pcipt_agent.conf.aliases import OPTION as ALIAS
from pcipt_agent.conf.aliases import Aliases, read_aliases
from pcipt_agent.conf.files import ConfigFile, Unknown, misplaced_options, unknown_options
from pcipt_agent.conf.log_levels import mistakes_in_log_levels
from pcipt_agent.conf.nova_conf import NovaConf
from pcipt_agent.conf.opts import options
from pcipt_agent.conf.settings import Settings, read_settings
from pcipt_agent.conf.sources import Sources, read_sources
from pcipt_agent.conf.specs import OPTION as DEVICE_SPEC
from pcipt_agent.conf.specs import NetdevAddress, read_specs
from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.host import Host
from pcipt_agent.core.lint import EntryReport, Findings, lint
from pcipt_agent.errors import ConfigError, HostError, Mistake, Notice

HostAt = Callable[[Path], Host]
"""Reads the host below a root; raises HostError where it can't be read at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration without mistakes."""

    settings: Settings
    rules: RuleSet
    notices: tuple[Notice, ...]
    host: Host | None
    """As it was read; None where nobody asked for it."""
    entries: tuple[EntryReport, ...]
    """What each entry of device_spec matches on `host`."""
    nova: NovaConf | None
    files: tuple[ConfigFile, ...]
    """As they were read, with nova.conf if there is one."""


def load(conf: cfg.ConfigOpts, sources: Sources, *, host_at: HostAt | None) -> Loaded:
    """The configuration; ConfigError with every mistake in it. `host_at` None: without what only the host can tell.

    `conf` has been parsed when this returns, and stands for `sources`. Raises HostError where the host can't be read and there is
    no mistake to report; SystemExit, as argparse does, where `args` are no arguments of `conf`.
    """
    read = _read(conf, sources)
    host, trouble = _host(host_at, read.settings.host_root)
    judged = _judge(read, _netdev_address(host))
    findings = Findings() if host is None else lint(host, judged.rules)
    mistakes = (*judged.mistakes, *findings.mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    if trouble is not None:
        raise trouble
    return Loaded(
        settings=read.settings,
        rules=judged.rules,
        notices=(*_old_names(read.files), *judged.notices, *findings.notices),
        host=host,
        entries=findings.entries,
        nova=read.nova,
        files=read.files,
    )


def rules_of(settings: Settings, host: Host) -> RuleSet:
    """The rules that these texts mean on `host`; ConfigError with every mistake in them."""
    judged = _judge(_Read(settings=settings, files=(), unknown=(), mistakes=(), nova=None), _netdev_address(host))
    mistakes = (*judged.mistakes, *lint(host, judged.rules).mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    return judged.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What the files say, before the entries of device_spec and alias are looked at."""

    settings: Settings
    files: tuple[ConfigFile, ...]
    """With nova.conf, if there is one."""
    unknown: tuple[Unknown, ...]
    mistakes: tuple[Mistake, ...]
    nova: NovaConf | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    rules: RuleSet
    mistakes: tuple[Mistake, ...]
    notices: tuple[Notice, ...]


def _read(conf: cfg.ConfigOpts, sources: Sources) -> _Read:
    read = read_sources(conf, sources)
    paths = [str(file.path) for file in read.own]
    settings, mistakes = read_settings(conf, paths)
    mistakes += mistakes_in_log_levels(paths)
    mistakes += misplaced_options(read.own, "pci", ("device_spec", "alias", "passthrough_whitelist", "report_in_placement"))
    known = _known()
    unknown = unknown_options(read.own, known)
    if read.nova_file is None:
        return _Read(settings=settings, files=read.own, unknown=unknown, mistakes=mistakes, nova=None)
    # Of nova's sections only [pci] is taken whole; what else may be in the others is nova's to know.
    unknown += unknown_options([read.nova_file], {"pci": known["pci"]})
    return _Read(settings=settings, files=(*read.own, read.nova_file), unknown=unknown, mistakes=mistakes, nova=read.nova)


def _judge(read: _Read, netdev_address: NetdevAddress) -> _Judged:
    """The rules that the texts mean. What stands under a slip of an option's name is judged like the option's own."""
    settings = read.settings

    def aliases_of(texts: Sequence[str]) -> Aliases:
        return read_aliases(texts, report_in_placement=settings.report_in_placement, pci_in_placement=settings.pci_in_placement)

    def shown(unknown: Unknown) -> Mistake:
        match unknown.meant:
            case "device_spec":
                rewritten = read_specs(unknown.values, netdev_address).rewritten
            case "alias":
                rewritten = aliases_of(unknown.values).rewritten
            case _:
                return unknown.mistake
        return replace(unknown.mistake, remedy="\n".join(f"{unknown.meant} = {text}" for text in rewritten))

    specs = read_specs([*settings.device_spec, *_meant(read.unknown, "device_spec")], netdev_address)
    aliases = aliases_of([*settings.alias, *_meant(read.unknown, "alias")])
    rules = RuleSet(
        specs=specs.specs,
        aliases=aliases.aliases,
        report_in_placement=settings.report_in_placement,
        pci_in_placement=settings.pci_in_placement,
        readiness=settings.readiness,
        digest=_digest(settings),
    )
    return _Judged(
        rules=rules,
        mistakes=(*(shown(each) for each in read.unknown), *read.mistakes, *specs.mistakes, *aliases.mistakes),
        notices=(*specs.notices, *aliases.notices),
    )


def _meant(unknown: Sequence[Unknown], option: str) -> list[str]:
    return [value for each in unknown if each.meant == option for value in each.values]


def _known() -> dict[str, tuple[str, ...]]:
    """Section → the options that are ours; other sections are other libraries'."""
    known = {group: tuple(opt.dest for opt in opts) for group, opts in options().items() if group in ("agent", "libvirt", "pci")}
    known["pci"] += ("passthrough_whitelist",)
    return known


def _host(host_at: HostAt | None, root: Path) -> tuple[Host | None, HostError | None]:
    if host_at is None:
        return None, None
    try:
        return host_at(root), None
    except HostError as error:
        return None, error


def _netdev_address(host: Host | None) -> NetdevAddress:
    """Interface name → the address behind it now."""
    devices = () if host is None else host.devices.values()
    addresses = {netdev.name: device.address for device in devices for netdev in device.netdevs}
    return addresses.get


def _digest(settings: Settings) -> str:
    """Twelve hex digits that stand for the operator's text."""
    text = repr((settings.device_spec, settings.alias, settings.report_in_placement, settings.pci_in_placement))
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def _old_names(files: Sequence[ConfigFile]) -> tuple[Notice, ...]:
    old = {
        ("pci", "passthrough_whitelist"): DEVICE_SPEC,
        ("DEFAULT", "pci_passthrough_whitelist"): DEVICE_SPEC,
        ("DEFAULT", "pci_alias"): ALIAS,
    }
    return tuple(
        Notice(f"[{section}] {name}", None, None, f"is an old name ({file.path})", new)
        for file in files
        for (section, name), new in old.items()
        if file.values(section, name)
    )
