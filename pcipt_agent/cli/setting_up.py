# SPDX-License-Identifier: Apache-2.0
"""`pcipt set-up`: PCI functions become what devices.conf says.

One at a time: at boot the unit for all functions and a udev rule for each may want it together.

Does not know: how a function is set up (`flows.setting_up`).
"""

import fcntl
import os
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pcipt_agent.adapters.kernel_settings import SysfsSettings
from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.conf.device_setup import read_device_setup
from pcipt_agent.core.address import parse_address
from pcipt_agent.errors import HostError
from pcipt_agent.flows.setting_up import Done, Outcome, Patience, SettingUp
from pcipt_agent.readers import reader_at
from pcipt_agent.views.text_install import steps_page

DEVICES_CONF = "etc/pcipt-agent/devices.conf"


def set_up(command: Namespace, output: Output) -> ExitCode:
    """Each wish is granted, or why it is not has been said; REFUSED where one is not. Raises HostError and ConfigError."""
    root = Path(command.root).resolve()
    path = Path(command.devices_conf) if command.devices_conf else root / DEVICES_CONF
    wanted = read_device_setup(path)
    only = {address for text in command.address if (address := parse_address(text)) is not None}
    patience = Patience(command.wait, time.sleep)
    setting_up = SettingUp(reader_at(root), SysfsSettings(root), dry_run=command.dry_run, patience=patience)
    with _alone(path):
        done = list(setting_up.run(wanted, only)) if wanted else []
    _show(output, done, dry_run=command.dry_run)
    return ExitCode.REFUSED if any(each.outcome is Outcome.FAILED for each in done) else ExitCode.DONE


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Waits for the others. The file itself is locked: a lock file of our own could be deleted from under us."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(str(path), error.strerror or str(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _show(output: Output, done: Sequence[Done], *, dry_run: bool) -> None:
    if output.as_json:
        told = [{"outcome": each.outcome, "address": str(each.address), "wish": each.wish, "note": each.note} for each in done]
        output.json({"dry_run": dry_run, "done": told})
        return
    rows = [(f"{each.outcome}", f"{each.address}  {each.wish}", each.note) for each in done]
    output.page(steps_page(rows, dry_run=dry_run))
