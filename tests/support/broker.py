# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of our own, on loopback and free ports, that leaves nothing behind.

Its Erlang node has a name and a directory of its own, so it meets no other broker of the machine. epmd, Erlang's port mapper, is
started beside it on a port of its own too, and ended with it.

Does not know: oslo.messaging.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INSTALL = "apt-get install --no-install-recommends rabbitmq-server"
_SCRIPTS = Path("/usr/lib/rabbitmq/bin")
_READY_WITHIN = 60.0


@contextmanager
def broker() -> Iterator[str]:
    """Its transport URL; takes about four seconds to start and three to stop."""
    server = _SCRIPTS / "rabbitmq-server"
    assert server.exists(), f"{server} is missing; these tests run against a real RabbitMQ: {_INSTALL}"
    epmd = shutil.which("epmd")
    assert epmd is not None, f"epmd is missing: {_INSTALL}"
    with tempfile.TemporaryDirectory(prefix="pcipt-rabbit-") as directory:
        port, epmd_port, node_port = _free_ports(3)
        environment = _environment(Path(directory), port, epmd_port, node_port)
        mapper = subprocess.Popen([epmd, "-port", str(epmd_port), "-address", "127.0.0.1"], env=environment)
        try:
            with (Path(directory) / "output").open("wb") as output:
                rabbit = subprocess.Popen([server], env=environment, stdout=output, stderr=output)
            try:
                _await(rabbit, port, Path(directory))
                yield f"rabbit://guest:guest@127.0.0.1:{port}/"
            finally:
                rabbit.terminate()
                rabbit.wait(30)
        finally:
            mapper.terminate()
            mapper.wait(10)


def _environment(directory: Path, port: int, epmd_port: int, node_port: int) -> dict[str, str]:
    (directory / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = true\nlog.console.level = warning\nlog.file = false\n"
    )
    (directory / "enabled_plugins").write_text("[].\n")
    return {
        **os.environ,
        "HOME": str(directory),  # the Erlang cookie
        "RABBITMQ_NODENAME": f"pcipt{port}@localhost",
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(node_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _await(rabbit: subprocess.Popen[bytes], port: int, directory: Path) -> None:
    """Until it speaks AMQP: it answers a protocol header that it does not know with its own."""
    until = time.monotonic() + _READY_WITHIN
    while time.monotonic() < until:
        assert rabbit.poll() is None, f"the broker ended: {(directory / 'output').read_text()}"
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as probe:
                probe.sendall(b"AMQP\x09\x09\x09\x09")
                if probe.recv(4) == b"AMQP":
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the broker did not start in {_READY_WITHIN:g} s: {(directory / 'output').read_text()}")
