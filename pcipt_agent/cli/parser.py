# SPDX-License-Identifier: Apache-2.0
"""The command line: every command, its options, and help that teaches by example.

The words that options choose from are written out here, so that `--help` need not import the core; a test holds them against it.

Does not know: what the commands do.
"""

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence

STATUSES = ("lost", "unlisted", "claimed", "allocated", "not-assignable", "unusable", "blocked", "free")
TYPES = ("type-PCI", "type-PF", "type-VF", "vdpa")
STATES = ("claimed", "allocated")
NUMA_POLICIES = ("required", "socket", "preferred", "legacy")
GROUP_POLICIES = ("none", "isolate")

_EXIT_CODES = "exit codes: 0 done, 1 refused, 2 mistake in usage or configuration, 3 agent not reachable"
_ALIAS_WISH = "what is wanted, as in the flavor extra spec pci_passthrough:alias: 'a1:2', or 'gpu:1, qat-c62x-vf:2'"

_Add = Callable[..., ArgumentParser]
"""`add_parser` of the commands, or of one command's subjects."""


def command_line() -> ArgumentParser:
    """The whole command line."""
    top = ArgumentParser(
        prog="pcipt", description="PCI passthrough on this host: devices, claims, and why not.", allow_abbrev=False
    )
    _teach(
        top,
        ("pcipt devices", "pcipt explain request 'a1:2'", "pcipt claim 'a1:2' --consumer UUID", "pcipt free CLAIM"),
        _EXIT_CODES,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for declare in (_devices, _pools, _claims, _claim, _allocate, _free, _render, _explain, _check_config, _version):
        declare(commands.add_parser)
    return top


def _devices(add: _Add) -> None:
    command = _command(
        add,
        "devices",
        "list the host's devices, with status and consumer",
        "pcipt devices",
        "pcipt devices --status free --type type-VF --numa 1 --table",
        "pcipt devices --host / --config-file my.conf     (without the agent)",
    )
    _formatting(command)
    command.add_argument("--table", action="store_true", help="a flat table instead of the tree")
    command.add_argument("--status", choices=STATUSES, help="only devices of this status")
    command.add_argument("--type", choices=TYPES, dest="device_type", help="only devices of this type")
    command.add_argument("--numa", type=int, dest="numa_node", metavar="NODE", help="only devices of this NUMA node")
    command.add_argument("--consumer", type=_uuid, metavar="UUID", help="only devices that this consumer holds")
    _reach(command, without_agent=True)


def _pools(add: _Add) -> None:
    command = _command(
        add,
        "pools",
        "list pools: devices that are equal for selection, with how many are free",
        "pcipt pools",
        "pcipt pools --format json",
    )
    _formatting(command)
    _reach(command, without_agent=True)


def _claims(add: _Add) -> None:
    command = _command(
        add,
        "claims",
        "list claims and what they hold",
        "pcipt claims",
        "pcipt claims --state claimed",
        "pcipt claims --consumer 8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10",
    )
    _formatting(command)
    command.add_argument("claim", nargs="?", metavar="CLAIM", help="only the claim of this claim_id")
    command.add_argument("--state", choices=STATES, help="only claims in this state")
    command.add_argument("--consumer", type=_uuid, metavar="UUID", help="only claims of this consumer")
    _reach(command)


def _claim(add: _Add) -> None:
    command = _command(
        add,
        "claim",
        "claim devices for a consumer; prints the libvirt XML",
        "pcipt claim 'a1:2' --consumer 8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10",
        "pcipt claim 'gpu:1' --consumer UUID --numa 0,1 --policy required --dry-run",
        "pcipt claim --address 0000:3b:00.2 --consumer UUID     (repair: this very device)",
        note="The same --claim-id again gives the same answer; without one, a new id is made and printed.",
    )
    _formatting(command)
    _wish(command)
    command.add_argument(
        "--address", action="append", type=_address, default=[], metavar="ADDRESS", help="this very device; may be repeated"
    )
    command.add_argument("--consumer", type=_uuid, required=True, metavar="UUID", help="who is to hold them: the instance's UUID")
    command.add_argument("--claim-id", metavar="ID", help="the key that makes a retry harmless; up to 255 characters")
    command.add_argument("--move-id", metavar="ID", help="joins the two claims of a move")
    command.add_argument("--dry-run", action="store_true", help="answer as if, and claim nothing")
    command.add_argument("--if-generation", metavar="G", help="refuse when the inventory is no longer of this generation")
    _reach(command)


def _allocate(add: _Add) -> None:
    command = _command(add, "allocate", "say that a guest has the devices of a claim", "pcipt allocate CLAIM")
    _formatting(command)
    _claim_id(command)
    _reach(command)


def _free(add: _Add) -> None:
    command = _command(
        add,
        "free",
        "end a claim; its devices are free again",
        "pcipt free CLAIM",
        note="Freeing always works, also twice, and also a claim whose device is lost. The id is never claimed again.",
    )
    _formatting(command)
    _claim_id(command)
    _reach(command)


def _render(add: _Add) -> None:
    command = _command(
        add,
        "render",
        "print the libvirt XML of a claim, alone or placed into a domain",
        "pcipt render CLAIM",
        "pcipt render CLAIM --domain guest.xml > with-devices.xml",
        "virsh dumpxml --inactive guest | pcipt render CLAIM --domain - | virsh define /dev/stdin",
    )
    _formatting(command)
    _claim_id(command)
    command.add_argument(
        "--domain", metavar="FILE", help="libvirt domain document to place the devices into; - reads standard input"
    )
    _reach(command)


def _explain(add: _Add) -> None:
    command = _command(
        add,
        "explain",
        "say why: one device's status, or what a request would get",
        "pcipt explain device 0000:3b:00.2",
        "pcipt explain request 'a1:2' --numa 0,1 --policy required",
    )
    subjects = command.add_subparsers(dest="subject", required=True, metavar="SUBJECT")
    device = _command(
        subjects.add_parser,
        "device",
        "which device_spec entry matches a device, why each other does not, and its status",
        "pcipt explain device 0000:3b:00.2",
        "pcipt explain device 0000:3b:00.2 --host tests/hosts/gpu.host --config-file my.conf",
    )
    _formatting(device)
    device.add_argument("address", type=_address, metavar="ADDRESS", help="domain:bus:slot.function, as lspci -D prints it")
    _reach(device, without_agent=True)
    request = _command(
        subjects.add_parser,
        "request",
        "which devices a request would get now, or which filter leaves too few and why",
        "pcipt explain request 'a1:2'",
        "pcipt explain request 'gpu:1' --numa 0,1 --policy required --group-policy isolate",
        "pcipt explain request a1 --host / --config-file my.conf     (without the agent)",
    )
    _formatting(request)
    _wish(request)
    _reach(request, without_agent=True)


def _check_config(add: _Add) -> None:
    command = _command(
        add,
        "check-config",
        "check the configuration as the agent would, and show what each entry matches",
        "pcipt check-config",
        "pcipt check-config --config-file my.conf",
        "pcipt check-config --nova-conf /etc/nova/nova.conf --host rack7.host",
    )
    _formatting(command)
    _configured(command)
    _host(command)


def _version(add: _Add) -> None:
    command = _command(add, "version", "print the versions of this command and of the agent", "pcipt version")
    _formatting(command)
    _reach(command)


def _command(add: _Add, name: str, purpose: str, *examples: str, note: str = "") -> ArgumentParser:
    description = f"{purpose[0].upper()}{purpose[1:]}."
    command = add(name, help=purpose, description=description, allow_abbrev=False)
    _teach(command, examples, note)
    return command


def _teach(command: ArgumentParser, examples: Sequence[str], note: str) -> None:
    lines = ["examples:", *(f"  {example}" for example in examples)]
    command.formatter_class = RawDescriptionHelpFormatter
    command.epilog = "\n".join([*lines, "", note] if note else lines)


def _formatting(command: ArgumentParser) -> None:
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="text for people (default), or the reply as JSON"
    )


