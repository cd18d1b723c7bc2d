# SPDX-License-Identifier: Apache-2.0
"""The command line: every command, its options, and help that teaches by example.

Commands for claims are here, those of an operator of the agent in `cli.operator_commands`, those that look at this machine in
`cli.local_commands`, those that change it in `cli.host_commands`, those that bring the agent in line with what was changed beside
it in `cli.rule_commands`, and what several take is in `cli.options`.

Does not know: what the commands do.
"""

import sys
from argparse import Action, ArgumentParser, _SubParsersAction
from typing import Final, Never

from pcipt_agent.cli import host_commands, local_commands, operator_commands, options, rule_commands

STATUSES = (
    *("lost", "unlisted", "claimed", "allocated", "occupied", "not-assignable", "used-by-host", "settling", "unusable"),
    *("dirty", "disabled", "blocked", "free"),
)
TYPES = ("type-PCI", "type-PF", "type-VF", "vdpa")
STATES = ("claimed", "allocated")

_GROUPS: Final = {
    "see what is there, and why": ("devices", "pools", "claims", "explain", "history", "events"),
    "claims, as nova or a script makes them": ("claim", "allocate", "render", "free"),
    "operate the agent": ("status", "disable", "enable", "clean", "adopt", "reload"),
    "set up and examine this host": ("install", "doctor", "check-config", "set-up", "journal", "capture", "uninstall"),
    "about this program": ("completion", "version"),
}
"""How `pcipt --help` shows the commands."""
_EXIT_CODES = "exit codes: 0 done, 1 refused, or needs attention, 2 mistake in usage or configuration, 3 agent not reachable"


def command_line() -> ArgumentParser:
    """The whole command line."""
    top = _Top(prog="pcipt", description="PCI passthrough on this host: devices, claims, and why not.", allow_abbrev=False)
    top.add_argument("--version", action=_Version, nargs=0, help="print this program's version; pcipt version asks the agent too")
    options.teach(
        top,
        (
            "pcipt doctor     (what this host lacks, before or after pcipt install)",
            "pcipt check-config     (what the configuration means on this host)",
            "pcipt status",
            "pcipt devices",
            "pcipt explain request 'a1:2'",
            "pcipt claim 'a1:2' --consumer UUID",
            "pcipt free CLAIM",
        ),
        f"pcipt COMMAND --help teaches each by examples.\n{_EXIT_CODES}",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=ArgumentParser)
    for declare in (_devices, _pools, _claims, _claim, _allocate, _free, _render, _explain):
        declare(commands.add_parser)
    operator_commands.declare(commands.add_parser)
    rule_commands.declare(commands.add_parser)
    local_commands.declare(commands.add_parser)
    host_commands.declare(commands.add_parser)
    _version(commands.add_parser)
    return top


class _Top(ArgumentParser):
    """Its help shows the commands in groups, by what they are for."""

    def format_help(self) -> str:
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        commands = (action for action in self._actions if isinstance(action, _SubParsersAction))
        purposes = {each.dest: each for action in commands for each in action._choices_actions}
        for heading, names in _GROUPS.items():
            formatter.start_section(heading)
            formatter.add_arguments([purposes[name] for name in names])
            formatter.end_section()
        formatter.start_section("options")
        formatter.add_arguments(self._get_optional_actions())
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


class _Version(Action):
    """As argparse's own, but the version is looked up only where it is asked for."""

    def __call__(self, *_: object, **__: object) -> Never:
        from importlib.metadata import version

        sys.stdout.write(f"pcipt {version('pcipt-agent')}\n")
        sys.exit(0)


def _devices(add: options.Add) -> None:
    command = options.command(
        add,
        "devices",
        "list the host's devices, with status and consumer",
        "pcipt devices",
        "pcipt devices --status free --type type-VF --numa 1 --table",
        "pcipt devices --host / --config-file my.conf     (without the agent)",
    )
    options.formatting(command)
    command.add_argument("--table", action="store_true", help="a flat table instead of the tree")
    command.add_argument("--status", choices=STATUSES, help="only devices of this status")
    command.add_argument("--type", choices=TYPES, dest="device_type", help="only devices of this type")
    command.add_argument("--numa", type=int, dest="numa_node", metavar="NODE", help="only devices of this NUMA node")
    command.add_argument("--consumer", type=options.uuid, metavar="UUID", help="only devices that this consumer holds")
    options.reach(command, without_agent=True)


def _pools(add: options.Add) -> None:
    command = options.command(
        add,
        "pools",
        "list pools: devices that are equal for selection, with how many are free",
        "pcipt pools",
        "pcipt pools --format json",
    )
    options.formatting(command)
    options.reach(command, without_agent=True)


