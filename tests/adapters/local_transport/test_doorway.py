# SPDX-License-Identifier: Apache-2.0
"""The socket's place in the file system: who may connect, who may listen."""

import os
import socket
import stat

import pytest

from pcipt_agent.adapters.local_transport.driver import CannotListen
from tests.support.bus import Echo, calling, path_of, serving
from tests.support.echo_server import echo_process


def test_owner_and_group_may_connect_and_nobody_else_whatever_the_umask(url: str) -> None:
    before = os.umask(0o077)
    try:
        with serving(url, Echo()):
            assert stat.S_IMODE(path_of(url).stat().st_mode) == 0o660
    finally:
        os.umask(before)


def test_a_second_server_on_the_socket_is_refused_and_the_first_goes_on(url: str) -> None:
    with serving(url, Echo()), calling(url) as client:
        with pytest.raises(CannotListen, match="another agent is listening"), serving(url, Echo()):
            raise AssertionError("both listen")
        assert client.call({}, "echo", data=1) == 1


def test_a_socket_that_a_killed_server_left_is_replaced(url: str) -> None:
    with echo_process(url) as child:
        child.kill()
        child.wait(10)
        assert path_of(url).is_socket()
        with serving(url, Echo()), calling(url) as client:
            assert client.call({}, "echo", data=1) == 1


def test_a_socket_of_another_living_program_is_not_taken_away(url: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path_of(url)))
        other.listen()
        with pytest.raises(CannotListen, match="another program is listening"), serving(url, Echo()):
            raise AssertionError("it was taken")


def test_a_file_that_is_no_socket_is_not_taken_away(url: str) -> None:
    path_of(url).write_text("precious")
    with pytest.raises(CannotListen, match="is no socket"), serving(url, Echo()):
        raise AssertionError("it was taken")
    assert path_of(url).read_text() == "precious"


def test_the_socket_is_gone_after_the_server(url: str) -> None:
    with serving(url, Echo()):
        pass
    assert not path_of(url).exists()
