# SPDX-License-Identifier: Apache-2.0
"""The hub: takes connections, hands calls to the servers of this process, passes notifications on to subscribers.

One thread a connection: it reads the one frame that says what the connection is for, then sends what its outbox gets until that is
finished or the peer has gone. A notification goes to one subscriber of each pool, as oslo.messaging wants it; there is no store, so
one that nobody subscribes to is gone.

Does not know: what is called; who may connect (the socket's mode, which the kernel enforces); it only notes who did.
"""

import logging
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from select import POLLIN, POLLRDHUP, poll
from typing import Any

from pcipt_agent.adapters.local_transport.doorway import Doorway
from pcipt_agent.adapters.local_transport.frames import Ended, NotAFrame, Patience, encode, receive, send
from pcipt_agent.adapters.local_transport.incoming import Call, Station
from pcipt_agent.adapters.local_transport.outbox import Outbox
from pcipt_agent.adapters.local_transport.subscribers import Subscribers

_LOG = logging.getLogger(__name__)
_PEERCRED = struct.Struct("3i")  # struct ucred: pid, uid, gid
_CONNECTIONS = 256
"""At once, with two file descriptors each, of 1024 that a process may have; the next wait in the listen queue. Subscribers are
bounded below it, so that they never keep callers out."""

_LONGEST_MONITOR = 1e6
"""Seconds; oslo.messaging's watchdog thread ends badly for infinity."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected, by the kernel's word (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


class Hub:
    """One socket's worth of servers and subscribers."""

    def __init__(self, path: Path, stall: float = 30.0) -> None:
        self._path = path
        self._stall = stall
        self._stations: tuple[Station, ...] = ()
        self._subscribers = Subscribers(most=_CONNECTIONS // 2)
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)
        self._closing = threading.Event()
        self._doorway: Doorway | None = None
        self._accepting = threading.Thread(target=self._accept, name="unix-hub", daemon=True)

    def open(self) -> None:
        """Raises doorway.Taken, or OSError."""
        self._doorway = Doorway.opened(self._path)
        self._accepting.start()
        _LOG.info("listening on %s", self._path)

    def add(self, station: Station) -> None:
        with self._lock:
            self._stations = (*self._stations, station)

    def remove(self, station: Station) -> None:
        with self._lock:
            self._stations = tuple(each for each in self._stations if each is not station)

    def close(self, grace: float = 5.0) -> None:
        """Takes nothing new; gives what is in the outboxes `grace` seconds to be sent."""
        if self._doorway is None or self._closing.is_set():
            return
        self._closing.set()
        self._doorway.listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._doorway.close()
        self._subscribers.finish()
        until = time.monotonic() + grace
        for thread in list(self._connections):
            thread.join(max(0.0, until - time.monotonic()))
        for sock in list(self._connections.values()):
            with suppress(OSError):  # it may have ended by itself meanwhile
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._connections):
            thread.join()

    def _accept(self) -> None:
        assert self._doorway is not None
        while not self._closing.is_set():
            if not self._slots.acquire(timeout=0.2):
                continue
            try:
                sock, _ = self._doorway.listening.accept()
            except OSError as error:
                self._slots.release()
                if not self._closing.is_set():
                    _LOG.warning("a connection on %s was not accepted: %s", self._path, error)
                    self._closing.wait(0.1)  # EMFILE would come back at once
                continue
            thread = threading.Thread(target=self._serve, args=(sock,), name="unix-connection", daemon=True)
            with self._lock:
                self._connections[thread] = sock
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            peer = Peer(*_PEERCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)))
            if (ended := self._exchange(sock, peer)) is not None:
                _LOG.log(ended[0], "%s", ended[1])
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]
            sock.close()
            self._slots.release()

    def _exchange(self, sock: socket.socket, peer: Peer) -> tuple[int, str] | None:
        """How badly it ended, and in which words; logged when no exception is active, since oslo.log would say that one again."""
        outbox: Outbox | None = None
        who = f"pid {peer.pid}, uid {peer.uid}"
        try:
            outbox = Outbox()
            frame = receive(sock, Patience(self._stall), Patience(self._stall))
            match frame:
                case {
                    "kind": "call" | "cast" as kind,
                    "ctxt": dict(ctxt),
                    "message": dict(message),
                    "monitor": int() | float() | None as monitor,
                } if monitor is None or 0 < monitor < _LONGEST_MONITOR:
                    ctxt["unix_peer"] = {"pid": peer.pid, "uid": peer.uid, "gid": peer.gid}
                    self._deliver(frame, Call(ctxt, message, outbox if kind == "call" else None, monitor), outbox)
                case {"kind": "notify", "exchange": str() | None, "topic": str(), "ctxt": dict(), "message": dict()}:
                    self._subscribers.publish(frame)
                    _answer(outbox, {"kind": "taken"})
                case {"kind": "subscribe", "topics": list(topics)}:
                    outbox.close()
                    outbox = self._subscribers.join(topics, frame.get("pool"))
                case _:
                    raise NotAFrame("it is none that we know")
            self._send(sock, outbox)
            if outbox.missed:
                return logging.WARNING, f"let a slow subscriber go: {who}, {outbox.missed} lost"
            return None
        except NotAFrame as error:
            return logging.WARNING, f"disconnected {who}: what it sent is no frame: {error}"
        except TimeoutError:
            return logging.WARNING, f"disconnected {who}: no progress in {self._stall:g} s"
        except (Ended, OSError) as error:
            return logging.DEBUG, f"{who} has gone: {error}"
        finally:
            if outbox is not None:
                self._subscribers.leave(outbox)
                outbox.close()

    def _deliver(self, frame: dict[str, Any], call: Call, outbox: Outbox) -> None:
        """To the server of the target, or to all of them where it is a fan-out cast."""
        wanted = [station for station in self._stations if _is_for(frame, station)]
        taken = 0
        for station in wanted:
            taken += station.deliver(call)
            if taken and not frame.get("fanout"):
                break
        if not taken:
            here = ", ".join(sorted(f"{station.topic} on {station.server}" for station in self._stations)) or "nothing any more"
            problem = f"no server for {frame.get('topic')!r} on {frame.get('server')!r} here; {self._path} serves {here}"
            _LOG.info("%s", problem)
            _answer(outbox, {"kind": "undeliverable", "problem": problem})
        elif frame["kind"] == "cast":
            _answer(outbox, {"kind": "taken"})

    def _send(self, sock: socket.socket, outbox: Outbox) -> None:
        """Until the outbox is finished, or the peer has gone."""
        waiting = poll()
        waiting.register(outbox.fileno(), POLLIN)
        waiting.register(sock, POLLIN | POLLRDHUP)
        while True:
            events = dict(waiting.poll())
            taken, done = outbox.take()
            for frame in taken:
                send(sock, frame, Patience(self._stall))
            if done or sock.fileno() in events:
                return


def _answer(outbox: Outbox, content: dict[str, Any]) -> None:
    """The one and last frame for the peer."""
    outbox.put(encode(content))
    outbox.finish()


def _is_for(frame: dict[str, Any], station: Station) -> bool:
    return (
        frame.get("topic") == station.topic
        and frame.get("exchange") == station.exchange
        and (frame.get("server") is None or frame.get("server") == station.server)
    )
