# SPDX-License-Identifier: Apache-2.0
"""Commands that look at this machine themselves, and their options.

Does not know: what the commands do, those that only call the agent (`cli.parser`).
"""

from pcipt_agent.cli import options


def declare(add: options.Add) -> None:
    """All of them."""
    for each in (_check_config,):
        each(add)


def _check_config(add: options.Add) -> None:
    command = options.command(
        add,
        "check-config",
        "check the configuration as the agent would, and show what each entry matches",
        "pcipt check-config",
        "pcipt check-config --config-file my.conf",
        "pcipt check-config --nova-conf /etc/nova/nova.conf --host rack7.host",
    )
    options.formatting(command)
    options.configured(command)
    options.host(command)
