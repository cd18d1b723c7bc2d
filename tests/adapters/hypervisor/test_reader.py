# SPDX-License-Identifier: Apache-2.0
"""LibvirtReader over a libvirt that comes late, hangs, dies, talks nonsense, or whose guests come and go between two looks."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pcipt_agent.adapters.hypervisor import LibvirtReader
from pcipt_agent.core.address import PciAddress
from tests.support.guests import TestDriverGuests, hostdev_xml, saw
from tests.support.libvirtd import Libvirtd, libvirtd

ONE = "11111111-1111-4111-8111-111111111111"
VF = PciAddress(0, 0x3B, 0, 2)
SOON = 5.0
"""Seconds in which whatever must not wait for libvirt is over."""


class WallClock:
    def now(self) -> float:
        return time.time()


@contextmanager
def reading(uri: str, *, patience_seconds: float = 10.0, interval_seconds: float = 60.0) -> Iterator[LibvirtReader]:
    """A reader that has been started; closing it is soon over, whatever libvirt does."""
    reader = LibvirtReader(uri, clock=WallClock(), patience_seconds=patience_seconds, interval_seconds=interval_seconds)
    reader.start()
    try:
        yield reader
    finally:
        began = time.monotonic()
        reader.close()
        assert time.monotonic() - began < SOON


@contextmanager
def answering(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URI of a socket that accepts, and then does as it is told; nothing of it is left afterwards."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                taken.append(connection)
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"qemu+unix:///system?socket={path}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(SOON)
            for connection in taken:
                connection.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Libvirtd]:
    with libvirtd(tmp_path) as running:
        yield running


def test_a_libvirt_that_is_not_there_is_told_with_its_reason_and_is_seen_once_it_comes(tmp_path: Path) -> None:
    late = Libvirtd(tmp_path)
    with reading(late.uri) as reader:
        seen = saw(reader, lambda seen: seen.problem is not None and "No such file" in seen.problem)
        assert (seen.reachable, seen.watched_since) == (False, None)
        late.start()
        try:
            found = saw(reader, lambda seen: seen.reachable)
            assert found.version is not None
            assert found.version >= (9, 0, 0)
            assert seen.version == found.version, "its library is of the same package, and can be asked before it"
            assert found.problem is None
            assert found.watched_since is not None
        finally:
            late.kill()


def test_the_first_word_is_what_domains_have_and_no_half_of_it(daemon: Libvirtd) -> None:
    guests = TestDriverGuests(daemon.uri)
    guests.define(ONE, "g1", hostdev_xml(VF))
    for _ in range(5):
        with reading(daemon.uri) as reader:
            first = reader.look(30)
            assert (first.reachable, first.problem) == (True, None)
            assert VF in first.shown
    guests.leave()


def test_a_libvirt_that_dies_leaves_what_it_said_last_and_is_watched_anew_when_it_is_back(daemon: Libvirtd) -> None:
    with reading(daemon.uri) as reader:
        guests = TestDriverGuests(daemon.uri)
        before = saw(reader, lambda seen: seen.watched_since is not None)
        guests.define(ONE, "g1", hostdev_xml(VF))
        saw(reader, lambda seen: VF in seen.shown)
        daemon.kill()
        gone = saw(reader, lambda seen: not seen.reachable)
        assert "g1" in [each.name for each in gone.domains]
        assert gone.watched_since is None
        assert gone.version == before.version
        daemon.start()
        back = saw(reader, lambda seen: seen.reachable)
        assert [each.name for each in back.domains] == ["test"]
        assert VF in back.shown
        assert back.watched_since is not None
        assert before.watched_since is not None
        assert back.watched_since > before.watched_since


def test_a_libvirt_that_hangs_is_not_reachable_and_keeps_nobody_waiting_until_it_goes_on(daemon: Libvirtd) -> None:
    with reading(daemon.uri, patience_seconds=0.5) as reader:
        reached = saw(reader, lambda seen: seen.watched_since is not None)
        guests = TestDriverGuests(daemon.uri)
        guests.define(ONE, "g1", "")
        daemon.hang()  # after the event was sent or before: the reader looks now, or keep-alive asks
        try:
            began = time.monotonic()
            reader.look(0.0)
            assert time.monotonic() - began < SOON
            gone = saw(reader, lambda seen: not seen.reachable, seconds=40)
            assert gone.watched_since is None
            assert gone.domains
        finally:
            daemon.go_on()
        back = saw(reader, lambda seen: seen.reachable and "g1" in [each.name for each in seen.domains], seconds=40)
        assert back.version == reached.version


def test_what_a_libvirt_does_not_answer_is_told_and_where_it_may_just_be_starting_a_guest(daemon: Libvirtd) -> None:
    with reading(daemon.uri, patience_seconds=0.5, interval_seconds=0.1) as reader:
        saw(reader, lambda seen: seen.reachable)
        daemon.hang()
        try:
            problem = saw(reader, lambda seen: not seen.reachable).problem
        finally:
            daemon.go_on()
        assert problem is not None
        asked = re.fullmatch(r"it has not answered for 0.5 s when asked for (.+); while a guest starts or ends .+", problem)
        assert asked is not None, problem
        assert asked[1] in ("its domains", "domain test")


def test_a_socket_that_accepts_and_never_answers_is_a_libvirt_that_hangs(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "socket", lambda _: None) as uri,
        reading(uri, patience_seconds=0.3) as reader,
    ):
        seen = saw(reader, lambda seen: seen.problem == "it has not answered for 0.3 s")
        assert not seen.reachable


def test_a_libvirt_that_is_slow_to_answer_at_first_is_never_told_to_be_unasked_again(daemon: Libvirtd) -> None:
    """As it is after a host's start, when it tries all of its QEMUs: the log would say both in turns."""
    daemon.hang()
    try:
        with reading(daemon.uri, patience_seconds=0.3) as reader:
            said = [saw(reader, lambda seen: seen.problem != "it has not been asked yet").problem]
            daemon.go_on()
            until = time.monotonic() + 40
            while said[-1] is not None and time.monotonic() < until:
                problem = reader.look(0.0).problem
                said += [problem] if problem != said[-1] else []
    finally:
        daemon.go_on()
    assert said == ["it has not answered for 0.3 s", None]


