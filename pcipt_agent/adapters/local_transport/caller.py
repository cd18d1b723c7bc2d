# SPDX-License-Identifier: Apache-2.0
"""The caller's side of one exchange: connect, send one frame, wait for the answer.

A socket that is missing or that nobody listens on is said at once and by name: there is no broker that may come back, and a caller
who wants to wait for the agent knows better for how long.

Does not know: the hub, the subscriber.
"""

import errno
import os
import socket
import time
from pathlib import Path
from typing import Any

import oslo_messaging
from oslo_messaging._drivers import common

from pcipt_agent.adapters.local_transport.frames import Ended, NotAFrame, Patience, encode, receive, send

_STALL = 30.0


class NotReachable(oslo_messaging.MessageDeliveryFailure):
    """Nobody takes calls at the socket; the call was not made."""


class Interrupted(oslo_messaging.MessageDeliveryFailure):
    """The connection ended before the answer; whether the call was obeyed is not known."""


def connect(path: Path, until: float | None) -> socket.socket:
    """Raises NotReachable, or TimeoutError where the listen queue stays full."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        while True:
            sock.settimeout(Patience(_STALL, until).left())
            try:
                sock.connect(str(path))
                return sock
            except BlockingIOError:  # unix(7): EAGAIN where the queue is full and the socket does not block
                time.sleep(0.01)
    except OSError as error:
        sock.close()
        if isinstance(error, TimeoutError):
            raise
        raise NotReachable(f"no agent is reachable at {path}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "there is no such socket"
        case errno.ECONNREFUSED:
            return "nobody listens on it"
        case errno.EACCES:
            return "permission denied; the socket's owner and its group may connect"
        case None:
            return str(error)
        case number:
            return os.strerror(number)


def tell(path: Path, frame: dict[str, Any]) -> None:
    """Hands over a cast or a notification, and returns when it is taken: so the next one comes after it."""
    patience = Patience(_STALL)
    try:
        with connect(path, time.monotonic() + _STALL) as sock:
            send(sock, encode(frame), patience)
            _taken(receive(sock, patience, patience))
    except TimeoutError as error:
        raise Interrupted(f"the agent at {path} takes nothing for {_STALL:g} s") from error
    except (Ended, NotAFrame, OSError) as error:
        raise Interrupted(f"the agent at {path} ended the connection: {error}") from error


def ask(path: Path, frame: dict[str, Any], timeout: float | None, exmods: list[str]) -> object:
    """The reply to a call; raises what the server raised, MessagingTimeout, NotReachable or Interrupted."""
    monitor: float | None = frame["monitor"]
    until = None if timeout is None else time.monotonic() + timeout
    try:
        with connect(path, until) as sock:
            send(sock, encode(frame), Patience(None, until))
            while True:
                answer = receive(sock, Patience(monitor, until), Patience(None, until))
                if answer.get("kind") != "heartbeat":
                    return _reply(answer, exmods)
    except TimeoutError as error:
        waited = f"{monitor:g} s without a sign of life" if monitor is not None and _left(until) else f"{timeout:g} s"
        raise oslo_messaging.MessagingTimeout(f"no answer from the agent at {path} within {waited}") from error
    except (Ended, NotAFrame, OSError) as error:
        raise Interrupted(f"the agent at {path} did not answer, whether it obeyed is not known: {error}") from error


def _taken(answer: dict[str, Any]) -> None:
    match answer:
        case {"kind": "taken"}:
            return
        case {"kind": "undeliverable", "problem": problem}:
            raise NotReachable(problem)
        case _:
            raise NotAFrame(f"an answer of kind {answer.get('kind')!r}")


def _left(until: float | None) -> bool:
    return until is None or until > time.monotonic()


def _reply(answer: dict[str, Any], exmods: list[str]) -> object:
    match answer:
        case {"kind": "reply", "reply": reply}:
            return reply
        case {"kind": "failure", "failure": failure}:
            raise common.deserialize_remote_exception(failure, exmods)
        case {"kind": "undeliverable", "problem": problem}:
            raise NotReachable(problem)
        case _:
            raise NotAFrame(f"an answer of kind {answer.get('kind')!r}")
