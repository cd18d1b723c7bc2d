# SPDX-License-Identifier: Apache-2.0
"""The configuration, as far as a command needs it.

A command that only calls the agent reads where the agent is, and nothing of the rules: a mistake in them must not stand between an
operator and a daemon that runs on yesterday's.

Does not know: what options mean (`conf`), what is done with them.
"""

from argparse import Namespace

from oslo_config import cfg

from pcipt_agent.conf.opts import register_opts
from pcipt_agent.conf.settings import Settings, read_settings
from pcipt_agent.errors import ConfigError, Mistake


def settings(command: Namespace, conf: cfg.ConfigOpts) -> Settings:
    """Our options' values; `conf` has been parsed when this returns. Raises ConfigError."""
    register_opts(conf)
    try:
        conf(arguments_of(command), project="pcipt-agent")
    except (cfg.Error, OSError, ValueError) as error:
        remedy = "a config file that is there and may be read"
        raise ConfigError([Mistake("--config-file", None, None, str(error), remedy)]) from error
    found, mistakes = read_settings(conf, conf.config_file or [])
    if mistakes:
        raise ConfigError(mistakes)
    return found


def arguments_of(command: Namespace) -> list[str]:
    """For oslo.config; without any, it looks for pcipt-agent.conf where configuration is kept."""
    return [word for name in command.config_file or () for word in ("--config-file", name)]
