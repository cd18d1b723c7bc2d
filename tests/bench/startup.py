# SPDX-License-Identifier: Apache-2.0
"""How long a person waits for `pcipt` to start: help against bare Python, a call against importing oslo.messaging.

Whole processes, ours and the floor in turn, so that what else the machine does falls on both; the ratio is the pairs' median.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.running import configured, program, running_agent

HELP_LIMIT, CALL_LIMIT = 3.0, 1.6
EXAMPLE_HOST = Path(__file__).parents[2] / "etc/pcipt-agent/example.host"


@dataclass(frozen=True, slots=True)
class StartupRow:
    """One command against its floor; medians of whole processes."""

    command: str
    floor: str
    command_ms: float
    floor_ms: float
    ratio: float
    limit: float


def startup_rows(directory: Path, rounds: int) -> tuple[StartupRow, ...]:
    """`directory` is an empty one for the agent that the calls reach."""
    config_file = configured(directory, EXAMPLE_HOST, "device_spec = {}\n")
    config = ("--config-file", str(config_file))
    rows = [_row(("--help",), "pass", HELP_LIMIT, rounds), _row(("claim", "--help"), "pass", HELP_LIMIT, rounds)]
    with running_agent(config_file):
        for command in (("version",), ("devices",), ("claims", "--format", "json")):
            rows.append(_row((*command, *config), "import oslo_messaging", CALL_LIMIT, rounds))
    return tuple(rows)


def _row(command: Sequence[str], floor: str, limit: float, rounds: int) -> StartupRow:
    ours, floors = [], []
    for _ in range(rounds):
        floors.append(_milliseconds([sys.executable, "-c", floor]))
        ours.append(_milliseconds([program("pcipt"), *command]))
    return StartupRow(
        command="pcipt " + " ".join(word for word in command if not word.startswith(("/", "--config"))),
        floor=f"python -c '{floor}'",
        command_ms=statistics.median(ours),
        floor_ms=statistics.median(floors),
        ratio=statistics.median(mine / bare for mine, bare in zip(ours, floors, strict=True)),
        limit=limit,
    )


def _milliseconds(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1000
