# SPDX-License-Identifier: Apache-2.0
"""The command line as an RPC call; every call is one that the agent's own parser takes."""

import json
import shlex
from pathlib import Path
from uuid import UUID

import pytest

from pcipt_agent.cli.parser import command_line
from pcipt_agent.cli.payloads import ARGUMENTS, Call, UsageMistake, call_of
from pcipt_agent.views.methods import METHODS

CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"


def call(line: str) -> Call:
    return call_of(command_line().parse_args(shlex.split(line)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("devices", Call("devices", {})),
        (
            f"devices --status free --type type-VF --numa 0 --consumer {CONSUMER} --table",
            Call("devices", {"status": "free", "device_type": "type-VF", "numa_node": 0, "consumer": CONSUMER}),
        ),
        ("pools", Call("pools", {})),
        ("claims c1 --state claimed", Call("claims", {"claim_id": "c1", "state": "claimed"})),
        ("allocate c1", Call("allocate", {"claim_id": "c1"})),
        ("free c1", Call("free", {"claim_id": "c1"})),
        ("free c1 --unused", Call("free", {"claim_id": "c1", "unused": True})),
        ("status", Call("status", {})),
        ("history 0000:3B:00.1", Call("history", {"address": "0000:3b:00.1", "limit": 100})),
        (f"history {CONSUMER} --limit 5", Call("history", {"consumer": CONSUMER, "limit": 5})),
        ("disable 0000:3b:00.1 --reason 'fan is loud'", Call("disable", {"address": "0000:3b:00.1", "reason": "fan is loud"})),
        ("disable --host --reason upgrade", Call("disable", {"host": True, "reason": "upgrade"})),
        ("enable 0000:3b:00.1", Call("enable", {"address": "0000:3b:00.1"})),
        ("enable --host", Call("enable", {"host": True})),
        ("clean 0000:3b:00.1", Call("clean", {"address": "0000:3b:00.1"})),
        ("render c1", Call("render", {"claim_id": "c1"})),
        ("explain device 0000:3b:00.1", Call("explain_device", {"address": "0000:3b:00.1"})),
        (
            "explain request 'a1:2' --numa 0,1 --policy required --group-policy isolate",
            Call(
                "explain_request",
                {
                    "flavor": {"pci_passthrough:alias": "a1:2", "hw:pci_numa_affinity_policy": "required"},
                    "numa_nodes": [0, 1],
                    "group_policy": "isolate",
                },
            ),
        ),
        (
            f"claim 'gpu:1, qat:2' --consumer {CONSUMER} --claim-id c1 --move-id m --dry-run --if-generation 3.14",
            Call(
                "claim",
                {
                    "flavor": {"pci_passthrough:alias": "gpu:1, qat:2"},
                    "claim_id": "c1",
                    "consumer": CONSUMER,
                    "move_id": "m",
                    "dry_run": True,
                    "if_generation": "3.14",
                },
            ),
        ),
        (
            f"claim --address 0000:3b:00.1 --address 0000:3b:00.2 --consumer {CONSUMER} --claim-id c1",
            Call(
                "claim",
                {
                    "requests": [{"address": "0000:3b:00.1"}, {"address": "0000:3b:00.2"}],
                    "claim_id": "c1",
                    "consumer": CONSUMER,
                    "dry_run": False,
                },
            ),
        ),
        ("version", Call("version", {})),
    ],
)
def test_a_command_line_is_a_call_that_the_agent_takes(line: str, expected: Call) -> None:
    assert call(line) == expected
    METHODS[expected.method].payload.model_validate_json(json.dumps(expected.arguments))


def test_every_method_has_a_command() -> None:

    assert set(ARGUMENTS) == set(METHODS)


def test_a_claim_without_an_id_gets_a_new_one_each_time() -> None:
    first, second = (UUID(str(call(f"claim a1 --consumer {CONSUMER}").arguments["claim_id"])) for _ in range(2))
    assert first != second


@pytest.mark.parametrize("line", [f"claim --consumer {CONSUMER}", "explain request"])
def test_a_wish_for_nothing_is_a_usage_mistake(line: str) -> None:
    with pytest.raises(UsageMistake, match="say "):
        call(line)


@pytest.mark.parametrize(
    "line", ["disable --reason x", "enable", "enable 0000:3b:00.0 --host", "disable 0000:3b:00.0 --host --reason x"]
)
def test_a_device_or_the_host_must_be_named_and_not_both(line: str) -> None:
    with pytest.raises(UsageMistake, match="either the address of a device, or --host"):
        call(line)


def test_the_domain_is_sent_as_it_is_in_the_file(tmp_path: Path) -> None:
    guest = tmp_path / "guest.xml"
    guest.write_bytes("<domain>\r\n<title>Größe</title></domain>".encode())
    assert call(f"render c1 --domain {guest}").arguments["domain"] == "<domain>\r\n<title>Größe</title></domain>"


def test_a_domain_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match=r"--domain .*/none\.xml: No such file or directory"):
        call(f"render c1 --domain {tmp_path}/none.xml")
    (tmp_path / "latin.xml").write_bytes(b"<domain>\xe4</domain>")
    with pytest.raises(UsageMistake, match=r"byte 8 is not UTF-8"):
        call(f"render c1 --domain {tmp_path}/latin.xml")
