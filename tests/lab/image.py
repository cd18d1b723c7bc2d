# SPDX-License-Identifier: Apache-2.0
"""The compute host's disk, with the kernel that boots it and the key that opens it.

Parts that change apart are cached apart (this checkout's agent changes most often, the system least), and joined when the
filesystem is made: each part is bound to its place in the system's directory for as long as that takes, so nothing is copied. The
disk is only read: a host writes to an overlay.

Does not know: machines, what happens in the host.
"""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab import agent, guest_files
from tests.lab.cache import cached, files_digest
from tests.lab.chroots import ALONE, checked, require_root, require_x86_64
from tests.lab.debians import builder, debian
from tests.lab.emulator import emulator
from tests.lab.initramfs import initramfs
from tests.lab.modules import modules
from tests.lab.system import SSH, system
from tests.lab.wheels import wheels

SIZE = "6G"
"""Of the filesystem; the file has holes where nothing is."""


@dataclass(frozen=True, slots=True)
class Image:
    """A raw disk with one ext4 filesystem and nothing else, its kernel and initramfs, and the private key that root's SSH takes."""

    disk: Path
    kernel: Path
    initrd: Path
    key: Path


def image() -> Image:
    """This checkout's image, made on first use, and the emulator with it: what takes long is made at the same time."""
    require_x86_64()
    require_root()
    with ThreadPoolExecutor() as pool:
        elsewhere = pool.submit(emulator)
        packages = pool.submit(debian)
        to_build_in = builder()
        wheel_directory = pool.submit(wheels, to_build_in)
        drivers = modules(to_build_in)
        root = system(packages.result(), drivers)
        parts = (root, wheel_directory.result(), guest_files.guest_files(root))
        elsewhere.result()
    recipe = files_digest(*(Path(__file__).with_name(f"{name}.py") for name in ("agent", "image", "initramfs")))
    source = agent.source_digest()
    about = "the compute host's disk, with this checkout's agent"
    made = cached("image", [*map(str, parts), recipe, source], build=lambda at: _make(at, *parts, source=source), about=about)
    return Image(made / "disk.raw", made / "vmlinux", made / "initramfs", made / "key")


def _make(at: Path, root: Path, wheel_directory: Path, guest: Path, *, source: str) -> None:
    shutil.copyfile(guest / guest_files.KERNEL, at / "vmlinux")  # unpacked, as the guests have it
    (at / "initramfs").write_bytes(initramfs(root))
    checked(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(at / "key")])
    with tempfile.TemporaryDirectory(dir=at) as directory:
        ssh = Path(directory) / "ssh"
        ssh.mkdir(mode=0o700)
        shutil.copyfile(at / "key.pub", ssh / "authorized_keys")
        parts = agent.install(root, wheel_directory, at=Path(directory), source=source)
        _make_filesystem(at / "disk.raw", root, {**parts, SSH: ssh, guest_files.PLACE: guest})


_FILESYSTEM = """
set -e
disk=$1; size=$2; root=$3; shift 3
while [ $# -gt 0 ]; do mount --bind "$1" "$root$2"; shift 2; done
exec mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -d "$root" "$disk" "$size"
"""


def _make_filesystem(disk: Path, root: Path, parts: dict[str, Path]) -> None:
    """A disk with what is in `root`, and each of the parts at its place there."""
    binds = [word for place, part in parts.items() for word in (str(part), place)]
    checked([*ALONE, "/bin/sh", "-c", _FILESYSTEM, "sh", str(disk), SIZE, str(root), *binds])
