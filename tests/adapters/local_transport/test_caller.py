# SPDX-License-Identifier: Apache-2.0
"""What a caller sees of a server that is away, dies, hangs, or is asked too much."""

import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import oslo_messaging
import pytest

from pcipt_agent.adapters.local_transport.caller import Interrupted, NotReachable
from tests.support.bus import Echo, calling, eventually, path_of, serving
from tests.support.echo_server import echo_process


def test_no_socket_is_said_at_once_and_by_name(url: str) -> None:
    with calling(url, timeout=60) as client, pytest.raises(NotReachable, match=f"{path_of(url)}: there is no such socket"):
        client.call({}, "echo", data=1)


def test_a_dead_socket_is_said_at_once(url: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path_of(url)))
    with calling(url, timeout=60) as client, pytest.raises(NotReachable, match="nobody listens on it"):
        client.call({}, "echo", data=1)


def test_a_server_that_is_another_hosts_is_said_at_once(url: str) -> None:
    with (
        serving(url, Echo()),
        calling(url, timeout=60, server="host2") as client,
        pytest.raises(NotReachable, match=r"on 'host2' here; .* serves echo on host1"),
    ):
        client.call({}, "echo", data=1)


def test_a_cast_that_no_server_takes_is_said_too(url: str) -> None:
    with serving(url, Echo()), calling(url, server="host2") as client, pytest.raises(NotReachable, match="on 'host2' here"):
        client.cast({}, "note", data=1)


def test_a_server_that_dies_in_a_call_is_said_at_once(url: str) -> None:
    with echo_process(url) as child, calling(url, timeout=60) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.call, {}, "hang")
        assert eventually(lambda: _is_connected(url))
        child.kill()
        with pytest.raises(Interrupted, match="whether it obeyed is not known"):
            answer.result(10)


def _is_connected(url: str) -> bool:
    """Whether the kernel's table has a socket of that name beside the listening one."""
    return Path("/proc/net/unix").read_text().count(str(path_of(url))) >= 2


def test_a_server_that_is_stopped_is_a_timeout(url: str) -> None:
    with echo_process(url) as child, calling(url, timeout=0.5) as client:
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(oslo_messaging.MessagingTimeout, match=r"no answer .* within 0\.5 s"):
            client.call({}, "echo", data=1)


def test_a_server_that_gives_no_sign_of_life_is_a_timeout_of_its_own(url: str) -> None:
    with echo_process(url) as child, calling(url, timeout=60, call_monitor_timeout=0.5) as client:
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(oslo_messaging.MessagingTimeout, match="without a sign of life"):
            client.call({}, "echo", data=1)


def test_fifty_megabytes_go_there_and_back(url: str) -> None:
    data = "0123456789abcdef" * (50 * 2**16)
    with serving(url, Echo()), calling(url) as client:
        assert client.call({}, "echo", data=data) == data


def test_sixty_four_callers_at_once_are_answered(url: str) -> None:
    together = threading.Barrier(64)
    with serving(url, Echo()), calling(url) as client, ThreadPoolExecutor(64) as pool:

        def one(number: int) -> bool:
            together.wait(30)
            return bool(client.call({}, "echo", data=number) == number)

        assert all(pool.map(one, range(64)))


def test_the_server_learns_who_calls_from_the_kernel_and_not_from_the_caller(url: str) -> None:
    forged = {"unix_peer": {"pid": 1, "uid": 4711, "gid": 4711}}
    with serving(url, Echo()), calling(url) as client:
        peer = client.call(forged, "context")["unix_peer"]
    assert peer == {"pid": os.getpid(), "uid": os.getuid(), "gid": os.getgid()}


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_calls_leave_no_open_files_behind(url: str) -> None:
    with serving(url, Echo()), calling(url) as client:
        client.call({}, "echo", data=0)
        before = _open_files()
        for number in range(50):
            client.call({}, "echo", data=number)
        assert eventually(lambda: _open_files() <= before)
