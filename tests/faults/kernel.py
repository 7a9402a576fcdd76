"""Faults that the kernel itself makes: from an instant on, system calls of a process fail with an error.

A seccomp filter needs no root, reaches every thread (DuckDB's and SQLite's too) and cannot be taken back. Where there
is none, a full disk is played by the limit of a file's size, and a failing fsync is not played at all.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import struct

FULL_DISK = errno.ENOSPC
FAILING_SYNC = errno.EIO

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_SYNCING = ((74, 82), (75, 83), (277, 84))  # fsync, fdatasync, sync_file_range
# write, pwrite64, writev, pwritev, pwritev2, sendfile, copy_file_range: to any file but the three standard streams.
_WRITING = ((1, 64, 0), (18, 68, 0), (20, 66, 0), (296, 70, 0), (328, 287, 0), (40, 71, 0), (326, 285, 2))
_GROWING = ((285, 47), (77, 46))  # fallocate, ftruncate
_LOAD, _EQUAL, _AT_LEAST, _GIVE = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000


def _program(error: int, column: int, architecture: int) -> list[tuple[int, int, int, int]]:
    program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_GIVE, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    refuse = (_GIVE, 0, 0, _ERROR | error)
    for numbers in _SYNCING if error == FAILING_SYNC else _GROWING:
        program += [(_EQUAL, 0, 1, numbers[column]), refuse]
    if error == FULL_DISK:
        for *calls, argument in _WRITING:
            program += [(_EQUAL, 0, 4, calls[column]), (_LOAD, 0, 0, 16 + 8 * argument), (_AT_LEAST, 0, 1, 3)]
            program += [refuse, (_LOAD, 0, 0, 0)]
    program.append((_GIVE, 0, 0, _ALLOW))
    return program


def fail_from_now_on(error: int) -> str:
    """Make calls of this whole process fail; returns how: ``seccomp`` or, for a full disk without it, ``file size``."""
    column, architecture = _MACHINES.get(platform.machine(), (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if platform.system() == "Linux" and architecture:
        program = _program(error, column, architecture)
        buffer = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
        head = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(buffer)))
        libc.prctl(38, 1, 0, 0, 0)  # no new privileges, without which only root may set a filter
        call = 317 if column == 0 else 277
        if libc.syscall(call, ctypes.c_uint(1), ctypes.c_uint(1), head) == 0:  # of all threads at once
            return "seccomp"
    if error != FULL_DISK:
        raise OSError(errno.ENOSYS, "this kernel has no seccomp, so no failing fsync can be played")
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    return "file size"
