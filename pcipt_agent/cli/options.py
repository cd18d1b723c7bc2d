# SPDX-License-Identifier: Apache-2.0
"""What several commands take: their options, the types of their values, and help that teaches by example.

The words that options choose from are written out here, so that `--help` need not import the core; a test holds them against it.

Does not know: which commands there are (`cli.parser`), what they do.
"""

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence

NUMA_POLICIES = ("required", "socket", "preferred", "legacy")
GROUP_POLICIES = ("none", "isolate")

_ALIAS_WISH = "what is wanted, as in the flavor extra spec pci_passthrough:alias: 'a1:2', or 'gpu:1, qat-c62x-vf:2'"

Add = Callable[..., ArgumentParser]
"""`add_parser` of the commands, or of one command's subjects."""


def command(add: Add, name: str, purpose: str, *examples: str, note: str = "") -> ArgumentParser:
    """The command `name`, which takes nothing yet."""
    description = f"{purpose[0].upper()}{purpose[1:]}."
    made = add(name, help=purpose, description=description, allow_abbrev=False)
    teach(made, examples, note)
    return made


def teach(command: ArgumentParser, examples: Sequence[str], note: str) -> None:
    lines = ["examples:", *(f"  {example}" for example in examples)]
    command.formatter_class = RawDescriptionHelpFormatter
    command.epilog = "\n".join([*lines, "", note] if note else lines)


def formatting(command: ArgumentParser) -> None:
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="text for people (default), or the reply as JSON"
    )


def claim_id(command: ArgumentParser) -> None:
    command.add_argument("claim", type=line, metavar="CLAIM", help="the claim_id")


def wish(command: ArgumentParser) -> None:
    command.add_argument("request", nargs="?", metavar="REQUEST", help=_ALIAS_WISH)
    command.add_argument(
        "--numa", type=numa_nodes, dest="numa_nodes", metavar="N,N", help="the guest's NUMA cells as NUMA nodes of the host"
    )
    command.add_argument("--policy", choices=NUMA_POLICIES, help="NUMA policy, as the flavor would give it")
    command.add_argument("--group-policy", choices=GROUP_POLICIES, help="isolate: each device from another PF")


def reach(command: ArgumentParser, *, without_agent: bool = False, timeout_seconds: float = 60.0) -> None:
    agent = command.add_argument_group("reaching the agent")
    agent.add_argument(
        "--transport-url", metavar="URL", help="unix:///PATH or rabbit://…; default: transport_url of the configuration"
    )
    agent.add_argument("--agent", type=line, metavar="NAME", help="the agent's [DEFAULT] host; default: that of the configuration")
    agent.add_argument(
        "--timeout",
        type=seconds,
        default=timeout_seconds,
        metavar="SECONDS",
        help=f"how long to wait for the answer (default: {timeout_seconds:g})",
    )
    configured(command)
    if without_agent:
        host(command)
    else:
        command.set_defaults(host=None)


def configured(command: ArgumentParser) -> None:
    command.add_argument(
        "--config-file",
        action="append",
        type=path,
        metavar="FILE",
        help="instead of /etc/pcipt-agent/pcipt-agent.conf; may be repeated",
    )
    command.add_argument(
        "--config-dir", action="append", type=path, metavar="DIR", help="read its *.conf after the config files; may be repeated"
    )
    command.add_argument(
        "--nova-conf",
        type=path,
        metavar="FILE",
        help="take [pci], pci_in_placement, [placement] and [DEFAULT] host of this nova.conf",
    )


def host(command: ArgumentParser) -> None:
    command.add_argument(
        "--host",
        type=path,
        metavar="DIR|FILE",
        help="without the agent: read the host below DIR (/ is this one), or described in FILE",
    )


def path(text: str) -> str:
    """Not the present directory where a script's variable was empty."""
    if not text:
        raise ArgumentTypeError("the name is empty; is a variable unset?")
    return text


def line(text: str) -> str:
    """What goes into journal, log and tables."""
    if not text.strip() or not text.isprintable():
        raise ArgumentTypeError(f"{text!r} is no text of one line")
    return text


def uuid(text: str) -> str:
    from uuid import UUID

    try:
        return str(UUID(text))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no UUID") from None


def address(text: str) -> str:
    from pcipt_agent.core.address import parse_address

    found = parse_address(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no address; write it whole, as lspci -D does: 0000:3b:00.2")
    return str(found)


def address_or_uuid(text: str) -> str:
    """A UUID has dashes and no colon, an address the reverse."""
    return address(text) if ":" in text else uuid(text)


def count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise ArgumentTypeError(f"{text!r} is no number from 1 to 100000")
    return int(text)


def numa_nodes(text: str) -> list[int]:
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no list of NUMA nodes; write 0 or 0,1") from None


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value
