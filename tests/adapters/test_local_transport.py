# SPDX-License-Identifier: Apache-2.0
"""What `unix://` does beyond the transport contract: the socket, peers that misbehave, servers that die, slow subscribers."""

import logging
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import oslo_messaging
import pytest
from oslo_config import cfg

from pcipt_agent.adapters.local_transport.caller import Interrupted, NotReachable
from pcipt_agent.adapters.local_transport.driver import CannotListen, socket_path
from pcipt_agent.adapters.local_transport.frames import MAGIC, Patience, encode, receive
from pcipt_agent.adapters.local_transport.hub import Hub
from pcipt_agent.adapters.local_transport.incoming import Call, Station
from pcipt_agent.views.contract import NOTIFICATIONS_LOST
from tests.adapters.contract.transport import first_notification
from tests.support.bus import Echo, Subscriber, calling, notifying, path_of, serving, socket_url, subscribed
from tests.support.echo_server import echo_process


@pytest.fixture
def url() -> Iterator[str]:
    with socket_url() as url:
        yield url


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within ten seconds."""
    until = time.monotonic() + 10
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def is_let_go(sock: socket.socket) -> bool:
    """Whether the other end closes without a word; it is a reset where it had not read all."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


# the address


@pytest.mark.parametrize("text", ["unix:///run/x.sock", "unix:////run/x.sock", "unix:///run%2Fx.sock"])
def test_any_number_of_slashes_means_the_absolute_path(text: str) -> None:
    assert socket_path(oslo_messaging.TransportURL.parse(cfg.CONF, text)) == Path("/run/x.sock")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unix://run/x.sock", "three slashes"),
        ("unix://", "path of a socket"),
        ("unix:///run/", "path of a socket"),
        (f"unix:///{'x' * 107}", "at most 107 bytes"),
    ],
)
def test_an_address_that_is_no_absolute_path_is_refused(text: str, problem: str) -> None:
    with pytest.raises(oslo_messaging.InvalidTransportURL, match=problem):
        oslo_messaging.get_rpc_transport(cfg.CONF, url=text)


# the socket


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


# callers


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


