# SPDX-License-Identifier: Apache-2.0
"""A soak from its first step to its table.

Restarts come in the first and the last fifth alone: between them one agent lives for three fifths, so that what leaks in it is
not thrown away with it, and what leaks in restarts is seen at the end. The footprint is taken at rest, after each fifth.

Does not know: what the steps do, the command line.
"""

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from pcipt_agent.errors import PciptError, Refusal
from pcipt_agent.ports import Listener
from tests.soak.account import SoakFault
from tests.soak.agent import Notices
from tests.soak.footprint import Footprint, footprint, growth
from tests.soak.life import Life
from tests.soak.steps import KINDS
from tests.support.hosttree import directory_in_memory

FIFTHS: Final = 5
RESTART_EVERY: Final = 100
"""Steps, on average, where restarts come at all."""
STEP_SECONDS: Final = 60.0
"""Of the soak's own clock, on average: a hundred thousand steps are ten weeks."""


@dataclass(slots=True)
class Report:
    """What a soak has seen so far."""

    seed: int
    steps: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    footprints: list[Footprint] = field(default_factory=list)
    journal_kib: list[float] = field(default_factory=list)
    notices: int = 0
    log_lines: int = 0
    fault: str | None = None
    """What was violated at step `steps`."""

    @property
    def grown(self) -> tuple[str, ...]:
        return tuple(growth(self.footprints)) if self.footprints else ()


class _Lines(logging.Handler):
    """Makes every line that the agent logs, and forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def emit(self, record: logging.LogRecord) -> None:
        record.getMessage()
        self.made += 1


def soak(
    steps: int, seed: int, *, state: Path | None = None, listeners: Sequence[Listener] = (), tell: Callable[[str], None] = print
) -> Report:
    """So many steps, or as many as there were until something was violated. `state`: the journal is below it."""
    report, notices, lines = Report(seed), Notices(), _Lines()
    logger = logging.getLogger("pcipt_agent")
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(lines)
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(dir=state) as directory, directory_in_memory() as tree:
            life = Life(Path(directory), tree, Random(seed), (notices, *listeners))
            _live(life, report, steps, tell)
            life.close()
    except (SoakFault, PciptError) as fault:
        report.fault = f"{type(fault).__name__}: {fault}"
    except BaseException as fault:
        fault.add_note(f"at step {report.steps} of seed {seed}")
        raise
    finally:
        logger.removeHandler(lines)
        logger.level, logger.propagate = before
        report.seconds = time.monotonic() - begun
        report.notices, report.log_lines = notices.made, lines.made
    return report


def _live(life: Life, report: Report, steps: int, tell: Callable[[str], None]) -> None:
    names, weights = list(KINDS), [kind.weight for kind in KINDS.values()]
    for number in range(1, steps + 1):
        report.steps = number
        fifth = (number - 1) * FIFTHS // steps
        if fifth in (0, FIFTHS - 1) and life.rng.random() < 1 / RESTART_EVERY:
            _restart(life, report)
        else:
            _step(life, report, *life.rng.choices(names, weights))
        life.check()
        life.clock.seconds += life.rng.random() * 2 * STEP_SECONDS
        if number * FIFTHS // steps > fifth:
            life.rest()
            report.footprints.append(footprint(number))
            report.journal_kib.append(life.journal_kib())
            tell(f"{number} steps: {report.footprints[-1].rss_mib:.1f} MiB, {sum(report.refusals.values())} refusals")


def _restart(life: Life, report: Report) -> None:
    kill = life.rng.random() < 0.5
    report.kinds["kill and start" if kill else "restart"] += 1
    if life.rng.random() < 0.1:
        life.machine.reboot()
    refused = life.restart(kill=kill)
    if refused is not None:
        report.refusals[f"start: {refused}"] += 1


def _step(life: Life, report: Report, name: str) -> None:
    report.kinds[name] += 1
    try:
        KINDS[name].do(life)
    except Refusal as refusal:
        if refusal.code not in KINDS[name].codes:
            raise SoakFault(f"{name} was refused with {refusal.code}: {refusal}") from refusal
        report.refusals[f"{name}: {refusal.code}"] += 1
