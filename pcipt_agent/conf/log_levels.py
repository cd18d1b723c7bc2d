# SPDX-License-Identifier: Apache-2.0
"""Log levels: what `[DEFAULT] debug` and `default_log_levels` say, judged before anything is made of it.

oslo.log, whose options they are, takes a level that there is none of for a fault of the program; here it is a mistake of the
operator's, at a start and at a reload alike.

Does not know: loggers (`daemon`).
Source: oslo_log.log._setup_logging_from_conf, logging._nameToLevel.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from oslo_config import cfg

from pcipt_agent.conf.files import read_file
from pcipt_agent.errors import Mistake

_NUMBERS: Final[Mapping[str, int]] = {
    "CRITICAL": 50,
    "FATAL": 50,
    "ERROR": 40,
    "WARNING": 30,
    "WARN": 30,
    "INFO": 20,
    "DEBUG": 10,
    "TRACE": 5,
    "NOTSET": 0,
}
_DIGITS: Final = 9
"""More than any logger's level has."""
_RIGHT: Final = "LOGGER=LEVEL, with commas between several; LEVEL is CRITICAL, ERROR, WARNING, INFO, DEBUG or a whole number"


def level_of(text: str) -> int | None:
    """The number of a level, by its name or as a number; None where it is neither."""
    if text in _NUMBERS:
        return _NUMBERS[text]
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def levels_in(pairs: Sequence[str]) -> dict[str, int]:
    """Logger → level. What `mistakes_in_log_levels` has something against is left out."""
    named = [pair.partition("=") for pair in pairs]
    return {name: number for name, _, text in named if (number := level_of(text)) is not None}


def mistakes_in_log_levels(files: Sequence[str]) -> tuple[Mistake, ...]:
    """Read apart, because only the daemon has oslo.log's options."""
    own = cfg.ConfigOpts()
    own.register_opts([cfg.BoolOpt("debug", default=False), cfg.ListOpt("default_log_levels", default=[])])
    own([], default_config_files=list(files), default_config_dirs=[])
    return (*_of_debug(own, files), *_of_levels(own, files))


def _of_debug(own: cfg.ConfigOpts, files: Sequence[str]) -> Iterator[Mistake]:
    try:
        own["debug"]
    except (cfg.Error, ValueError):
        value = _written(files, "debug")
        yield Mistake("[DEFAULT] debug", None, None, f"{value} is neither true nor false", "true or false", f"debug = {value}")


def _of_levels(own: cfg.ConfigOpts, files: Sequence[str]) -> Iterator[Mistake]:
    option, source = "[DEFAULT] default_log_levels", f"default_log_levels = {_written(files, 'default_log_levels')}"
    try:
        pairs: Sequence[str] = own["default_log_levels"]
    except (cfg.Error, ValueError) as error:
        yield Mistake(option, None, None, str(error).rpartition(" is not valid: ")[2], _RIGHT, source)
        return
    for number, pair in enumerate(pairs, start=1):
        _, _, level = pair.partition("=")
        if level_of(level) is None:
            yield Mistake(option, number, None, f"{pair} names no level" if not level else f"{level} is no level", _RIGHT, source)


def _written(files: Sequence[str], option: str) -> str:
    values = [value for file in files for value in read_file(Path(file)).values("DEFAULT", option)]
    return values[-1] if values else ""
