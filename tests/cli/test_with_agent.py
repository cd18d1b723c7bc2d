# SPDX-License-Identifier: Apache-2.0
"""Every command that calls the agent, against the real daemon: text, JSON, exit code.

One agent for all of them, on the demo host: its GPU is for the story of one claim, its VFs are held by a claim that stays.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcipt_agent.views.description import description_of
from tests.cli import RULES
from tests.support.demo import CONSUMER, demo_host
from tests.support.golden import Golden
from tests.support.inside import Done, pcipt_inside
from tests.support.libvirt_schema import problems
from tests.support.running import Agent, configured, running_agent

GOLDEN = Path(__file__).parent / "golden"
GUEST = "<domain type='kvm'>\n  <name>g</name>\n  <memory>1</memory>\n  <os><type>hvm</type></os>\n</domain>\n"
UNKNOWN = "0b6a5d1e-9f0c-4e0a-8c0e-6f3f7f7f2b11"
NEWCOMER = "5d1f0c52-7f3e-4c5b-9d53-0e7a5b8f6c21"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    directory = tmp_path_factory.mktemp("agent")
    host = directory / "demo.host"
    host.write_text(description_of(demo_host()))
    with running_agent(configured(directory, host, RULES.removeprefix("[pci]\n"))) as ready:
        yield ready


@pytest.fixture(scope="module")
def claimed(agent: Agent) -> str:
    """A claim of two VFs that stays."""
    assert inside(agent, "claim", "nic:2", "--consumer", CONSUMER, "--claim-id", "ports").returncode == 0
    return "ports"


def inside(agent: Agent, *arguments: str) -> Done:
    return pcipt_inside(*arguments, "--config-file", str(agent.config_file))


def timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "2026-11-21 02:00:00Z", text)


def test_a_claim_goes_from_claimed_to_allocated_to_ended(agent: Agent, golden: Golden) -> None:
    story = ""
    for command in (
        ("claim", "gpu:1", "--consumer", UNKNOWN, "--claim-id", "gpu-1", "--dry-run"),
        ("claim", "gpu:1", "--consumer", UNKNOWN, "--claim-id", "gpu-1"),
        ("claim", "gpu:1", "--consumer", UNKNOWN, "--claim-id", "gpu-1"),
        ("claims", "gpu-1"),
        ("devices", "--consumer", UNKNOWN),
        ("allocate", "gpu-1"),
        ("claims", "--state", "allocated"),
        ("free", "gpu-1"),
        ("free", "gpu-1"),
        ("claims", "--consumer", UNKNOWN),
    ):
        done = agent.pcipt(*command)
        assert (done.returncode, done.stderr) == (0, ""), command
        story += f"$ pcipt {' '.join(command)}\n{timeless(done.stdout)}\n"
    golden.check(story, GOLDEN / "life-of-a-claim.txt")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("refused-no-devices", ("claim", "nic:2, gpu:3", "--consumer", CONSUMER, "--numa", "0")),
        ("refused-generation", ("claim", "nic", "--consumer", CONSUMER, "--if-generation", "0.0")),
        ("refused-unknown-claim", ("allocate", "nobody")),
        ("refused-nothing-to-render", ("render", "nobody")),
    ],
)
def test_a_refusal_says_why_and_exits_with_1(name: str, command: tuple[str, ...], agent: Agent, golden: Golden) -> None:
    done = inside(agent, *command)
    assert (done.returncode, done.stdout) == (1, "")
    golden.check(re.sub(r"from generation 0\.0 to \d+@\d+\.\d+", "from generation 0.0 to 1.1", done.stderr), GOLDEN / f"{name}.txt")


def test_an_operator_disables_and_enables_and_looks_at_what_was(agent: Agent, golden: Golden) -> None:
    story = ""
    for command in (
        ("claim", "gpu:1", "--consumer", NEWCOMER, "--claim-id", "gpu-2"),
        ("disable", "0000:86:00.0", "--reason", "fan is loud"),
        ("disable", "--host", "--reason", "firmware upgrade"),
        ("pools",),
        ("free", "gpu-2"),
        ("explain", "device", "0000:86:00.0"),
        ("enable", "--host"),
        ("enable", "0000:86:00.0"),
        ("clean", "0000:86:00.0"),
        ("history", NEWCOMER),
        ("history", "0000:86:00.0", "--limit", "4"),
    ):
        done = inside(agent, *command)
        assert (done.returncode, done.stderr) == (0, ""), command
        said = re.sub(r"uid \d+ \(pid \d+\)", "uid 0 (pid 4711)", timeless(done.stdout))
        story += f"$ pcipt {' '.join(command)}\n{said}\n"
    golden.check(story, GOLDEN / "an-operators-day.txt")


def test_a_disabled_host_is_told_to_who_would_claim(agent: Agent) -> None:
    inside(agent, "disable", "--host", "--reason", "firmware upgrade")
    refused = inside(agent, "claim", "gpu", "--consumer", UNKNOWN)
    told = json.loads(inside(agent, "pools", "--format", "json").stdout)
    inside(agent, "enable", "--host")
    assert (refused.returncode, "the host is disabled: firmware upgrade" in refused.stderr) == (1, True)
    assert (told["disabled"]["reason"], {pool["free"] for pool in told["pools"]}) == ("firmware upgrade", {0})


def test_the_status_exits_with_1_while_something_needs_attention(agent: Agent) -> None:
    as_json = inside(agent, "status", "--format", "json")
    status = json.loads(as_json.stdout)
    text = inside(agent, "status")
    assert as_json.returncode == text.returncode == (1 if status["attention"] else 0)
    assert (status["host"], status["api"], status["transport"]["notifications"]) == ("compute1", "1.1", True)
    assert (status["rules"]["entries"], status["rules"]["aliases"], status["scan"]["failure"]) == (2, 2, None)
    assert sum(status["devices"].values()) == 9
    assert text.stdout.startswith("agent 0.1.0 on compute1, API 1.1, since ")
    for each in status["attention"]:
        assert each["what"] in text.stdout
        assert each["remedy"] in text.stdout


def test_an_ended_claim_is_refused_and_another_content_too(agent: Agent, claimed: str) -> None:
    other = inside(agent, "claim", "gpu", "--consumer", UNKNOWN, "--claim-id", claimed)
    assert other.returncode == 1
    assert f"consumer is {CONSUMER} here, {UNKNOWN} was asked" in other.stderr
    inside(agent, "free", "ended")
    late = inside(agent, "claim", "nic", "--consumer", CONSUMER, "--claim-id", "ended")
    assert (late.returncode, "claim ended ended at " in late.stderr) == (1, True)


def test_the_xml_is_printed_alone_or_in_the_guest_s_document(agent: Agent, claimed: str, tmp_path: Path) -> None:
    alone = agent.pcipt("render", claimed).stdout
    assert alone.count("<hostdev mode='subsystem' type='pci' managed='yes'>") == 2
    (tmp_path / "guest.xml").write_text(GUEST)
    placed = inside(agent, "render", claimed, "--domain", str(tmp_path / "guest.xml")).stdout
    assert placed.startswith(GUEST.removesuffix("\n</domain>\n"))
    assert placed.count("<hostdev") == 2
    assert problems(placed) == []
    assert agent.pcipt("render", claimed, "--domain", "-", stdin=placed).stdout == placed


def test_a_domain_that_is_none_is_refused_by_line(agent: Agent, claimed: str) -> None:
    done = agent.pcipt("render", claimed, "--domain", "-", stdin="<domain>\n<devices>\n</domain>")
    assert (done.returncode, done.stdout) == (1, "")
    assert "domain: line 3, column 3: mismatched tag" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("devices", "pools", "claims", "explain device 0000:3b:00.0", "explain request nic:2", "version", "render {claim}"),
        *("history 0000:3b:00.0", "enable --host", "clean 0000:3b:00.1"),
    ],
)
def test_every_question_can_be_answered_in_json(command: str, agent: Agent, claimed: str) -> None:
    done = inside(agent, *command.format(claim=claimed).split(), "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\d+@\d+\.\d+", json.loads(done.stdout)["generation"])


def test_the_agent_shows_what_is_claimed_and_the_host_alone_does_not(agent: Agent, claimed: str) -> None:
    there = json.loads(inside(agent, "devices", "--consumer", CONSUMER, "--format", "json").stdout)["devices"]
    assert [device["claim_id"] for device in there] == [claimed, claimed]
    host = str(agent.config_file.with_name("demo.host"))
    alone = json.loads(inside(agent, "devices", "--host", host, "--format", "json").stdout)["devices"]
    assert [device["claim_id"] for device in alone] == [None] * 9


def test_the_agent_is_named_by_its_host_and_another_name_is_not_reached(agent: Agent) -> None:
    assert "agent 0.1.0 on compute1, API 1.1" in agent.pcipt("version").stdout
    other = inside(agent, "version", "--agent", "compute2", "--timeout", "1")
    assert (other.returncode, other.stdout) == (3, "")
