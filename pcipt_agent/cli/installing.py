# SPDX-License-Identifier: Apache-2.0
"""`pcipt install` and `pcipt uninstall`: from this installation of the wheel to the host's places, and away again.

Does not know: which files there are (`installing.artifacts`), what becomes of each (`installing.plan`).
"""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from pcipt_agent.cli.completion import completion
from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.errors import HostError
from pcipt_agent.installing import system
from pcipt_agent.installing.artifacts import STATE, Surroundings, artifacts, programs_directory, shipped_files
from pcipt_agent.installing.hands import Hands
from pcipt_agent.installing.manifest import PLACE, Manifest, read_manifest
from pcipt_agent.installing.plan import Action, Step, to_install, to_uninstall
from pcipt_agent.views.text_install import steps_page

_TO_START = (
    "edit /etc/pcipt-agent/pcipt-agent.conf and see what it means: pcipt check-config",
    "start it, now and at each boot: systemctl enable --now pcipt-agent.service",
    "only where VFs, drivers or vDPA devices are to be set up: edit /etc/pcipt-agent/devices.conf, try it: pcipt set-up --dry-run, "
    "and then: systemctl enable --now pcipt-devices.service",
    "serial numbers before the next boot: udevadm trigger --subsystem-match=pci --action=change",
)
_TO_RESTART = ("if the wheel is a newer one, let the running agent be it: systemctl restart pcipt-agent.service",)
_ELSEWHERE = ("its users are made when the system below that root starts; there: systemctl enable pcipt-agent.service",)


def install(command: Namespace, output: Output) -> ExitCode:
    """Every file is where it belongs, and the running system knows. Raises HostError."""
    root = _root(command)
    programs = programs_directory()
    if root == Path("/") and (why := system.hidden_from_user(programs)) is not None:
        raise HostError(str(programs), f"{why}; install the wheel to a place that all may read, such as /opt/pcipt-agent")
    around = Surroundings(
        programs=programs,
        systemd=system.systemd_version(root),
        libvirt_group=system.has_group(root, "libvirt"),
        completion=completion("bash"),
    )
    wanted = artifacts(shipped_files(), around)
    before = read_manifest(root)
    steps = list(to_install(root, wanted, before))
    if not command.dry_run:
        Hands(root, before).install(steps, wanted)
        if root == Path("/"):
            steps += [system.run(each) for each in system.after_install(root)]
    _show(output, steps, dry_run=command.dry_run, following=_following(root, before))
    return ExitCode.DONE


def uninstall(command: Namespace, output: Output) -> ExitCode:
    """What was installed is gone; edited configuration and the journal stay, unless they are purged. Raises HostError."""
    root = _root(command)
    before = read_manifest(root)
    if before == Manifest() and not command.purge:
        raise HostError(str(root / PLACE.lstrip("/")), "nothing is installed here")
    running, told = root == Path("/") and not command.dry_run, list[Step]()
    if running and before.digests:
        told = [system.run(each) for each in system.before_uninstall(root)]
    files = to_uninstall(root, before, purge=command.purge)
    if not command.dry_run:
        Hands(root, before).uninstall(files)
    steps = [*told, *files]
    if command.purge:
        steps += system.purged(root, dry_run=command.dry_run)
    elif (root / STATE.lstrip("/")).is_dir():
        steps.append(Step(Action.KEPT, STATE, "the journal; pcipt uninstall --purge removes it"))
    if running:
        steps += [system.run(each) for each in system.after_uninstall(root, purge=command.purge)]
    _show(output, steps, dry_run=command.dry_run)
    return ExitCode.DONE


def _following(root: Path, before: Manifest) -> Sequence[str]:
    """What is left to be done by hand. A newer wheel may bring new programs and no new file."""
    if root != Path("/"):
        return _ELSEWHERE
    if not before.digests:
        return _TO_START
    return _TO_RESTART


def _root(command: Namespace) -> Path:
    """Raises HostError where it can't be, or may not be written."""
    root = Path(command.root).resolve()
    if not root.is_dir():
        raise HostError(str(command.root), "is no directory; --root is that of a system, such as a mounted image")
    if root == Path("/") and not (system.is_root() or command.dry_run):
        again = shlex.join(["sudo", "pcipt", command.command, *(["--purge"] if getattr(command, "purge", False) else [])])
        raise HostError(str(root), f"only root may write there: {again}; or --dry-run, to see what it would do")
    return root


def _show(output: Output, steps: Sequence[Step], *, dry_run: bool, following: Sequence[str] = ()) -> None:
    if output.as_json:
        told = [{"action": step.action, "target": step.target, "note": step.note} for step in steps]
        output.json({"dry_run": dry_run, "steps": told, "next": list(following)})
        return
    rows = [(str(step.action), step.target, step.note) for step in steps]
    output.page(steps_page(rows, dry_run=dry_run, following=() if dry_run else following))
