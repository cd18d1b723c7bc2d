# SPDX-License-Identifier: Apache-2.0
"""The configuration, as far as a command needs it.

A command that only calls the agent reads where the agent is, and nothing of the rules: a mistake in them must not stand between an
operator and a daemon that runs on yesterday's.

Does not know: what options mean (`conf`), what is done with them.
"""

from argparse import Namespace
from pathlib import Path

from oslo_config import cfg

from pcipt_agent.conf.settings import Settings, read_settings
from pcipt_agent.conf.sources import Sources, read_sources
from pcipt_agent.errors import ConfigError


def settings(command: Namespace, conf: cfg.ConfigOpts) -> Settings:
    """Our options' values, of which only `[DEFAULT]` is sure to be sound. Raises ConfigError."""
    read = read_sources(conf, sources_of(command))
    found, mistakes = read_settings(conf, [str(file.path) for file in read.own])
    in_the_way = [mistake for mistake in mistakes if mistake.option.startswith("[DEFAULT] ")]
    if in_the_way:
        raise ConfigError(in_the_way)
    return found


def default_settings() -> Settings:
    """As they are where no file says otherwise."""
    conf = cfg.ConfigOpts()
    read_sources(conf, Sources(default_files=()))
    return read_settings(conf, [])[0]


def sources_of(command: Namespace) -> Sources:
    """The files that the command line names; without any, oslo.config looks for pcipt-agent.conf where configuration is kept."""
    options = {"--config-file": command.config_file, "--config-dir": command.config_dir}
    args = [word for option, names in options.items() for name in names or () for word in (option, name)]
    return Sources(args=args, nova_conf=None if command.nova_conf is None else Path(command.nova_conf))