def test_a_socket_that_answers_nonsense_is_no_libvirt(tmp_path: Path) -> None:
    def nonsense(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + os.urandom(4096))
        connection.close()

    with answering(tmp_path / "socket", nonsense) as uri, reading(uri) as reader:
        seen = saw(reader, lambda seen: seen.problem not in (None, "it has not been asked yet"))
        assert not seen.reachable


@pytest.mark.parametrize("uri", ["nonsense:///x", "/run/libvirt/libvirt-sock", "http://example.org/", "test:///no/such/file.xml"])
def test_an_address_that_is_none_of_libvirts_is_told(uri: str) -> None:
    with reading(uri) as reader:
        seen = saw(reader, lambda seen: seen.problem not in (None, "it has not been asked yet"))
        assert not seen.reachable


def test_a_libvirt_that_breaks_off_again_and_again_is_asked_less_and_less_often(daemon: Libvirtd, tmp_path: Path) -> None:
    asked: list[float] = []

    def forward(near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while octets := near.recv(65536):
                far.sendall(octets)

    def breaking_off(connection: socket.socket) -> None:
        asked.append(time.monotonic())
        with socket.socket(socket.AF_UNIX) as libvirt:
            libvirt.connect(str(daemon.socket))
            for near, far in ((connection, libvirt), (libvirt, connection)):
                threading.Thread(target=forward, args=(near, far), daemon=True).start()
            time.sleep(0.5)
            for each in (connection, libvirt):
                each.shutdown(socket.SHUT_RDWR)

    cut = f"test+unix:///default?socket={tmp_path / 'cut.sock'}"
    with answering(tmp_path / "cut.sock", breaking_off), reading(cut) as reader:
        end, reached = time.monotonic() + 9, 0
        while time.monotonic() < end:
            reached += reader.look(0.2).reachable
    assert reached, "it is seen in between"
    assert len(asked) <= 4


def test_a_guest_that_came_and_went_between_two_looks_ends_the_watch(daemon: Libvirtd) -> None:
    with reading(daemon.uri) as reader:
        start = saw(reader, lambda seen: seen.watched_since is not None).watched_since
        assert start is not None
        guests = TestDriverGuests(daemon.uri)
        guests.create(ONE, "g1", hostdev_xml(VF))
        guests.destroy(ONE)
        after = saw(reader, lambda seen: seen.watched_since is not None and seen.watched_since > start)
        assert not after.surely_unused_since(VF, start)


def test_a_domain_that_was_not_understood_may_have_had_anything(daemon: Libvirtd) -> None:
    with reading(daemon.uri) as reader:
        start = saw(reader, lambda seen: seen.watched_since is not None).watched_since
        assert start is not None
        guests = TestDriverGuests(daemon.uri)
        guests.define(ONE, "g1", "<interface type='vdpa'><source dev='vdpa0'/></interface>")
        saw(reader, lambda seen: bool(seen.puzzling))
        guests.undefine(ONE)
        after = saw(reader, lambda seen: seen.watched_since is not None and not seen.puzzling)
        assert not after.surely_unused_since(VF, start)


def test_between_an_event_and_the_look_nobody_knows_what_was_shown(daemon: Libvirtd) -> None:
    with reading(daemon.uri) as reader:
        start = saw(reader, lambda seen: seen.watched_since is not None).watched_since
        TestDriverGuests(daemon.uri).define(ONE, "g1", hostdev_xml(VF))
        saw(reader, lambda seen: seen.reachable and seen.watched_since is None and VF not in seen.shown)
        assert saw(reader, lambda seen: VF in seen.shown and seen.watched_since is not None).watched_since == start


def test_a_domain_that_is_not_understood_any_more_still_names_what_it_named(daemon: Libvirtd) -> None:
    with reading(daemon.uri) as reader:
        guests = TestDriverGuests(daemon.uri)
        guests.define(ONE, "g1", hostdev_xml(VF))
        saw(reader, lambda seen: VF in seen.shown)
        guests.define(ONE, "g1", "<interface type='vdpa'><source dev='vdpa0'/></interface>")
        seen = saw(reader, lambda seen: any(each.problem is not None for each in seen.domains))
        assert [device.address for each in seen.domains for device in each.devices] == [VF]


def test_a_swarm_of_events_is_little_news(daemon: Libvirtd) -> None:
    guests = TestDriverGuests(daemon.uri)
    with reading(daemon.uri) as reader:
        saw(reader, lambda seen: seen.reachable)

        def define() -> None:
            for _ in range(400):
                guests.define(ONE, "g1", hostdev_xml(VF))

        swarm = threading.Thread(target=define)
        swarm.start()
        news = 0
        while swarm.is_alive():
            reader.look(0.5)
            news += 1
        swarm.join()
    guests.leave()
    assert news < 50


def test_a_swarm_of_events_is_few_looks(daemon: Libvirtd) -> None:
    with reading(daemon.uri) as reader:
        saw(reader, lambda seen: seen.reachable)
        guests = TestDriverGuests(daemon.uri)
        for number in range(100):
            guests.define(ONE, "g1", hostdev_xml(VF._replace(slot=number % 32)))
        seen = saw(reader, lambda seen: VF._replace(slot=99 % 32) in seen.shown)
        assert len(seen.shown) < 32


def test_a_domain_whose_xml_is_strange_is_named_with_its_problem(tmp_path: Path) -> None:
    """libvirt takes a vDPA node that is no path."""
    node = tmp_path / "node.xml"
    node.write_text(
        "<node><domain type='test'><name>odd</name><memory>1024</memory><os><type>hvm</type></os>"
        "<devices><interface type='vdpa'><source dev='vdpa0'/></interface></devices></domain></node>"
    )
    with reading(f"test://{node}") as reader:
        seen = saw(reader, lambda seen: seen.reachable)
        assert [(each.name, each.problem is not None) for each in seen.domains] == [("odd", True)]


def test_without_the_package_libvirt_is_not_reachable_and_the_way_to_it_is_said() -> None:
    program = (
        "import sys, time; sys.modules['libvirt'] = None\n"
        "from pcipt_agent.adapters.hypervisor import LibvirtReader\n"
        "class C:\n"
        "    def now(self): return 1.0\n"
        "reader = LibvirtReader('qemu:///system', clock=C()); reader.start()\n"
        "print(next(s.problem for s in iter(lambda: reader.look(5), None) if 'asked' not in s.problem)); reader.close()\n"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert told.stdout.startswith("libvirt-python is not installed: pip install 'pcipt-agent[libvirt]'")
    assert told.stderr == ""


def test_a_process_that_reads_a_hanging_libvirt_ends_when_it_is_told_and_prints_nothing(daemon: Libvirtd) -> None:
    program = (
        "import sys\n"
        "from pcipt_agent.adapters.hypervisor import LibvirtReader\n"
        "class C:\n"
        "    def now(self): return 1.0\n"
        f"reader = LibvirtReader({daemon.uri!r}, clock=C()); reader.start()\n"
        "while not reader.look(1).reachable: pass\n"
        "print('reached', flush=True); sys.stdin.readline(); reader.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reached\n"
        daemon.hang()
        try:
            _, said = process.communicate("\n", timeout=15)
        finally:
            daemon.go_on()
        assert (process.returncode, said) == (0, "")
