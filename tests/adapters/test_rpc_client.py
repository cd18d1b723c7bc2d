# SPDX-License-Identifier: Apache-2.0
"""The client of the commands, where there is no agent to answer. (With one: test_rpc.)"""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from oslo_config import cfg

from pcipt_agent.adapters.rpc_client import AgentClient, Unreachable
from pcipt_agent.errors import ConfigError, HostError
from tests.support.bus import path_of, socket_url


@pytest.fixture
def url() -> Iterator[str]:
    with socket_url() as url:
        yield url


def test_an_agent_that_is_not_there_is_said_at_once_with_its_socket(url: str) -> None:
    client = AgentClient(cfg.CONF, url, "host1", timeout=60)
    with pytest.raises(Unreachable, match=f"no agent is reachable at {path_of(url)}"):
        client.call("version", {})


def test_an_agent_that_does_not_answer_is_a_host_error_that_says_what_is_safe(url: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(path_of(url)))
        silent.listen()
        client = AgentClient(cfg.CONF, url, "host1", timeout=0.3)
        with pytest.raises(HostError, match=r"no answer within 0\.3 s; it is safe to call again with the same claim_id"):
            client.call("version", {})


def test_a_broker_that_refuses_is_said_at_once_and_without_its_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    client = AgentClient(cfg.CONF, f"rabbit://me:secret@127.0.0.1:{port}/", "host1", timeout=60)
    with pytest.raises(Unreachable, match=rf"no broker is there: 127\.0\.0\.1:{port}: Connection refused") as said:
        client.call("version", {})
    assert "secret" not in str(said.value)


def test_a_broker_that_is_silent_is_not_waited_for() -> None:
    """In a process of its own, because oslo.messaging's thread waits on."""
    program = (
        "import sys; from oslo_config import cfg; from pcipt_agent.adapters import rpc_client\n"
        "client = rpc_client.AgentClient(cfg.CONF, sys.argv[1], 'host1', timeout=0.5)\n"
        "try: client.call('version', {})\n"
        "except rpc_client.Unreachable as error: print(error)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rabbit://me:secret@127.0.0.1:{silent.getsockname()[1]}/"
        command = [sys.executable, "-W", "ignore", "-c", program, url]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert "no answer within 0.5 s" in said


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host", "unix://run/agent.sock"])
def test_a_url_that_is_none_is_a_mistake_in_the_configuration(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        AgentClient(cfg.CONF, url, "host1")
    (mistake,) = refused.value.mistakes
    assert mistake.option == "[DEFAULT] transport_url"
    assert "unix:///run/pcipt-agent/agent.sock" in mistake.remedy
