# SPDX-License-Identifier: Apache-2.0
"""The agent in the compute host: its virtual environment, and this checkout installed into it with the README's command.

That happens in the host's own system, at this machine's speed; there is no network, the wheels are beside it. What `pcipt install`
does then is left to the host, once it runs: the units are systemd's business there.

Does not know: disks, what the agent does.
"""

import shutil
from pathlib import Path

from tests.lab import wheels
from tests.lab.cache import cached, files_digest
from tests.lab.chroots import BuildFailed, Chroot, checked
from tests.machine import CHECKOUT

VENV = "/opt/pcipt-agent"
SOURCE = "/srv/pcipt-agent"
"""Where both are in the host."""

CONTENT = ("LICENSE", "README.rst", "etc", "pcipt_agent", "pyproject.toml", "systemd")
"""What of the checkout goes into the agent's wheel."""

_OFFLINE = f"export PIP_NO_INDEX=1 PIP_FIND_LINKS={wheels.PLACE} PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1"
_EMPTY = f"{_OFFLINE}; python3 -m venv {VENV}; {VENV}/bin/pip install --quiet --requirement {wheels.PLACE}/requirements.txt"
_INSTALL = f"{_OFFLINE}; cd {SOURCE}; {VENV}/bin/pip install --quiet '.[libvirt]'; rm -r build *.egg-info"


def source_digest(root: Path = CHECKOUT) -> str:
    """Of what goes into the agent's wheel: in the checkout, or in a copy at `root`."""
    return files_digest(*(root / name for name in CONTENT), root=root)


def environment(root: Path, wheel_directory: Path) -> Path:
    """A virtual environment with all that the agent depends on and without it, for the system in `root`; made on first use."""

    def build(at: Path) -> None:
        Chroot(root).bound(at, VENV).bound(wheel_directory, wheels.PLACE).run(_EMPTY)

    inputs = [str(root), str(wheel_directory), _EMPTY]
    return cached("venv", inputs, build=build, about="a virtual environment with the agent's dependencies")


def install(root: Path, wheel_directory: Path, *, at: Path, source: str) -> dict[str, Path]:
    """The checkout's agent is installed; the directories that have it, below `at`, by their places in the host.

    BuildFailed where the checkout is another than that of the digest `source`.
    """
    parts = {VENV: at / "venv", SOURCE: at / "source", wheels.PLACE: wheel_directory}
    checked(["cp", "-a", "--reflink=auto", str(environment(root, wheel_directory)), str(parts[VENV])])
    copy_source(parts[SOURCE], digest=source)
    inside = Chroot(root)
    for place, part in parts.items():
        inside = inside.bound(part, place)
    inside.run(_INSTALL)
    return parts


def copy_source(at: Path, *, digest: str) -> None:
    """What goes into the wheel is in the new directory `at`; BuildFailed where it is not what the digest is of."""
    at.mkdir()
    for name in CONTENT:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, at / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(CHECKOUT / name, at / name)
    if source_digest(at) != digest:
        raise BuildFailed("the checkout changed while it was copied; run it again")
