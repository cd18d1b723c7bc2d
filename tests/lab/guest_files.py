# SPDX-License-Identifier: Apache-2.0
"""The guest that the lab's compute host starts: Debian's kernel and an initramfs of our own.

Both are made from the packages of the host's own root (`linux-image-amd64`, `busybox-static`), so that a guest needs nothing from
anywhere. The initramfs holds busybox, the few modules that bind what is passed through, and `guest/init`, which prints what the
guest sees. Nothing is compressed, not even the kernel (QEMU starts the ELF file inside Debian's by its PVH entry): a guest runs in
an emulation, where unpacking costs more than reading. Of 36 s of processor time until a guest was ready, 19 went into unpacking.

Does not know: domains, libvirt, how the host is made.
Source: Documentation/arch/x86/boot.rst (payload_offset); Documentation/driver-api/early-userspace/buffer-format.rst (cpio, newc);
modules.dep(5).
"""

import lzma
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import cached, files_digest
from tests.lab.chroots import BuildFailed
from tests.lab.debians import kernel_version

PLACE = "/srv/guest"
"""Where they are in the host."""

KERNEL, INITRAMFS = "kernel", "initramfs"
"""The two files."""

INIT = Path(__file__).parent / "guest" / "init"
MODULES = ("igb", "igbvf", "nvme", "virtio_blk", "virtio_net")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the archive."""

    name: str
    content: bytes
    executable: bool = False


def guest_files(root: Path) -> Path:
    """The directory with the guest's kernel and initramfs, made on first use from what is installed in `root`."""
    inputs = [str(root), files_digest(Path(__file__), INIT)]
    return cached("guest", inputs, build=lambda at: _make(at, root), about="the guests' kernel and initramfs")


def _make(at: Path, root: Path) -> None:
    version = kernel_version(root)
    (at / KERNEL).write_bytes(unpacked((root / f"boot/vmlinuz-{version}").read_bytes()))
    busybox = Entry("bin/busybox", (root / "usr/bin/busybox").read_bytes(), executable=True)
    init = Entry("init", INIT.read_bytes(), executable=True)
    modules = module_entries(root / "usr/lib/modules" / version)
    (at / INITRAMFS).write_bytes(archive([busybox, init, *modules]))


def unpacked(kernel: bytes) -> bytes:
    """The ELF file that a bzImage compressed with zstd unpacks when it starts. Raises BuildFailed where it is another format."""
    setup_sectors = kernel[0x1F1] or 4
    offset, length = (int.from_bytes(kernel[at : at + 4], "little") for at in (0x248, 0x24C))
    start = (setup_sectors + 1) * 512 + offset
    payload = kernel[start : start + length - 4]  # behind it stands its unpacked size
    done = subprocess.run(["zstd", "-dcq"], input=payload, check=False, capture_output=True)
    if done.returncode or not done.stdout.startswith(b"\x7fELF"):
        raise BuildFailed(f"the kernel's payload is not an ELF file packed by zstd: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def module_entries(folder: Path, names: Sequence[str] = MODULES) -> tuple[Entry, ...]:
    """Modules of a kernel's folder, with what they depend on, and what busybox's modprobe looks them up in."""
    dependencies = dict(_dependencies(folder))
    by_name = {Path(path).name.partition(".")[0].replace("-", "_"): path for path in dependencies}
    paths = {path for name in names for path in (by_name[name], *dependencies[by_name[name]])}
    found = {name for name, path in by_name.items() if path in paths}
    inside = f"lib/modules/{folder.name}"
    files = [Entry(f"{inside}/{_plain(path)}", _content(folder / path)) for path in sorted(paths)]
    dep = "".join(f"{_plain(path)}: {' '.join(map(_plain, dependencies[path]))}\n" for path in sorted(paths))
    lines = (folder / "modules.alias").read_text(encoding="utf-8").splitlines(keepends=True)
    alias = "".join(line for line in lines if line.split()[-1] in found)
    return (*files, Entry(f"{inside}/modules.dep", dep.encode()), Entry(f"{inside}/modules.alias", alias.encode()))


def _dependencies(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in (folder / "modules.dep").read_text(encoding="utf-8").splitlines():
        path, _, needed = line.partition(":")
        yield path, tuple(needed.split())


def _content(module: Path) -> bytes:
    content = module.read_bytes()
    return lzma.decompress(content) if module.suffix == ".xz" else content


def _plain(path: str) -> str:
    return path.removesuffix(".xz")


def archive(entries: Sequence[Entry]) -> bytes:
    """A cpio archive as the kernel unpacks it, with the directories above each file, and a console."""
    parts = [_member("dev", 0o040755, b""), _member("dev/console", 0o020600, b"", device=(5, 1))]
    made = {"dev"}
    for entry in entries:
        for above in reversed(Path(entry.name).parents[:-1]):
            if above.as_posix() not in made:
                made.add(above.as_posix())
                parts.append(_member(above.as_posix(), 0o040755, b""))
        parts.append(_member(entry.name, 0o100755 if entry.executable else 0o100644, entry.content))
    return b"".join([*parts, _member("TRAILER!!!", 0, b"")])


def _member(name: str, mode: int, content: bytes, *, device: tuple[int, int] = (0, 0)) -> bytes:
    """One header with its name and content, each padded to four bytes; owned by root, of the epoch."""
    name_octets = name.encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name_octets), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers) + name_octets
    return header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4)