def _claim_id(command: ArgumentParser) -> None:
    command.add_argument("claim", metavar="CLAIM", help="the claim_id")


def _wish(command: ArgumentParser) -> None:
    command.add_argument("request", nargs="?", metavar="REQUEST", help=_ALIAS_WISH)
    command.add_argument(
        "--numa", type=_numa_nodes, dest="numa_nodes", metavar="N,N", help="the guest's NUMA cells as NUMA nodes of the host"
    )
    command.add_argument("--policy", choices=NUMA_POLICIES, help="NUMA policy, as the flavor would give it")
    command.add_argument("--group-policy", choices=GROUP_POLICIES, help="isolate: each device from another PF")


def _reach(command: ArgumentParser, *, without_agent: bool = False) -> None:
    agent = command.add_argument_group("reaching the agent")
    agent.add_argument(
        "--transport-url", metavar="URL", help="unix:///PATH or rabbit://…; default: transport_url of the configuration"
    )
    agent.add_argument("--agent", metavar="NAME", help="the agent's [DEFAULT] host; default: that of the configuration")
    agent.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="how long to wait for the answer (default: 60)"
    )
    _configured(command)
    if without_agent:
        _host(command)
    else:
        command.set_defaults(host=None)


def _configured(command: ArgumentParser) -> None:
    command.add_argument(
        "--config-file", action="append", metavar="FILE", help="instead of /etc/pcipt-agent/pcipt-agent.conf; may be repeated"
    )
    command.add_argument(
        "--config-dir", action="append", metavar="DIR", help="read its *.conf after the config files; may be repeated"
    )
    command.add_argument(
        "--nova-conf", metavar="FILE", help="take [pci], pci_in_placement, [placement] and [DEFAULT] host of this nova.conf"
    )


def _host(command: ArgumentParser) -> None:
    command.add_argument(
        "--host", metavar="DIR|FILE", help="without the agent: read the host below DIR (/ is this one), or described in FILE"
    )


def _uuid(text: str) -> str:
    from uuid import UUID

    try:
        return str(UUID(text))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no UUID") from None


def _address(text: str) -> str:
    from pcipt_agent.core.address import parse_address

    address = parse_address(text)
    if address is None:
        raise ArgumentTypeError(f"{text!r} is no address; write it whole, as lspci -D does: 0000:3b:00.2")
    return str(address)


def _numa_nodes(text: str) -> list[int]:
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no list of NUMA nodes; write 0 or 0,1") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds
