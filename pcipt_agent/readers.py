# SPDX-License-Identifier: Apache-2.0
"""Which reader a root asks for: a directory is a tree as the kernel shows it, a file describes a host; and who hints at changes.

Daemon and command line choose by it alike, and it is here because adapters do not know each other.

Does not know: what is read, what is hinted at.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pcipt_agent.adapters.described import DescribedReader
from pcipt_agent.adapters.kernel_news import POLLED, polled_file, route_news
from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.adapters.udev import UdevEvents, udev_events
from pcipt_agent.errors import HostError
from pcipt_agent.ports import HintSource, HostReader

LOG = logging.getLogger(__name__)


def reader_at(root: Path) -> HostReader:
    """The reader of the host at `root`; nothing is read yet."""
    return SysfsReader(root) if root.is_dir() else DescribedReader(root)


class Listening(NamedTuple):
    """Who tells of changes, and what keeps us from hearing the rest."""

    sources: tuple[HintSource, ...]
    working: bool
    """Whether udev tells of devices; without, they are seen at the next rescan."""
    problem: str | None
    """What can't be listened to and why; None where nobody expects hints either (another root than this machine's own)."""


def listening_at(root: Path) -> Listening:
    """To all that tells of changes of the host at `root`, from now on."""
    if root.resolve() != Path("/"):
        return Listening((), working=False, problem=None)
    openers: list[Callable[[], HintSource]] = [udev_events, route_news, *(partial(polled_file, path) for path in POLLED)]
    found: list[HintSource] = []
    problems = []
    for listen in openers:
        try:
            found.append(listen())
        except HostError as error:
            problems.append(str(error))
    for problem in problems:
        LOG.warning("no hints of changes from there, so they are seen at the next rescan: %s", problem)
    return Listening(tuple(found), any(isinstance(each, UdevEvents) for each in found), "; ".join(problems) or None)
