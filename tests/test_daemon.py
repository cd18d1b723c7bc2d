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
    loggers = [logging.getLogger(name) for name in (None, "amqp", "kombu")]
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


@pytest.mark.usefixtures("levels")
def test_a_logger_that_is_named_no_more_has_no_level_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "agent.conf"
    configuration = OwnConfiguration(["--config-file", str(path)])
    for text, level in (("amqp=ERROR,kombu=7", logging.ERROR), ("kombu=7", logging.NOTSET)):
        path.write_text(f"[DEFAULT]\ndefault_log_levels = {text}\n")
        configuration.read(host())
        configuration.take_log_levels()
        assert (logging.getLogger("amqp").level, logging.getLogger("kombu").level) == (level, 7)


@pytest.mark.usefixtures("levels")
def test_levels_of_a_file_of_loggings_own_are_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "agent.conf"
    configuration = OwnConfiguration(["--config-file", str(path)])
    logging.getLogger("amqp").setLevel(logging.ERROR)
    path.write_text("[DEFAULT]\nlog_config_append = logging.ini\ndefault_log_levels = amqp=DEBUG\n")
    configuration.read(host())
    configuration.take_log_levels()
    assert logging.getLogger("amqp").level == logging.ERROR
