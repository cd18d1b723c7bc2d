# SPDX-License-Identifier: Apache-2.0
"""The command line as an RPC call: which method, with which arguments. What was not given is left to the agent's defaults.

A flavor's properties are sent as the flavor would have them, so that the agent reads 'a1:2' by the same rules for everybody.

Does not know: how the call is made, or that it may be answered without the agent.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

Arguments = Mapping[str, object]
Reply = Mapping[str, object]
"""The method's reply as it crosses the wire, or `{"refusal": …}`."""


class UsageMistake(Exception):
    """What argparse can't see is wrong with the command line."""


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC call."""

    method: str
    arguments: Arguments


def call_of(command: Namespace) -> Call:
    """Raises UsageMistake."""
    method = f"explain_{command.subject}" if command.command == "explain" else command.command
    return Call(method, {name: value for name, value in ARGUMENTS[method](command).items() if value not in (None, {}, [])})


def _devices(command: Namespace) -> Arguments:
    return {name: getattr(command, name) for name in ("status", "device_type", "numa_node", "consumer")}


def _claims(command: Namespace) -> Arguments:
    return {"claim_id": command.claim, "state": command.state, "consumer": command.consumer}


def _claim(command: Namespace) -> Arguments:
    wish = _wish(command)
    if not command.request and not command.address:
        raise UsageMistake("say what to claim: 'a1:2' by alias, or --address ADDRESS")
    return {
        **wish,
        "requests": [{"address": address} for address in command.address],
        "claim_id": command.claim_id or str(uuid4()),
        "consumer": command.consumer,
        "move_id": command.move_id,
        "dry_run": command.dry_run,
        "if_generation": command.if_generation,
    }


def _explain_request(command: Namespace) -> Arguments:
    if not command.request:
        raise UsageMistake("say which request to explain: 'a1:2'")
    return _wish(command)


def _free(command: Namespace) -> Arguments:
    return {"claim_id": command.claim, "unused": command.unused or None}


def _place(command: Namespace) -> Arguments:
    if (command.address is None) is not command.whole_host:
        raise UsageMistake(f"say either the address of a device, or --host: pcipt {command.command} 0000:3b:00.2")
    return {"address": command.address, "host": command.whole_host or None}


def _history(command: Namespace) -> Arguments:
    subject = "address" if ":" in command.subject else "consumer"
    return {subject: command.subject, "limit": command.limit}


def _wish(command: Namespace) -> Arguments:
    flavor = {"pci_passthrough:alias": command.request, "hw:pci_numa_affinity_policy": command.policy}
    return {
        "flavor": {key: value for key, value in flavor.items() if value is not None},
        "numa_nodes": command.numa_nodes,
        "group_policy": command.group_policy,
    }


def _render(command: Namespace) -> Arguments:
    return {"claim_id": command.claim, "domain": None if command.domain is None else _document(command.domain)}


def _document(name: str) -> str:
    try:
        octets = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return octets.decode()
    except OSError as error:
        raise UsageMistake(f"--domain {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageMistake(f"--domain {name}: byte {error.start} is not UTF-8; libvirt writes its documents in UTF-8") from error


ARGUMENTS: Mapping[str, Callable[[Namespace], Arguments]] = {
    "devices": _devices,
    "pools": lambda _: {},
    "claims": _claims,
    "claim": _claim,
    "allocate": lambda command: {"claim_id": command.claim},
    "free": _free,
    "render": _render,
    "explain_device": lambda command: {"address": command.address},
    "explain_request": _explain_request,
    "status": lambda _: {},
    "history": _history,
    "disable": lambda command: {**_place(command), "reason": command.reason},
    "enable": _place,
    "clean": lambda command: {"address": command.address},
    "adopt": lambda command: {"domain": command.domain, "dry_run": command.dry_run or None},
    "reload": lambda command: {"dry_run": command.dry_run or None},
    "version": lambda _: {},
}
