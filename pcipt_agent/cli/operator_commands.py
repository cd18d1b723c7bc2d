# SPDX-License-Identifier: Apache-2.0
"""Commands by which an operator watches an agent and has his say: status, history, events, disable, enable, clean.

Does not know: what the commands do, those of callers and guests (`cli.parser`).
"""

from argparse import ArgumentParser

from pcipt_agent.cli import options


def declare(add: options.Add) -> None:
    """All of them."""
    for each in (_status, _history, _events, _disable, _enable, _clean):
        each(add)


def _status(add: options.Add) -> None:
    command = options.command(
        add,
        "status",
        "say how the agent and its host are, and what needs attention",
        "pcipt status",
        "pcipt status --timeout 5 > /dev/null || mail -s 'look at compute1' operators",
        "pcipt status --format json",
        note="Exit code, for monitoring: 0 all is well, 1 something needs attention (each with what to do), 3 agent not reachable.",
    )
    options.formatting(command)
    options.reach(command)


def _history(add: options.Add) -> None:
    command = options.command(
        add,
        "history",
        "say who had a device, or what a consumer had: from when to when, by whose call",
        "pcipt history 0000:3b:00.2",
        "pcipt history 8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10 --limit 20",
        note="Newest first. What is older than [agent] history_kept is forgotten.",
    )
    options.formatting(command)
    command.add_argument("subject", type=options.address_or_uuid, metavar="ADDRESS|CONSUMER", help="a device, or a consumer's UUID")
    command.add_argument("--limit", type=options.count, default=100, metavar="N", help="at most so many lines (default: 100)")
    options.reach(command)


def _events(add: options.Add) -> None:
    command = options.command(
        add,
        "events",
        "print what happens, as it happens",
        "pcipt events --follow",
        "pcipt events --follow --format json > events.jsonl",
        note="Ctrl-C ends it, with exit code 0. Nothing is stored for who is not there; pcipt history tells what was.",
    )
    command.add_argument("--follow", action="store_true", required=True, help="go on until Ctrl-C; there is no other way")
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="a line each for people (default), or a JSON object a line"
    )
    options.reach(command)


def _disable(add: options.Add) -> None:
    command = options.command(
        add,
        "disable",
        "take a device, or the whole host, out of service: no new claims",
        "pcipt disable 0000:3b:00.2 --reason 'fan is loud, ticket 4711'",
        "pcipt disable --host --reason 'firmware upgrade on Saturday'",
        note="What is held stays its consumer's. A PF takes its VFs with it. It stays so over restarts, until pcipt enable.",
    )
    options.formatting(command)
    _place(command)
    command.add_argument(
        "--reason", type=options.line, required=True, metavar="TEXT", help="for the next operator, and for schedulers that ask"
    )
    options.reach(command)


def _enable(add: options.Add) -> None:
    command = options.command(
        add,
        "enable",
        "put a device, or the host, back into service",
        "pcipt enable 0000:3b:00.2",
        "pcipt enable --host     (devices that are disabled themselves stay so)",
    )
    options.formatting(command)
    _place(command)
    options.reach(command)


def _clean(add: options.Add) -> None:
    command = options.command(
        add,
        "clean",
        "say that a device is clean again after one-time use: it may be handed out",
        "pcipt clean 0000:3b:00.2",
        note="Clean it first; how is the device's own matter (a secure erase, new firmware). Nothing is done to it here.",
    )
    options.formatting(command)
    command.add_argument("address", type=options.address, metavar="ADDRESS", help="domain:bus:slot.function, as lspci -D prints it")
    options.reach(command)


def _place(command: ArgumentParser) -> None:
    command.add_argument(
        "address", type=options.address, nargs="?", metavar="ADDRESS", help="domain:bus:slot.function, as lspci -D prints it"
    )
    command.add_argument("--host", action="store_true", dest="whole_host", help="the whole host instead of one device")
