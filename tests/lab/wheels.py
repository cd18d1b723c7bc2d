# SPDX-License-Identifier: Apache-2.0
"""The agent's dependencies as wheels, so that a host without a network can install it.

They are what pip finds for Debian 13's Python with the agent's own pyproject.toml: its dependencies, libvirt-python (which has no
wheels and is compiled here), and setuptools, with which pip builds the agent itself.

Does not know: the agent's code.
"""

import tomllib
from pathlib import Path

from tests.lab.cache import cached
from tests.lab.chroots import Chroot, lend_registries
from tests.machine import CHECKOUT

PLACE = "/srv/wheels"
"""Where they are in the host."""

_SCRIPT = f"""
python3 -m venv {PLACE}/venv
{PLACE}/venv/bin/pip wheel --quiet --wheel-dir {PLACE} --requirement {PLACE}/requirements.txt
rm -r {PLACE}/venv
"""


def wheels(builder: Chroot) -> Path:
    """A directory of wheels and of the requirements.txt that they are for, made on first use."""
    inputs = [str(builder.root), *requirements(), _SCRIPT]
    return cached("wheels", inputs, build=lambda at: _make(at, builder), about="the wheels of the agent's dependencies")


def requirements() -> list[str]:
    """What must be there for `pip install '.[libvirt]'` to need no network."""
    written = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    project = written["project"]
    found = [*project["dependencies"], *project["optional-dependencies"]["libvirt"], *written["build-system"]["requires"]]
    return [str(each) for each in found]


def _make(at: Path, builder: Chroot) -> None:
    (at / "requirements.txt").write_text("".join(f"{each}\n" for each in requirements()), encoding="utf-8")
    builder.bound(at, PLACE).lent(lend_registries(builder.root)).run(_SCRIPT)
