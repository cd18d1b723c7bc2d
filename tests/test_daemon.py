# SPDX-License-Identifier: Apache-2.0
"""The daemon's own configuration, read again while it runs: its log levels. (The daemon whole: tests/system/test_daemon.py.)"""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcipt_agent.daemon import OwnConfiguration
from tests.support.planned import host


@pytest.fixture
def levels() -> Iterator[None]:
    """The levels of this process are as before afterwards."""
    loggers = [logging.getLogger(name) for name in (None, "amqp")]
    before = [each.level for each in loggers]
    yield
    for each, level in zip(loggers, before, strict=True):
        each.setLevel(level)


@pytest.mark.usefixtures("levels")
def test_log_levels_are_those_of_the_files_that_were_read_last(tmp_path: Path) -> None:
    path = tmp_path / "agent.conf"
    configuration = OwnConfiguration(["--config-file", str(path)])
    for text, root, library in (
        ("debug = true\ndefault_log_levels = amqp=ERROR\n", logging.DEBUG, logging.ERROR),
        ("default_log_levels = amqp=DEBUG\n", logging.INFO, logging.DEBUG),
    ):
        path.write_text(f"[DEFAULT]\n{text}")
        configuration.read(host())
        configuration.take_log_levels()
        assert (logging.getLogger().level, logging.getLogger("amqp").level) == (root, library)


@pytest.mark.usefixtures("levels")
def test_the_command_line_still_counts(tmp_path: Path) -> None:
    path = tmp_path / "agent.conf"
    path.write_text("[DEFAULT]\n")
    configuration = OwnConfiguration(["--config-file", str(path), "--debug"])
    configuration.read(host())
    configuration.take_log_levels()
    assert logging.getLogger().level == logging.DEBUG