def _claims(add: options.Add) -> None:
    command = options.command(
        add,
        "claims",
        "list claims and what they hold",
        "pcipt claims",
        "pcipt claims --state claimed",
        "pcipt claims --consumer 8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10",
    )
    options.formatting(command)
    command.add_argument("claim", nargs="?", type=options.line, metavar="CLAIM", help="only the claim of this claim_id")
    command.add_argument("--state", choices=STATES, help="only claims in this state")
    command.add_argument("--consumer", type=options.uuid, metavar="UUID", help="only claims of this consumer")
    options.reach(command)


def _claim(add: options.Add) -> None:
    command = options.command(
        add,
        "claim",
        "claim devices for a consumer; prints the libvirt XML",
        "pcipt claim 'a1:2' --consumer 8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10",
        "pcipt claim 'gpu:1' --consumer UUID --numa 0,1 --policy required --dry-run",
        "pcipt claim --address 0000:3b:00.2 --consumer UUID     (repair: this very device)",
        note="The same --claim-id again gives the same answer; without one, a new id is made and printed.",
    )
    options.formatting(command)
    options.wish(command)
    command.add_argument(
        "--address", action="append", type=options.address, default=[], metavar="ADDRESS", help="this very device; may be repeated"
    )
    command.add_argument(
        "--consumer", type=options.uuid, required=True, metavar="UUID", help="who is to hold them: the instance's UUID"
    )
    command.add_argument(
        "--claim-id", type=options.line, metavar="ID", help="the key that makes a retry harmless; up to 255 characters"
    )
    command.add_argument("--move-id", type=options.line, metavar="ID", help="joins the two claims of a move")
    command.add_argument("--dry-run", action="store_true", help="answer as if, and claim nothing")
    command.add_argument("--if-generation", metavar="G", help="refuse when the inventory is no longer of this generation")
    options.reach(command)


def _allocate(add: options.Add) -> None:
    command = options.command(add, "allocate", "say that a guest has the devices of a claim", "pcipt allocate CLAIM")
    options.formatting(command)
    options.claim_id(command)
    options.reach(command)


def _free(add: options.Add) -> None:
    command = options.command(
        add,
        "free",
        "end a claim; its devices are free again",
        "pcipt free CLAIM",
        "pcipt free CLAIM --unused",
        note="Freeing always works, also twice, and also a claim whose device is lost. The id is never claimed again.",
    )
    options.formatting(command)
    options.claim_id(command)
    command.add_argument(
        "--unused",
        action="store_true",
        help="no guest has had the devices: one-time use has not made them dirty, if libvirt agrees",
    )
    options.reach(command)


def _render(add: options.Add) -> None:
    command = options.command(
        add,
        "render",
        "print the libvirt XML of a claim, alone or placed into a domain",
        "pcipt render CLAIM",
        "pcipt render CLAIM --domain guest.xml > with-devices.xml",
        "virsh dumpxml --inactive guest | pcipt render CLAIM --domain - | virsh define /dev/stdin",
    )
    options.formatting(command)
    options.claim_id(command)
    command.add_argument(
        "--domain",
        type=options.path,
        metavar="FILE",
        help="libvirt domain document to place the devices into; - reads standard input",
    )
    options.reach(command)


def _explain(add: options.Add) -> None:
    command = options.command(
        add,
        "explain",
        "say why: one device's status, or what a request would get",
        "pcipt explain device 0000:3b:00.2",
        "pcipt explain request 'a1:2' --numa 0,1 --policy required",
    )
    subjects = command.add_subparsers(dest="subject", required=True, metavar="SUBJECT")
    device = options.command(
        subjects.add_parser,
        "device",
        "which device_spec entry matches a device, why each other does not, and its status",
        "pcipt explain device 0000:3b:00.2",
        "pcipt explain device 0000:3b:00.2 --host tests/hosts/gpu.host --config-file my.conf",
    )
    options.formatting(device)
    device.add_argument("address", type=options.address, metavar="ADDRESS", help="domain:bus:slot.function, as lspci -D prints it")
    options.reach(device, without_agent=True)
    request = options.command(
        subjects.add_parser,
        "request",
        "which devices a request would get now, or which filter leaves too few and why",
        "pcipt explain request 'a1:2'",
        "pcipt explain request 'gpu:1' --numa 0,1 --policy required --group-policy isolate",
        "pcipt explain request a1 --host / --config-file my.conf     (without the agent)",
    )
    options.formatting(request)
    options.wish(request)
    options.reach(request, without_agent=True)


def _version(add: options.Add) -> None:
    command = options.command(add, "version", "print the versions of this command and of the agent", "pcipt version")
    options.formatting(command)
    options.reach(command)
