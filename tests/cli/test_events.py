# SPDX-License-Identifier: Apache-2.0
"""`pcipt events --follow`, as an operator runs it, against the real daemon."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from pcipt_agent.views.description import description_of
from tests.cli import RULES
from tests.support.demo import CONSUMER, demo_host
from tests.support.follower import following
from tests.support.inside import pcipt_inside
from tests.support.running import configured, running_agent


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    host = tmp_path / "demo.host"
    host.write_text(description_of(demo_host()))
    return configured(tmp_path, host, RULES.removeprefix("[pci]\n"))


def claim(config_file: Path, claim_id: str) -> None:
    done = pcipt_inside("claim", "nic", "--consumer", CONSUMER, "--claim-id", claim_id, "--config-file", str(config_file))
    assert done.returncode == 0, done.stderr


def test_what_happens_is_a_line_each_and_ctrl_c_ends_with_0(config_file: Path) -> None:
    with running_agent(config_file), following(config_file) as follower:
        claim(config_file, "c1")
        claim(config_file, "c2")
        follower.await_text(follower.out, "c2")
        assert follower.ctrl_c() == 0
        first, second = follower.out.read_text().splitlines()
    assert "  claim.claimed    claim_id c1  " in first
    assert f"consumer {CONSUMER}  addresses 0000:3b:00." in second
    assert "Traceback" not in follower.err.read_text()


def test_as_json_each_line_is_an_object(config_file: Path) -> None:
    with running_agent(config_file), following(config_file, "--format", "json") as follower:
        claim(config_file, "c1")
        follower.await_text(follower.out, "c1")
        (line,) = follower.out.read_text().splitlines()
    told = json.loads(line)
    assert (told["event_type"], told["publisher_id"], told["payload"]["claim_id"]) == (
        "pcipt.claim.claimed",
        "pcipt-agent.compute1",
        "c1",
    )


def test_an_agent_that_goes_and_comes_back_is_said_and_followed_again(config_file: Path) -> None:
    with ExitStack() as first:
        first.enter_context(running_agent(config_file))
        with following(config_file) as follower:
            first.close()
            follower.await_text(follower.err, "trying again")
            with running_agent(config_file):
                follower.await_text(follower.out, "what it told meanwhile is lost")
                claim(config_file, "c9")
                follower.await_text(follower.out, "claim_id c9")


def test_an_agent_that_is_not_there_is_said_and_exits_with_3(config_file: Path) -> None:
    done = pcipt_inside("events", "--follow", "--config-file", str(config_file))
    assert (done.returncode, done.stdout) == (3, "")
    assert "agent.sock" in done.stderr
