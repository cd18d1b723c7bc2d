# SPDX-License-Identifier: Apache-2.0
"""The compute host of the lab's tests: switched on once, and put back as it was after each test.

With PCIPT_LAB_HOST (as `python3 -m tests.lab up` prints it) it is a host that runs already, and stays.

Does not know: any one test.
"""

import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from tests.lab.denials import denials
from tests.lab.guests import GuestFailed
from tests.lab.host import LabHost, booted, taken_over
from tests.lab.image import image
from tests.lab.installed import install
from tests.lab.monitor import MonitorRefused
from tests.lab.power import shown
from tests.lab.restoring import is_remembered, remember, restore
from tests.lab.ssh import CommandFailed
from tests.lab.stalls import stall

NO_ANSWER = (CommandFailed, GuestFailed, MonitorRefused, TimeoutExpired)
"""What a test raises where its host stands still. An assertion is never among them: what the agent did wrong, it did."""
_STALLS = pytest.StashKey[list[str]]()
"""What is told at the end of the run."""


@pytest.fixture(scope="session")
def lab() -> Iterator[LabHost]:
    """The big machine with the agent ready on it."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # as Ctrl-C: the host goes, and its files
    if record := os.environ.get("PCIPT_LAB_HOST"):
        host = taken_over(Path(record))
        if host.plug.kernel != image().kernel:
            pytest.exit("the agent in the host of PCIPT_LAB_HOST is not this checkout's: python3 -m tests.lab up", returncode=4)
        if is_remembered(host):
            restore(host)
        else:
            remember(host)
        yield host
        return
    with booted("big") as host:
        install(host)
        remember(host)
        yield host
        assert denials(host) == [], "over all tests"


@pytest.fixture
def host(lab: LabHost, request: pytest.FixtureRequest) -> Iterator[LabHost]:
    """The big machine, as it was at the start."""
    yield lab
    before = len(shown(lab.plug))
    try:
        restore(lab)
    except (AssertionError, *NO_ANSWER) as error:  # nobody else is to pay for it
        stood_still = isinstance(error, NO_ANSWER) and _stood_still(request.node, lab, before, error)
        lab.power_cut()
        restore(lab)
        if not stood_still:
            raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A test that got no answer from a host that stood still is run once more, on the host switched off and on."""
    host = getattr(item, "funcargs", {}).get("host")
    if not isinstance(host, LabHost):
        return (yield)
    before = len(shown(host.plug))
    try:
        return (yield)
    except NO_ANSWER as error:
        if not _stood_still(item, host, before, error):
            raise
    host.power_cut()
    restore(host)
    item.runtest()


def _stood_still(item: pytest.Item, host: LabHost, before: int, error: Exception) -> bool:
    """Whether its kernel has said so since it had shown `before` characters; it is told at the end of the run."""
    said = stall(shown(host.plug)[before:])
    if said is not None:
        evidence = "\n".join(f"{what}:\n{text}" for what, text in host.evidence())
        item.config.stash[_STALLS].append(f"{item.nodeid}: {said}\n{type(error).__name__}: {error}\n{evidence}")
    return said is not None


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STALLS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for told in config.stash[_STALLS]:
        terminalreporter.section("a host stood still, and was switched off and on")
        terminalreporter.write_line(told)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the host says of itself."""
    report = yield
    if report.failed:
        used = [host for value in getattr(item, "funcargs", {}).values() for host in _hosts(value)]
        for host in {id(each): each for each in used}.values():
            report.sections += [(f"{host.name}: {what}", text) for what, text in host.evidence()]
    return report


def _hosts(value: object) -> Iterator[LabHost]:
    """Those that a fixture gives."""
    if isinstance(value, LabHost):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _hosts(each)
    elif isinstance(host := getattr(value, "host", None), LabHost):
        yield host
