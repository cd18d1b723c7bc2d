# SPDX-License-Identifier: Apache-2.0
"""`pcipt doctor`: what is missing on this host, each with the command that mends it.

Facts are gathered side by side, each within its own time; the checks are pure functions of them (`core.*_findings`). Of a recorded
or described host only that is told which a tree can tell. Nothing is changed, and nothing is needed: neither root nor the agent nor
libvirt; what could not be seen is said.

Does not know: how a fact is had, what it means.
"""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Final, assert_never

from oslo_config import cfg

from pcipt_agent.adapters.checkup.files import AS_ROOT
from pcipt_agent.adapters.checkup.platform import read_platform
from pcipt_agent.cli.configuration import settings, sources_of
from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.cli.standalone import read_host
from pcipt_agent.cli.this_machine import Machine, examine
from pcipt_agent.cli.within import Gathering
from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.core.agreement import (
    agent_finding,
    claim_findings,
    journal_findings,
    known_versions,
    library_finding,
    libvirt_finding,
)
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.device_findings import device_findings, needed_features, vpd_findings
from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict, content, ok, unknown
from pcipt_agent.core.floors import Version, Versions, floor_findings, parse_version
from pcipt_agent.core.installation import installation_findings
from pcipt_agent.core.platform_findings import Platform, platform_findings
from pcipt_agent.core.readiness_lint import readiness_notices
from pcipt_agent.errors import ConfigError, Notice
from pcipt_agent.views.mistakes import finding_line
from pcipt_agent.views.text_doctor import doctor_page
from pcipt_agent.views.vpd import NO_SERIAL

READ_SECONDS: Final = 30.0
"""For reading the host: VPD alone may take a second a card."""


def doctor(command: Namespace, output: Output) -> ExitCode:
    """Every finding; REFUSED where one is a problem."""
    found = list(_findings(command))
    if output.as_json:
        output.json({"content": content(found), "findings": [asdict(each) for each in found]})
    else:
        output.page(doctor_page(found))
    return ExitCode.DONE if content(found) else ExitCode.REFUSED


def _findings(command: Namespace) -> Iterator[Finding]:
    where = command.host or _host_root(command)
    reading = Gathering(lambda: read_host(where))
    platform = Gathering(lambda: read_platform(Path(where)))
    loading = Gathering(lambda: _load(command, where))
    host, under = reading.within(READ_SECONDS), platform.within(READ_SECONDS)
    rules = loading.within(READ_SECONDS)
    machine = None if command.host is not None else Gathering(lambda: examine(command, host)).within(READ_SECONDS)
    if isinstance(host, Unseen):
        yield Finding("host", Verdict.PROBLEM, host.why, "pcipt doctor --host DIR  # where sys and proc can be read")
    elif isinstance(under, Unseen):
        yield unknown("platform", under)
    else:
        yield from platform_findings(under, host)
        yield from vpd_findings(host, none=NO_SERIAL)
    yield from _of_the_rules(rules)
    yield from _of_the_devices(rules, under, machine)
    match machine:
        case None:
            seen = "installation, libvirt, journal and claims are not looked at where --host names what is"
            yield Finding("this-machine", Verdict.UNKNOWN, seen)
        case Unseen():
            yield unknown("this-machine", machine)
        case Machine():
            yield from _of_the_machine(machine)
        case _:
            assert_never(machine)


def _host_root(command: Namespace) -> str:
    """Where the agent would read its host; this machine where the configuration can't be read, which is a finding of its own."""
    try:
        return str(settings(command, cfg.ConfigOpts()).host_root)
    except ConfigError:
        return "/"


def _load(command: Namespace, where: str) -> Loaded | ConfigError:
    try:
        return load(cfg.ConfigOpts(), sources_of(command), host_at=lambda _: read_host(where))
    except ConfigError as error:
        return error


def _of_the_rules(rules: Loaded | ConfigError | Unseen) -> Iterator[Finding]:
    """Mistakes, and what is probably not meant."""
    match rules:
        case Unseen():
            yield unknown("configuration", rules)
        case ConfigError() if isinstance(rules.__cause__, cfg.ConfigFilesPermissionDeniedError | PermissionError):
            yield unknown("configuration", Unseen(str(rules), AS_ROOT))
        case ConfigError():
            for mistake in rules.mistakes:
                yield Finding("configuration", Verdict.PROBLEM, finding_line(mistake), "pcipt check-config")
        case Loaded():
            notices = _of_the_texts(rules)
            for notice in notices:
                yield Finding("configuration", Verdict.WARNING, finding_line(notice), "pcipt check-config")
            if not notices:
                entries, aliases = len(rules.rules.specs), len(rules.rules.aliases)
                yield ok("configuration", f"no mistakes; entries: {entries} of device_spec, {aliases} of alias")
        case _:
            assert_never(rules)


def _of_the_texts(rules: Loaded) -> list[Notice]:
    """The notices but those of devices, which the devices' own check tells with what mends them."""
    assert rules.host is not None, "load was given a way to read it"
    of_devices = set(readiness_notices(catalogue_of(rules.host, rules.rules)))
    return [notice for notice in rules.notices if notice not in of_devices]


def _of_the_devices(
    rules: Loaded | ConfigError | Unseen, platform: Platform | Unseen, machine: Machine | Unseen | None
) -> Iterator[Finding]:
    """What keeps assignable devices back, and whether the versions here do for what they need."""
    if not isinstance(rules, Loaded) or rules.host is None:
        yield Finding("devices", Verdict.UNKNOWN, "without host and configuration it is not known which devices are assignable")
        return
    unasked = Unseen("libvirt was not asked")
    libvirt, qemu = known_versions(machine.libvirt, machine.agent) if isinstance(machine, Machine) else (unasked, unasked)
    catalogue = catalogue_of(rules.host, rules.rules, _three(libvirt))
    yield from device_findings(catalogue)
    versions = Versions(libvirt=libvirt, qemu=qemu, kernel=_kernel(platform))
    yield from floor_findings(versions, needed_features(catalogue))


def _kernel(platform: Platform | Unseen) -> Version | Unseen:
    release = platform if isinstance(platform, Unseen) else platform.kernel
    return release if isinstance(release, Unseen) else parse_version(release) or Unseen(f"{release} begins with no number")


def _three(version: Version | Unseen) -> tuple[int, int, int] | None:
    if isinstance(version, Unseen):
        return None
    major, minor, release = (*version, 0, 0, 0)[:3]
    return major, minor, release


def _of_the_machine(machine: Machine) -> Iterator[Finding]:
    if isinstance(machine.installation, Unseen):
        yield unknown("installation", machine.installation)
    else:
        yield from installation_findings(machine.installation)
    yield libvirt_finding(machine.libvirt)
    if machine.library is not None:
        yield library_finding(machine.library, machine.libvirt)
    yield agent_finding(machine.agent, version("pcipt-agent"))
    yield from claim_findings(machine.agent)
    yield from journal_findings(machine.journal)
