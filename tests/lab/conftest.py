# SPDX-License-Identifier: Apache-2.0
"""The compute host of the lab's tests: switched on once, and put back as it was after each test.

With PCIPT_LAB_HOST (as `python3 -m tests.lab up` prints it) it is a host that runs already, and stays.

Does not know: any one test.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.lab.host import LabHost, booted, taken_over
from tests.lab.installed import install
from tests.lab.restoring import is_remembered, remember, restore


@pytest.fixture(scope="session")
def lab() -> Iterator[LabHost]:
    """The big machine with the agent ready on it."""
    if record := os.environ.get("PCIPT_LAB_HOST"):
        host = taken_over(Path(record))
        if not is_remembered(host):
            remember(host)
        yield host
        return
    with booted("big") as host:
        install(host)
        remember(host)
        yield host


@pytest.fixture
def host(lab: LabHost) -> Iterator[LabHost]:
    """The big machine, as it was at the start."""
    yield lab
    restore(lab)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the host says of itself."""
    report = yield
    used = getattr(item, "funcargs", {}).values()
    if report.failed:
        for host in {id(each): each for each in used if isinstance(each, LabHost)}.values():
            report.sections += [(f"{host.name}: {what}", text) for what, text in host.evidence()]
    return report
