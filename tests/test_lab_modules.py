# SPDX-License-Identifier: Apache-2.0
"""tests.lab.modules: what can be told without building them."""

from pathlib import Path

import pytest

from tests.lab.chroots import BuildFailed
from tests.lab.modules import check_version


def test_drivers_for_another_kernel_are_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "vp_vdpa.ko").write_bytes(b"\x7fELF\0vermagic=6.12.1-amd64 SMP preempt mod_unload\0")
    check_version(tmp_path, kernel="6.12.1-amd64")
    with pytest.raises(BuildFailed, match=r"vp_vdpa\.ko .* another kernel than 6\.12\.10-amd64"):
        check_version(tmp_path, kernel="6.12.10-amd64")
    with pytest.raises(BuildFailed, match=r"another kernel than 6\.12;.* rm -r \S+/debian-\* \S+/builder-\* \S+/modules-\*$"):
        check_version(tmp_path, kernel="6.12")
