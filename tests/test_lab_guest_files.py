# SPDX-License-Identifier: Apache-2.0
"""tests.lab.guest_files: with real archives, modules as depmod lists them, and a kernel packed as Debian packs it."""

import lzma
import subprocess
from pathlib import Path

import pytest

from tests.lab.chroots import BuildFailed
from tests.lab.guest_files import Entry, archive, module_entries, unpacked
from tests.machine import LAB, provide

ELF = b"\x7fELF" + bytes(range(256)) * 64


@pytest.fixture(autouse=True, scope="module")
def _tools() -> None:
    provide(["zstd"])


def members(octets: bytes) -> dict[str, tuple[int, bytes]]:
    """Name → mode and content, read as the kernel does: each header and each content begins at a multiple of four."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert octets[at : at + 6] == b"070701"
        numbers = [int(octets[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        mode, size, name_size = numbers[1], numbers[6], numbers[11]
        name = octets[at + 110 : at + 110 + name_size - 1].decode()
        content_at = (at + 110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        assert name not in found
        found[name] = (mode, octets[content_at : content_at + size])
        at = (content_at + size + 3) // 4 * 4


def test_an_archive_has_each_directory_once_and_before_its_files() -> None:
    made = members(archive([Entry("bin/sh", b"12345", executable=True), Entry("bin/a/b", b""), Entry("init", b"x")]))
    assert list(made) == ["dev", "dev/console", "bin", "bin/sh", "bin/a", "bin/a/b", "init"]
    assert made["bin/sh"] == (0o100755, b"12345")
    assert made["init"] == (0o100644, b"x")


def bzimage(payload: bytes) -> bytes:
    """Boot sector and one sector of setup, and the payload 32 bytes behind them, with its unpacked size at its end."""
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x248:0x24C] = (32).to_bytes(4, "little")
    head[0x24C:0x250] = (len(payload) + 4).to_bytes(4, "little")
    return bytes(head) + b"\x90" * 32 + payload + len(ELF).to_bytes(4, "little") + b"\x90" * 100


def test_a_kernel_is_unpacked_to_the_elf_file_in_it() -> None:
    packed = subprocess.run([LAB["zstd"], "-c"], input=ELF, check=True, capture_output=True).stdout
    assert unpacked(bzimage(packed)) == ELF


def test_a_kernel_that_cannot_be_unpacked_is_refused() -> None:
    with pytest.raises(BuildFailed, match="not an ELF file packed by zstd"):
        unpacked(bzimage(b"of no format that there is"))


def test_modules_come_with_what_they_need_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "6.12"
    dependencies = {"net/virtio_net": ["net/net_failover"], "net/net_failover": [], "igb": [], "igbvf": [], "nvme": [], "other": []}
    dependencies |= {"virtio_blk": []}
    for name in dependencies:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.ko.xz").write_bytes(lzma.compress(name.encode()))
    lines = [f"{name}.ko.xz: {' '.join(f'{needed}.ko.xz' for needed in needs)}\n" for name, needs in dependencies.items()]
    (folder / "modules.dep").write_text("".join(lines))
    (folder / "modules.alias").write_text("alias pci:v1 igbvf\nalias pci:v2 other\nalias virtio:d1v* virtio_net\n")
    entries = {entry.name.removeprefix("lib/modules/6.12/"): entry.content for entry in module_entries(folder)}
    assert entries["net/net_failover.ko"] == b"net/net_failover"
    assert "other.ko" not in entries
    assert "net/virtio_net.ko: net/net_failover.ko\n" in entries["modules.dep"].decode()
    assert entries["modules.alias"] == b"alias pci:v1 igbvf\nalias virtio:d1v* virtio_net\n"


def test_modules_are_found_whether_the_host_has_them_packed_or_not(tmp_path: Path) -> None:
    folder = tmp_path / "6.12"
    folder.mkdir()
    (folder / "ext4.ko").write_bytes(b"ext4")
    (folder / "jbd2.ko.xz").write_bytes(lzma.compress(b"jbd2"))
    (folder / "modules.dep").write_text("ext4.ko: jbd2.ko.xz\njbd2.ko.xz:\n")
    (folder / "modules.alias").write_text("")
    entries = {entry.name.removeprefix("lib/modules/6.12/"): entry.content for entry in module_entries(folder, ("ext4",))}
    assert entries == {
        "ext4.ko": b"ext4",
        "jbd2.ko": b"jbd2",
        "modules.dep": b"ext4.ko: jbd2.ko\njbd2.ko: \n",
        "modules.alias": b"",
    }
