# SPDX-License-Identifier: Apache-2.0
"""Commands as an operator runs them, without an agent: the installed entry point, its text, its exit code."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pcipt_agent.views.methods import METHODS
from tests.support.demo import CONSUMER
from tests.support.golden import Golden
from tests.support.inside import pcipt_inside
from tests.support.running import pcipt, program

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("name", "command", "code"),
    [
        ("devices", ("devices",), 0),
        ("devices-table", ("devices", "--status", "free", "--table"), 0),
        ("devices-none", ("devices", "--status", "lost"), 0),
        ("pools", ("pools",), 0),
        ("explain-device", ("explain", "device", "0000:3b:00.1"), 0),
        ("explain-device-unknown", ("explain", "device", "0000:ff:00.0"), 1),
        ("explain-request", ("explain", "request", "gpu, nic:2", "--numa", "0,1"), 0),
        ("explain-request-short", ("explain", "request", "gpu:1", "--numa", "0"), 0),
        ("explain-request-together", ("explain", "request", "nic:2", "--group-policy", "isolate"), 0),
        ("explain-request-unknown", ("explain", "request", "gpus:1"), 1),
        ("explain-request-unreadable", ("explain", "request", "gpu:0"), 1),
    ],
)
def test_a_command_without_the_agent_prints_its_golden_text(
    name: str, command: tuple[str, ...], code: int, here: tuple[str, ...], golden: Golden
) -> None:
    done = pcipt_inside(*command, *here)
    golden.check(done.stdout + done.stderr, GOLDEN / f"{name}.txt")
    assert done.returncode == code


@pytest.mark.parametrize("command", ["devices", "pools", "explain device 0000:3b:00.1", "explain request gpu", "check-config"])
def test_the_installed_command_says_the_same(command: str, here: tuple[str, ...]) -> None:
    done, same = pcipt(*command.split(), *here), pcipt_inside(*command.split(), *here)
    assert (done.returncode, done.stdout, done.stderr) == (0, same.stdout, "")


@pytest.mark.parametrize("method", ["devices", "pools", "explain_device", "explain_request"])
def test_json_is_the_reply_of_the_method(method: str, here: tuple[str, ...]) -> None:
    command = {"explain_device": ("explain", "device", "0000:86:00.0"), "explain_request": ("explain", "request", "gpu")}
    done = pcipt_inside(*command.get(method, (method,)), "--format", "json", *here)
    assert (done.returncode, done.stderr) == (0, "")
    METHODS[method].reply.model_validate_json(done.stdout)


def test_a_refusal_as_json_is_an_answer_on_standard_output(here: tuple[str, ...]) -> None:
    done = pcipt_inside("explain", "request", "gpus", "--format", "json", *here)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["refusal"]["code"] == "unknown-alias"


def test_this_machine_s_own_functions_are_listed(tmp_path: Path) -> None:
    (tmp_path / "empty.conf").write_text("")
    done = pcipt("devices", "--host", "/", "--config-file", str(tmp_path / "empty.conf"), "--format", "json")
    assert [device["address"] for device in json.loads(done.stdout)["devices"]] == sorted(
        path.name for path in Path("/sys/bus/pci/devices").iterdir()
    )


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (("devices", "--host", "/nowhere.host"), "/nowhere.host"),
        (("devices", "--host", "/", "--config-file", "/nowhere.conf"), "/nowhere.conf"),
        (("claim", "--consumer", CONSUMER), "say what to claim"),
        (("render", "c1", "--domain", "/nowhere.xml"), "--domain /nowhere.xml: No such file or directory"),
        (("pools", "--transport-url", "/run/agent.sock"), "[DEFAULT] transport_url: "),
    ],
)
def test_a_mistake_in_usage_or_configuration_is_said_and_exits_with_2(command: tuple[str, ...], complaint: str) -> None:
    done = pcipt_inside(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


@pytest.mark.parametrize("command", ["devices", "pools", "claims", "allocate c1", "free c1", "render c1", "version", "status"])
def test_an_agent_that_is_not_there_is_said_and_exits_with_3(command: str, tmp_path: Path) -> None:
    (tmp_path / "empty.conf").write_text("")
    url = f"unix://{tmp_path}/none.sock"
    done = pcipt_inside(*command.split(), "--transport-url", url, "--config-file", str(tmp_path / "empty.conf"))
    assert done.returncode == 3
    why, where_to_look = done.stderr.splitlines()
    assert f"{tmp_path}/none.sock" in why
    assert where_to_look == "pcipt: look there, on the agent's host: systemctl status pcipt-agent.service; pcipt doctor"


def test_a_claim_that_got_no_answer_says_how_to_retry_it(tmp_path: Path) -> None:
    (tmp_path / "empty.conf").write_text("")
    options = ("--transport-url", f"unix://{tmp_path}/none.sock", "--config-file", str(tmp_path / "empty.conf"))
    done = pcipt_inside("claim", "gpu:1", "--consumer", CONSUMER, "--claim-id", "c1", *options)
    assert done.returncode == 3
    assert done.stderr.splitlines()[0].endswith("; retry with --claim-id c1")


def test_a_closed_pipe_is_no_traceback(here: tuple[str, ...]) -> None:
    with subprocess.Popen([program("pcipt"), "devices", *here], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_a_full_disk_is_said(here: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([program("pcipt"), "devices", *here], check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.stderr == "pcipt: <stdout>: No space left on device\n"
    assert done.returncode == 2


def test_ctrl_c_while_the_agent_is_waited_for_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "empty.conf").write_text("")
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "agent.sock"))
        hanging.listen()
        hanging.settimeout(60)
        options = ("--transport-url", f"unix://{tmp_path}/agent.sock", "--config-file", str(tmp_path / "empty.conf"))
        with subprocess.Popen([program("pcipt"), "pools", *options], stderr=subprocess.PIPE) as process:
            connection, _ = hanging.accept()
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert process.stderr.read() == b""
            assert process.wait(timeout=60) == 130
            connection.close()


def test_help_and_the_module_are_the_same_command() -> None:
    module = subprocess.run([sys.executable, "-m", "pcipt_agent", "--help"], check=True, capture_output=True, text=True)
    assert pcipt("--help").stdout == module.stdout


def test_neither_libvirt_nor_eventlet_is_imported(here: tuple[str, ...]) -> None:
    code = (
        "import sys; from pcipt_agent.cli import run; run(sys.argv[1:]);"
        "print(sorted({'libvirt', 'eventlet', 'oslo_messaging'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, "devices", *here], check=True, capture_output=True, text=True)
    assert done.stderr == "[]\n"
