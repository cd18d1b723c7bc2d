# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.demo`: sets up what is missing on this machine, and shows the agent's main job on it.

Every line that begins with `$` is a command that is run, with what it prints below it. The agent runs by hand here, on a socket,
a journal and a configuration in a temporary directory; nothing is bound, unbound or given to a guest.

Does not know: how the agent works; it sees what an operator sees, and stops where something is not as it must be.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.machine import CHECKOUT, VENV, prepare, say

EXAMPLE_HOST = "etc/pcipt-agent/example.host"
CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"

CONFIGURATION = """\
[DEFAULT]
transport_url = unix://{directory}/agent.sock
[agent]
host_root = {host_root}
state_path = {directory}
[pci]
{entries}
alias = {alias}
"""


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands as a person would, in the checkout, with the virtual environment's programs first."""

    environment: Mapping[str, str]

    def show(self, command: str, *, expect: int = 0) -> str:
        """Runs it, shows it and what it prints; ends the demonstration where its exit code is another than `expect`."""
        print(f"\n$ {command}", flush=True)
        done = subprocess.run(
            shlex.split(command), cwd=CHECKOUT, env=dict(self.environment), check=False, capture_output=True, text=True
        )
        print((done.stdout + done.stderr).rstrip(), flush=True)
        if done.returncode != expect:
            sys.exit(f"pcipt-agent: that exited with {done.returncode}, not {expect}: the demonstration ends here")
        return done.stdout

    def ask(self, command: str) -> Any:
        """The command's answer as JSON, not shown."""
        done = subprocess.run(
            [*shlex.split(command), "--format", "json"], cwd=CHECKOUT, env=dict(self.environment), check=True, capture_output=True
        )
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def agent(self, configuration: Path) -> Iterator[subprocess.Popen[str]]:
        """The agent in the background, ready; ended with SIGTERM if it still runs."""
        command = f"pcipt-agent --config-file {configuration}"
        print(f"\n$ {command} &", flush=True)
        log = configuration.with_name("agent.log")
        with log.open("a") as stream:
            process = subprocess.Popen(
                shlex.split(command), cwd=CHECKOUT, env=dict(self.environment), stdout=stream, stderr=stream, text=True
            )
        try:
            self._await_ready(process, configuration, log)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)

    def _await_ready(self, process: subprocess.Popen[str], configuration: Path, log: Path) -> None:
        deadline = time.monotonic() + 60
        probe = ["pcipt", "version", "--config-file", str(configuration), "--timeout", "5"]
        while subprocess.run(probe, env=dict(self.environment), check=False, capture_output=True).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{log.read_text()}\npcipt-agent: the agent did not get ready")
            time.sleep(0.2)


def main() -> int:
    prepare()
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    shell = Shell({**os.environ, "PATH": path, "COLUMNS": "130", "PYTHONUNBUFFERED": "1"})
    with tempfile.TemporaryDirectory(prefix="pcipt-demo-") as directory:
        everything = Path(directory) / "everything.conf"
        everything.write_text("[pci]\ndevice_spec = {}\n")
        say(
            "this machine's own PCI functions: which of them could be handed out, if the rules listed all, and why others could not"
        )
        shell.show(f"pcipt devices --host / --config-file {everything}")
        host_root = "/"
        chosen = _to_list(shell, host_root, everything)
        if chosen is None:
            host_root = EXAMPLE_HOST
            say(f"no function of this machine can be handed out; going on with a described host, {EXAMPLE_HOST}")
            chosen = _to_list(shell, host_root, everything)
            if chosen is None:
                sys.exit(f"pcipt-agent: {EXAMPLE_HOST} has no device to claim")
        _main_job(shell, Path(directory), host_root, chosen)
    say("done: nothing of it is left on this machine but .venv")
    return 0


def _to_list(shell: Shell, host_root: str, everything: Path) -> list[Mapping[str, Any]] | None:
    """A device that could be handed out if the rules listed all, and one that the host uses where there is one; None where nothing
    could be handed out."""
    devices = shell.ask(f"pcipt devices --host {host_root} --config-file {everything}")["devices"]
    order = {"type-VF": 0, "type-PCI": 1, "type-PF": 2}
    usable = [device for device in devices if device["status"] == "free" and device["device_type"] in order]
    if not usable:
        return None
    device = min(usable, key=lambda device: (order[device["device_type"]], device["address"]))
    used = [each for each in devices if each["status"] == "used-by-host" and _ids(each) != _ids(device)]
    return [device, *sorted(used, key=lambda each: (each["device_type"] != "type-PCI", each["address"]))[:1]]


def _ids(device: Mapping[str, Any]) -> dict[str, Any]:
    return {key: device[key] for key in ("vendor_id", "product_id")}


def _main_job(shell: Shell, directory: Path, host_root: str, listed: list[Mapping[str, Any]]) -> None:
    configuration = directory / "agent.conf"
    entries = "\n".join(f"device_spec = {json.dumps(_ids(device))}" for device in listed)
    alias = json.dumps({"name": "demo", **_ids(listed[0]), "device_type": listed[0]["device_type"]})
    configuration.write_text(CONFIGURATION.format(directory=directory, host_root=host_root, entries=entries, alias=alias))
    config = f"--config-file {configuration}"
    say("the rules, and what they match")
    shell.show(f"cat {configuration}")
    shell.show(f"pcipt check-config {config} --host {host_root}")
    with shell.agent(configuration) as agent:
        say("the agent serves; which devices it would hand out, and why another would not be")
        shell.show(f"pcipt devices {config}")
        others = [each for each in shell.ask(f"pcipt devices {config}")["devices"] if each["status"] != "free"]
        for other in sorted(others, key=lambda each: each["status"] != "used-by-host")[:1]:
            shell.show(f"pcipt explain device {other['address']} {config}")
        say("a claim over RPC: the agent chooses, promises, and answers with the libvirt XML")
        shell.show(f"pcipt claim demo:1 --claim-id demo-1 --consumer {CONSUMER} {config}")
        say("kill -9 of the agent, and a new start: the claim is still there, and the same call gets the same answer")
        print(f"\n$ kill -9 {agent.pid}", flush=True)
        agent.send_signal(signal.SIGKILL)
        agent.wait(timeout=30)
        shell.show(f"pcipt claims {config} --timeout 5", expect=3)
    with shell.agent(configuration):
        shell.show(f"pcipt claims {config}")
        held = shell.ask(f"pcipt claims {config}")["claims"][0]["devices"][0]["address"]
        shell.show(f"pcipt claim demo:1 --claim-id demo-1 --consumer {CONSUMER} {config}")
        say("the guest is gone: the device is free again")
        shell.show(f"pcipt free demo-1 {config}")
        shell.show(f"pcipt explain device {held} {config}")
        status = {each["address"]: each["status"] for each in shell.ask(f"pcipt devices {config}")["devices"]}
        if status[held] != "free":
            sys.exit(f"pcipt-agent: {held} is {status[held]}, not free")


if __name__ == "__main__":
    sys.exit(main())
