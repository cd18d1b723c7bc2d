# SPDX-License-Identifier: Apache-2.0
"""Sources: the files that hold the configuration, read by oslo.config for their values and beside it for what it passes over.

Daemon and CLI take the same files in the same way, so both agree on where the agent is and what its rules are.

Does not know: what options mean (`conf.settings`, `conf.loading`).
"""

import glob
import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from oslo_config import cfg

from pcipt_agent.conf import nova_conf
from pcipt_agent.conf.files import ConfigFile, read_file
from pcipt_agent.conf.nova_conf import NovaConf
from pcipt_agent.conf.opts import register_opts
from pcipt_agent.errors import ConfigError, Mistake

_AS_WHOM: Final = "a config file that this user may read: run it with sudo, or as a member of the group that the file has"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the configuration is."""

    args: Sequence[str] = ()
    """For oslo.config: --config-file, --config-dir, and the options that the caller has registered for the command line."""
    nova_conf: Path | None = None
    default_files: Sequence[Path] | None = None
    """Read where `args` name none; None: where oslo.config looks for pcipt-agent.conf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesRead:
    """The files, before anybody asked what they mean."""

    own: tuple[ConfigFile, ...]
    """In the order in which oslo.config reads them: the last one that gives an option decides."""
    nova_file: ConfigFile | None
    nova: NovaConf | None
    """What came of `nova_file`."""


def read_sources(conf: cfg.ConfigOpts, sources: Sources) -> SourcesRead:
    """The files; `conf` has been parsed when this returns, and stands for them. Raises ConfigError where one can't be read.

    Raises SystemExit, as argparse does, where `args` are no arguments of `conf`.
    """
    register_opts(conf)
    nova_conf.forget(conf)
    own = _parse(conf, sources)
    if sources.nova_conf is None:
        return SourcesRead(own=own, nova_file=None, nova=None)
    file = nova_conf.read_nova_conf(sources.nova_conf)
    try:
        return SourcesRead(own=own, nova_file=file, nova=nova_conf.take(conf, file, own))
    except (cfg.Error, ValueError) as error:
        problem = f"{file.path}: {error}"
        raise ConfigError([Mistake(nova_conf.OPTION, None, None, problem, "a nova.conf that nova reads")]) from error


def _parse(conf: cfg.ConfigOpts, sources: Sources) -> tuple[ConfigFile, ...]:
    """Makes `conf` read its files, and reads them beside it."""
    defaults = None if sources.default_files is None else [str(path) for path in sources.default_files]
    try:
        with _mistakes_not_printed():
            conf(list(sources.args), project="pcipt-agent", default_config_files=defaults)
    except cfg.ConfigFilesNotFoundError as error:
        raise _unreadable([f"{path}: no such file" for path in error.config_files]) from error
    except cfg.ConfigFilesPermissionDeniedError as error:
        raise _unreadable([f"{path}: permission denied" for path in error.config_files], remedy=_AS_WHOM) from error
    except cfg.ConfigDirNotFoundError as error:
        problems = [f"{error.config_dir}: no such directory"]
        raise _unreadable(problems, "--config-dir", remedy="a directory that is there and may be read") from error
    except cfg.ConfigFileParseError as error:
        read_file(Path(error.config_file))
        raise _unreadable([str(error)]) from error
    except (cfg.Error, OSError, ValueError) as error:
        for name in [*_files_in(sources.args), *(defaults or ())]:
            read_file(Path(name))
        raise _unreadable([str(error)]) from error
    names = list(conf.config_file or ())
    for directory in conf.config_dir or ():
        names += sorted(glob.glob(f"{directory}/*.conf"))  # noqa: PTH207 -- as oslo.config does it
    return tuple(read_file(Path(name)) for name in names)


@contextmanager
def _mistakes_not_printed() -> Iterator[None]:
    """oslo.config prints and exits for a value in a file of an option that may be given on the command line too (10.0, with 1)."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            yield
    except SystemExit as end:
        found = _PRINTED.fullmatch(said.getvalue().rstrip("\n"))
        if found is not None:
            option, problem = found["option"].replace("-", "_"), found["problem"]
            remedy = "true or false" if "Boolean" in problem else "a value of that kind"
            raise ConfigError([Mistake(f"[DEFAULT] {option}", None, None, problem[:1].lower() + problem[1:], remedy)]) from end
        sys.stderr.write(said.getvalue())
        raise


_PRINTED = re.compile(r"argument --(?P<option>\S+): (?P<problem>[^\n]*)")


def _files_in(args: Sequence[str]) -> list[str]:
    """The config files that `args` name; asked where oslo.config fails on one without saying which."""
    apart = [value for word, value in pairwise(args) if word == "--config-file"]
    return apart + [word.partition("=")[2] for word in args if word.startswith("--config-file=")]


def _unreadable(
    problems: Sequence[str], option: str = "--config-file", *, remedy: str = "a config file that is there and may be read"
) -> ConfigError:
    return ConfigError([Mistake(option, None, None, each, remedy) for each in problems])