# peers that misbehave


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"p",
        MAGIC + b"\xff" * 8,
        MAGIC + (4).to_bytes(8, "big") + b"nope",
        MAGIC + (2).to_bytes(8, "big") + b"[]",
        MAGIC + (100_000).to_bytes(8, "big") + b"[" * 100_000,
        encode({"kind": "sing"}),
        encode({"kind": "call", "ctxt": 1, "message": [], "monitor": None}),
        encode({"kind": "call", "ctxt": {}, "message": {}, "monitor": float("inf")}),
        encode({"kind": "notify", "ctxt": {}, "message": {}, "topic": "t", "exchange": []}),
        encode({"kind": "subscribe", "topics": [7]}),
    ],
)
def test_garbage_is_disconnected_and_logged_once_and_others_are_served(
    url: str, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(url, Echo()), calling(url) as client, caplog.at_level(logging.DEBUG, "pcipt_agent"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
            stranger.connect(str(path_of(url)))
            stranger.sendall(garbage)
            stranger.shutdown(socket.SHUT_WR)
            assert is_let_go(stranger)
        assert client.call({}, "echo", data=1) == 1
    told = [record for record in caplog.records if f"pid {os.getpid()}" in record.getMessage()]
    assert len(told) == 1


def test_a_stranger_is_told_by_its_first_bytes_and_not_waited_for(url: str) -> None:
    with serving(url, Echo()), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(str(path_of(url)))
        stranger.settimeout(10)
        stranger.sendall(b"HELO")
        assert is_let_go(stranger)


def test_a_station_that_is_stopped_takes_no_call_that_is_on_its_way(url: str) -> None:
    hub = Hub(path_of(url))
    station = Station(oslo_messaging.Target(topic="t", server="s"), hub.add, hub.remove)
    taken: list[Call] = []
    station.start(taken.extend)
    assert station.deliver(Call({}, {}, None, None))
    station.stop()
    assert not station.deliver(Call({}, {}, None, None))
    assert len(taken) == 1


def test_a_peer_that_stops_within_a_frame_is_let_go_after_a_while(url: str, caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub(path_of(url), stall=0.2)
    hub.open()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as slow:
        slow.connect(str(path_of(url)))
        slow.sendall(encode({"kind": "call"})[:-3])
        assert slow.recv(1) == b""
    hub.close()
    assert [record.message for record in caplog.records if "no progress in 0.2 s" in record.message]


def test_a_caller_that_does_not_read_its_answer_is_let_go_after_a_while(url: str, caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub(path_of(url), stall=0.2)
    hub.open()
    station = Station(oslo_messaging.Target(topic="t", server="s"), hub.add, hub.remove)

    def answer(calls: list[Call]) -> None:
        calls[0].reply("x" * 10_000_000)

    station.start(answer)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.connect(str(path_of(url)))
        deaf.sendall(
            encode({"kind": "call", "topic": "t", "exchange": None, "server": "s", "ctxt": {}, "message": {}, "monitor": None})
        )
        assert eventually(lambda: any("no progress in 0.2 s" in record.message for record in caplog.records))
    hub.close()


# subscribers


def test_a_subscriber_that_does_not_read_costs_the_notifier_nothing_and_is_let_go_with_a_word(url: str) -> None:
    with serving(url, Echo()), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stuck:
        stuck.connect(str(path_of(url)))
        stuck.sendall(encode({"kind": "subscribe", "topics": [["openstack", "notifications.info"]], "pool": "stuck"}))
        assert receive(stuck, Patience(10), Patience(10)) == {"kind": "subscribed"}
        other = Subscriber()
        with subscribed(url, other, "other"), notifying(url) as notifier:
            first_notification(notifier, other)
            for number in range(2000):
                notifier.info({}, "pcipt.test", {"number": number, "text": "x" * 1000})
            numbers = [payload["number"] for event_type, payload in _all_of(other, 2000) if event_type == "pcipt.test"]
            assert sorted(numbers) == list(range(2000))
        frames = [receive(stuck, Patience(10), Patience(10))]
        while frames[-1]["kind"] == "notification":
            frames.append(receive(stuck, Patience(10), Patience(10)))
        assert frames[-1] == {"kind": "dropped", "missed": 1001}
        told = [frame["message"]["payload"].get("number", -1) for frame in frames[:-1]]
        assert told == sorted(told)
        assert stuck.recv(1) == b""


def _all_of(subscriber: Subscriber, count: int) -> Iterator[tuple[str, dict[str, int]]]:
    while count:
        got = subscriber.got.get(timeout=10)
        count -= got[0] == "pcipt.test"
        yield got


def test_a_subscriber_is_told_that_it_was_away_when_the_agent_is_back(url: str) -> None:
    subscriber = Subscriber()
    with subscribed(url, subscriber), notifying(url) as notifier:
        with serving(url, Echo()):
            first_notification(notifier, subscriber)
        with serving(url, Echo()):
            while (got := subscriber.got.get(timeout=10))[0] == "first":
                pass
            assert got == (NOTIFICATIONS_LOST, {})


def test_subscribers_of_one_pool_share(url: str) -> None:
    one, two = Subscriber(), Subscriber()
    with serving(url, Echo()), subscribed(url, one), subscribed(url, two), notifying(url) as notifier:
        first_notification(notifier, one)
        first_notification(notifier, two)
        for number in range(10):
            notifier.info({}, "pcipt.test", {"number": number})

        def counts() -> list[int]:
            return [sum(event_type == "pcipt.test" for event_type, _ in list(each.got.queue)) for each in (one, two)]

        assert eventually(lambda: sum(counts()) == 10)
        assert counts() == [5, 5]
