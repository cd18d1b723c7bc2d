# SPDX-License-Identifier: Apache-2.0
"""Makes the kernel refuse chosen system calls of this process, for good: a disk that fails, without a disk, a mount or root.

A seccomp filter, so the refusal is the kernel's own and meets SQLite's code as a failing disk would. It can't be taken back, so it
is for child processes. Linux on x86-64 and arm64. Source: Documentation/userspace-api/seccomp_filter.rst;
include/uapi/linux/{seccomp,filter,audit}.h."""

import ctypes
import os
import platform

_NUMBERS = {
    "x86_64": {"write": 1, "pwrite64": 18, "fsync": 74, "fdatasync": 75, "mkdir": 83, "openat": 257, "mkdirat": 258},
    "aarch64": {"write": 64, "pwrite64": 68, "fsync": 82, "fdatasync": 83, "openat": 56, "mkdirat": 34},
}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_OFFSET, _FLAGS_OFFSET = 0, 32
"""In struct seccomp_data: `nr`, and the low half of `args[2]`, which are openat's flags."""


class _Step(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def refuse(calls: tuple[str, ...], error: int) -> None:
    """From now on each of these system calls fails with `error`, in every thread that this one starts."""
    numbers = _NUMBERS[platform.machine()]
    steps = [_Step(_LOAD_WORD, 0, 0, _NUMBER_OFFSET)]
    for number in [numbers[call] for call in calls if call in numbers]:
        steps += [_Step(_JUMP_IF_EQUAL, 0, 1, number), _Step(_RETURN, 0, 0, _ERRNO | error)]
    _install([*steps, _Step(_RETURN, 0, 0, _ALLOW)])


def refuse_writable_files(error: int) -> None:
    """From now on opening a file for writing, creating one and making a directory fail with `error`, as on a read-only mount."""
    steps = [
        _Step(_LOAD_WORD, 0, 0, _NUMBER_OFFSET),
        _Step(_JUMP_IF_EQUAL, 0, 3, _NUMBERS[platform.machine()]["openat"]),
        _Step(_LOAD_WORD, 0, 0, _FLAGS_OFFSET),
        _Step(_JUMP_IF_ANY_BIT, 0, 1, os.O_WRONLY | os.O_RDWR | os.O_CREAT),
        _Step(_RETURN, 0, 0, _ERRNO | error),
        _Step(_RETURN, 0, 0, _ALLOW),
    ]
    refuse(("mkdir", "mkdirat"), error)
    _install(steps)


def _install(steps: list[_Step]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(steps), (_Step * len(steps))(*steps))
    for arguments in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
