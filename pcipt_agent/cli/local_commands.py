# SPDX-License-Identifier: Apache-2.0
"""Commands that look at this machine themselves, and their options.

Does not know: what the commands do, those that only call the agent (`cli.parser`).
"""

from pcipt_agent.cli import options


def declare(add: options.Add) -> None:
    """All of them."""
    for each in (_check_config, _capture, _completion):
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


def _capture(add: options.Add) -> None:
    command = options.command(
        add,
        "capture",
        "write this host's PCI state as a text that a person can read and --host FILE runs on",
        "pcipt capture > rack7.host",
        "pcipt capture --without-serials --output rack7.host     (to be published)",
        "pcipt devices --host rack7.host",
    )
    command.add_argument("--output", metavar="FILE", help="write there instead of to standard output; a file that is there is kept")
    command.add_argument("--without-serials", action="store_true", help="leave out serial numbers, MAC addresses and the boot id")
    command.add_argument(
        "--host", metavar="DIR|FILE", default="/", help="the host below DIR, or described in FILE; default: this one"
    )


def _completion(add: options.Add) -> None:
    command = options.command(
        add,
        "completion",
        "print the script by which a shell completes this command line",
        "pcipt completion bash > /etc/bash_completion.d/pcipt",
        "pcipt completion zsh > /usr/local/share/zsh/site-functions/_pcipt",
    )
    command.add_argument("shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh")
