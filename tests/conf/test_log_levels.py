# SPDX-License-Identifier: Apache-2.0
"""Log levels that are none are an operator's mistake, and the rest is what oslo.log makes of them."""

import logging
from pathlib import Path

import pytest
from oslo_log import log

from pcipt_agent.conf.log_levels import level_of, levels_in, mistakes_in_log_levels


def mistakes(path: Path, text: str) -> list[tuple[str, int | None, str]]:
    path.write_text(f"[DEFAULT]\n{text}\n")
    return [(each.option, each.entry, each.problem) for each in mistakes_in_log_levels([str(path)])]


@pytest.mark.parametrize("name", ["CRITICAL", "FATAL", "ERROR", "WARNING", "WARN", "INFO", "DEBUG", "TRACE", "NOTSET"])
def test_a_level_has_the_number_that_logging_gives_it(name: str) -> None:
    assert level_of(name) == logging.getLevelName(name)
    assert level_of("TRACE") == log.TRACE


@pytest.mark.parametrize("text", ["", "LOUD", "debug", "-1", "1.5", "9" * 5000, "٣"])
def test_what_is_no_level_has_none(text: str) -> None:
    assert level_of(text) is None


def test_levels_are_by_logger_and_the_last_word_counts() -> None:
    assert levels_in(["amqp=WARN", "a.b=7", "amqp=ERROR", "nothing", "c=LOUD"]) == {"amqp": 40, "a.b": 7}


def test_each_that_is_none_is_a_mistake_of_its_own(tmp_path: Path) -> None:
    option = "[DEFAULT] default_log_levels"
    found = mistakes(tmp_path / "a.conf", "debug = perhaps\ndefault_log_levels = amqp=LOUD,kombu=WARN,sqlite3")
    assert found == [
        ("[DEFAULT] debug", None, "perhaps is neither true nor false"),
        (option, 1, "LOUD is no level"),
        (option, 3, "sqlite3 names no level"),
    ]


@pytest.mark.parametrize("text", ["", "debug = yes", "default_log_levels = amqp=10,kombu=TRACE", "default_log_levels ="])
def test_what_oslo_log_takes_is_no_mistake(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path / "a.conf", text) == []


def test_a_name_that_stands_for_no_option_is_a_mistake(tmp_path: Path) -> None:
    ((option, _, _),) = mistakes(tmp_path / "a.conf", "default_log_levels = $nothing=INFO")
    assert option == "[DEFAULT] default_log_levels"
