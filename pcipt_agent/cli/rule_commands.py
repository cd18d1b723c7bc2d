# SPDX-License-Identifier: Apache-2.0
"""Commands by which an operator brings the agent in line with what was changed beside it: its configuration, and guests.

Does not know: what the commands do.
"""

from pcipt_agent.cli import options


def declare(add: options.Add) -> None:
    """All of them."""
    for each in (_reload, _adopt):
        each(add)


def _reload(add: options.Add) -> None:
    command = options.command(
        add,
        "reload",
        "have the agent read its configuration again, and print what that changes",
        "pcipt reload --dry-run     (only say what would change)",
        "pcipt reload",
        "pcipt check-config --against-running --config-file new.conf     (before the file is in its place)",
        note="On any mistake the old rules stay. `systemctl reload pcipt-agent` does the same, and its log says what changed.",
    )
    options.formatting(command)
    command.add_argument("--dry-run", action="store_true", help="say what would change, and take nothing")
    options.reach(command)


def _adopt(add: options.Add) -> None:
    command = options.command(
        add,
        "adopt",
        "make allocated claims of what guests have without one",
        "pcipt adopt --dry-run",
        "pcipt adopt",
        "pcipt adopt instance-0000002a     (one domain, by name or UUID)",
        note="For guests that are older than the agent, or than its journal. The consumer is the domain's UUID.",
    )
    options.formatting(command)
    command.add_argument("domain", nargs="?", metavar="DOMAIN", help="name or UUID of one domain; default: all of them")
    command.add_argument("--dry-run", action="store_true", help="say what would be adopted, and adopt nothing")
    options.reach(command)
