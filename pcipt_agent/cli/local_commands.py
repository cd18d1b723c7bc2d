# SPDX-License-Identifier: Apache-2.0
"""Commands that look at this machine themselves, and their options.

Does not know: what the commands do, those that only call the agent (`cli.parser`).
"""

from pcipt_agent.cli import options


def declare(add: options.Add) -> None:
    """All of them."""
    for each in (_check_config, _doctor, _capture, _completion):
        each(add)


def _check_config(add: options.Add) -> None:
    command = options.command(
        add,
        "check-config",
        "check the configuration as the agent would, and show what each entry matches",
        "pcipt check-config",
        "pcipt check-config --config-file my.conf",
        "pcipt check-config --nova-conf /etc/nova/nova.conf --host rack7.host",
        "pcipt check-config --against-running     (what a reload would change)",
        note="With --against-running, exit code 1: the agent would refuse them. Without --config-file its own files are compared.",
    )
    command.add_argument(
        "--against-running", action="store_true", help="also ask the agent what these rules would change on it; nothing is taken"
    )
    options.formatting(command)
    options.reach(command, without_agent=True)


def _doctor(add: options.Add) -> None:
    command = options.command(
        add,
        "doctor",
        "say what is missing on this host, each with the command that mends it",
        "pcipt doctor",
        "pcipt doctor --format json",
        "pcipt doctor --host / --config-file my.conf     (without asking agent or libvirt)",
        note="Run as root it sees most; what it can't see, it says. Exit code 1: there is a problem. Warnings are no problem.",
    )
    options.formatting(command)
    options.reach(command, without_agent=True, timeout_seconds=5.0)


def _capture(add: options.Add) -> None:
    command = options.command(
        add,
        "capture",
        "write this host's PCI state as a text that a person can read and --host FILE runs on",
        "pcipt capture > rack7.host",
        "pcipt capture --without-serials --output rack7.host     (to be published)",
        "pcipt devices --host rack7.host",
    )
    command.add_argument(
        "--output",
        type=options.path,
        metavar="FILE",
        help="write there instead of to standard output; a file that is there is kept",
    )
    command.add_argument("--without-serials", action="store_true", help="leave out serial numbers, MAC addresses and the boot id")
    command.add_argument(
        "--host",
        type=options.path,
        metavar="DIR|FILE",
        default="/",
        help="the host below DIR, or described in FILE; default: this one",
    )


def _completion(add: options.Add) -> None:
    command = options.command(
        add,
        "completion",
        "print the script by which a shell completes this command line",
        "pcipt completion bash > /etc/bash_completion.d/pcipt",
        "pcipt completion zsh > /usr/local/share/zsh/site-functions/_pcipt",
        note="For bash that is done by pcipt install.",
    )
    command.add_argument("shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh")
