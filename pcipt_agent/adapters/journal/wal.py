# SPDX-License-Identifier: Apache-2.0
"""SQLite's write-ahead log, read without SQLite: the database as its last commit left it, or the proof that it was damaged.

SQLite recovers a log by taking every frame up to the first bad one and forgetting the rest in silence. After a crash that is
right: the end was being written and nobody was told that it is durable. But where a frame in the *middle* went bad on the disk,
the same rule forgets decisions that callers were told of. The two can be told apart: each transaction was synced before the next
began (synchronous=FULL), so a good frame of a later transaction proves that the bad one had been whole.

It also lets the agent see its book where SQLite could not open it: on a file system that is full or read-only, recovering a log
needs locks and shared memory that can't be made there.

Does not know: records, SQL, files.
Source: https://www.sqlite.org/fileformat2.html, section 4 "The Write-Ahead Log"; walDecodeFrame() in SQLite's src/wal.c.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = struct.Struct(">8I")
"""magic, version, page size, checkpoint sequence, salt 1, salt 2, checksum 1, checksum 2."""
_FRAME = struct.Struct(">6I")
"""page number, database size after a commit (0: no commit), salt 1, salt 2, checksum 1, checksum 2."""
_MAGIC_LITTLE, _MAGIC_BIG = 0x377F0682, 0x377F0683
_WORD = 0xFFFFFFFF
_HEADER_BYTES_18_19 = slice(18, 20)
"""File format write and read version of the database header: 2 for WAL, 1 for a file that needs none."""


class Damaged(ValueError):
    """What the files hold can't have been left by a crash."""


@dataclass(frozen=True, slots=True)
class Frame:
    page: int
    """1-based."""
    size_pages: int
    """Of the database after this commit; 0 where the frame ends no transaction."""
    image: memoryview
    follows: bool
    """Whether its checksum continues that of the frame before it, and it has this log's salts."""


def frames(wal: bytes) -> Iterator[Frame]:
    """Every whole frame of the file, good or bad, in file order. Raises Damaged where the header in front of them is bad."""
    if len(wal) <= _HEADER.size:
        return  # it was being made: SQLite syncs the header before it writes the first frame
    magic, _, page_size, _, *salts, sum_1, sum_2 = _HEADER.unpack_from(wal)
    order = ">" if magic == _MAGIC_BIG else "<"
    if magic not in (_MAGIC_LITTLE, _MAGIC_BIG) or _checksum(wal[:24], order, (0, 0)) != (sum_1, sum_2):
        raise Damaged("the write-ahead log's header is damaged")
    before = (sum_1, sum_2)
    for start in range(_HEADER.size, len(wal) - _FRAME.size - page_size + 1, _FRAME.size + page_size):
        page, size_pages, *own_salts, sum_1, sum_2 = _FRAME.unpack_from(wal, start)
        image = memoryview(wal)[start + _FRAME.size : start + _FRAME.size + page_size]
        computed = _checksum(bytes(image), order, _checksum(wal[start : start + 8], order, before))
        yield Frame(page, size_pages, image, own_salts == salts and computed == (sum_1, sum_2))
        before = (sum_1, sum_2)


def commits(wal: bytes) -> int:
    """How many transactions the log holds."""
    return sum(1 for frame in _committed(wal) if frame.size_pages)


def merged(database: bytes, wal: bytes) -> bytes:
    """The database file with the log's transactions in it, as SQLite would see it, needing no log. Raises Damaged."""
    image = bytearray(database)
    page_size = _page_size(database)
    for frame in _committed(wal):
        if len(frame.image) != page_size:
            raise Damaged(f"the write-ahead log has pages of {len(frame.image)} bytes, the database of {page_size}")
        start = (frame.page - 1) * page_size
        if len(image) < start:
            image.extend(bytes(start - len(image)))
        image[start : start + page_size] = frame.image
        if frame.size_pages:
            del image[frame.size_pages * page_size :]
    image[_HEADER_BYTES_18_19] = b"\x01\x01"
    return bytes(image)


def _page_size(database: bytes) -> int:
    if database[:16] != b"SQLite format 3\x00":
        raise Damaged("not an SQLite database")
    stored = int.from_bytes(database[16:18], "big")
    return 65536 if stored == 1 else stored


def _committed(wal: bytes) -> list[Frame]:
    """The frames of whole transactions, in order. Raises Damaged where a later transaction proves that one of them was whole."""
    found = list(frames(wal))
    good = next((index for index, frame in enumerate(found) if not frame.follows), len(found))
    ended = False
    for frame in found[good:]:
        if ended and frame.follows:
            raise Damaged(f"frame {good + 1} of the write-ahead log is damaged, and a later transaction is whole")
        ended = ended or frame.size_pages != 0
    last_commit = max((index for index, frame in enumerate(found[:good]) if frame.size_pages), default=-1)
    return found[: last_commit + 1]


def _checksum(content: bytes, order: str, start: tuple[int, int]) -> tuple[int, int]:
    """SQLite's running checksum over pairs of 32-bit words."""
    first, second = start
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _WORD
        second = (second + odd + first) & _WORD
    return first, second
