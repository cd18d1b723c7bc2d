# SPDX-License-Identifier: Apache-2.0
"""Config files as they are written: sections, options and values, before anybody knows what they mean.

oslo.config reads what is registered and passes over the rest without a word, so `dev_spec` instead of `device_spec` leaves a host
with nothing assignable and no hint. Its own parser reads the file here once more, for the names that nobody knows.

Does not know: what the options mean.
Source: oslo_config.cfg.ConfigParser.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oslo_config import cfg, iniparser

from pcipt_agent.conf.entry import did_you_mean, no_such
from pcipt_agent.errors import ConfigError, Mistake


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """Section (lower case, but `DEFAULT`) → option → its values, in the file's order."""

    path: Path
    sections: Mapping[str, Mapping[str, tuple[str, ...]]]

    def values(self, section: str, option: str) -> tuple[str, ...]:
        """What the file gives the option; empty where it does not name it."""
        return self.sections.get(section, {}).get(option, ())


def read_file(path: Path, *, option: str = "--config-file", unreadable: str = "") -> ConfigFile:
    """The file, or ConfigError naming it. `unreadable` is what helps where it may not be read."""
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(str(path), sections).parse()
    except iniparser.ParseError as error:
        raise ConfigError([_not_parsed(path, error, option)]) from error
    except UnicodeDecodeError as error:
        problem = f"{path} is no text in UTF-8: {error.reason} at byte {error.start}"
        raise ConfigError([Mistake(option, None, None, problem, "a config file")]) from error
    except OSError as error:
        remedy = unreadable if isinstance(error, PermissionError) and unreadable else "a config file that may be read"
        raise ConfigError([Mistake(option, None, None, f"{path}: {error.strerror}", remedy)]) from error
    joined: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, options in sections.items():
        section = joined.setdefault(_normal(name), {})
        for key, values in options.items():
            section[key] = section.get(key, ()) + tuple(values)
    return ConfigFile(path, joined)


def _normal(section: str) -> str:
    """oslo.config takes group names in any case, but for DEFAULT."""
    return section if section == "DEFAULT" else section.lower()


def _not_parsed(path: Path, error: iniparser.ParseError, option: str) -> Mistake:
    problem = f"{path}, line {error.lineno}: {error.msg[:1].lower()}{error.msg[1:]}"
    line = error.line.rstrip("\n")
    remedy = "[section] on a line of its own, then option = value; a line that goes on begins with a blank"
    return Mistake(option, None, None, problem, remedy, line or None, (0, len(line)) if line else None)


@dataclass(frozen=True, slots=True)
class Unknown:
    """An option that nobody knows, with the one that was probably meant."""

    section: str
    option: str
    values: tuple[str, ...]
    meant: str | None
    mistake: Mistake


def unknown_options(files: Sequence[ConfigFile], known: Mapping[str, Sequence[str]]) -> tuple[Unknown, ...]:
    """The options in the sections of `known` that are not in its lists."""
    return tuple(
        _unknown(section, option, values, (file.path, names))
        for file in files
        for section, names in known.items()
        for option, values in file.sections.get(section, {}).items()
        if option not in names
    )


def misplaced_options(files: Sequence[ConfigFile], section: str, options: Sequence[str]) -> tuple[Mistake, ...]:
    """What of `options`, which are read in `section` alone, stands in another one: appended to the file's end, or under a slip."""
    return tuple(
        Mistake(
            option=f"[{other}] {option}",
            entry=None,
            key=None,
            problem=f"is read in [{section}] only ({file.path})",
            remedy=f"it below a line [{section}]",
            source="\n".join(f"{option} = {value}" for value in given[option]),
            span=(0, len(option)),
        )
        for file in files
        for other, given in file.sections.items()
        for option in given
        if other != section and option in options
    )


def _unknown(section: str, option: str, values: tuple[str, ...], where: tuple[Path, Sequence[str]]) -> Unknown:
    path, names = where
    meant = did_you_mean(option, names)
    source = "\n".join(f"{option} = {value}" for value in values)
    right = f"one of: {', '.join(names)}" if meant is None else f"{meant} = …"
    mistake = Mistake(
        option=f"[{section}] {option}",
        entry=None,
        key=None,
        problem=f"{no_such('option', option, names)} ({path})",
        remedy=right,
        source=source,
        span=(0, len(option)),
    )
    return Unknown(section, option, values, meant, mistake)
