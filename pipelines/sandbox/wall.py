"""The wall round one query's process: limits, no files but one, no network, no other process. Kept by the kernel.

Each function takes away something for good, before the database is opened and before the text of the query is looked
at. It is written against Linux through ctypes, with the standard library alone; on another system, or an older kernel,
a layer is absent and said to be so.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Iterable
from pathlib import Path

LAYERS = ("landlock", "seccomp")
"""Layers that a kernel may lack; the limits of :func:`limit_resources` are everywhere."""

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_SIGKILL = 9

# DuckDB reads these to learn how much memory and how many processors it may use, and aborts where it cannot.
_READ_BESIDES = ("/proc/self/cgroup", "/sys/fs/cgroup", "/sys/devices/system/cpu")

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# Rights that each version of Landlock knows: 13 from the first, then REFER, TRUNCATE, and IOCTL_DEV in the fifth.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# System calls that reading one file and computing need, by name: (x86_64, aarch64); None where it does not exist.
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "pread64": (17, 67), "readv": (19, 65), "writev": (20, 66), "sched_yield": (24, 124),
    "mremap": (25, 216), "madvise": (28, 233), "nanosleep": (35, 101), "getpid": (39, 172), "exit": (60, 93),
    "uname": (63, 160), "getcwd": (79, 17), "getrlimit": (97, 163), "getrusage": (98, 165), "sysinfo": (99, 179),
    "times": (100, 153), "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175), "getegid": (108, 177),
    "sigaltstack": (131, 132), "gettid": (186, 178), "futex": (202, 98), "sched_getaffinity": (204, 123),
    "getdents64": (217, 61), "restart_syscall": (219, 128), "fadvise64": (221, 223), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94), "newfstatat": (262, 79),
    "readlinkat": (267, 78), "faccessat": (269, 48), "ppoll": (271, 73), "set_robust_list": (273, 99),
    "preadv": (295, 69), "getrandom": (318, 278), "membarrier": (324, 283), "statx": (332, 291), "rseq": (334, 293),
    "faccessat2": (439, 439), "gettimeofday": (96, 169), "getcpu": (309, 168), "fcntl": (72, 25), "flock": (73, 32),
    "stat": (4, None), "lstat": (6, None), "poll": (7, None), "access": (21, None), "readlink": (89, None),
    "time": (201, None),
}  # fmt: skip
_OPENAT, _OPEN, _CLONE, _CLONE3, _PRLIMIT = (257, 56), (2, None), (56, 220), (435, 435), (302, 261)
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o20000000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, and the bit of O_TMPFILE
_CLONE_THREAD = 0x10000
_EPERM, _ENOSYS = 1, 38

_libc = ctypes.CDLL(None, use_errno=True)


class MissingLayerError(Exception):
    """The kernel does not have, or refused, a layer; the message is its reason in a few words."""


def die_with_parent() -> None:
    """End this process when the one that started it ends, however that ends (Linux)."""
    if platform.system() == "Linux":
        _libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def limit_resources(address_space: int, cpu_seconds: int) -> None:
    """Bound memory (bytes of address space) and processor time; no file grows by a byte, no core is left behind."""
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, address_space),
    ):
        resource.setrlimit(which, (value, value))


def no_more_processes() -> None:
    """Let this account start no process or thread from here on; set after DuckDB started its threads."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def landlock_version() -> int:
    """The version of Landlock that this kernel offers; 0 where it has none."""
    if platform.system() != "Linux":
        return 0  # the same number is another call there
    found = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(0, int(found))


def allow_reading_only(files: Iterable[Path]) -> None:
    """Landlock: from here on only these files can be opened, to read; nothing is written, no port is reached.

    Raises MissingLayerError where the kernel has no Landlock or refuses it.
    """
    version = landlock_version()
    if version < 1:
        raise MissingLayerError("this kernel has no Landlock")
    handled = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    network = 3 if version >= 4 else 0  # binding and connecting TCP
    scoped = 3 if version >= 6 else 0  # abstract sockets and signals of other processes
    rules = struct.pack("=QQQ", handled, network, scoped)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = _libc.syscall(_LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), ctypes.c_uint32(0))
    if ruleset < 0:
        raise MissingLayerError("the kernel refused a Landlock rule set")
    try:
        for path in (*files, *map(Path, _READ_BESIDES)):
            _allow_reading(ruleset, path)
        _no_new_privileges()
        if _libc.syscall(_LANDLOCK_RESTRICT, ruleset, ctypes.c_uint32(0)) != 0:
            raise MissingLayerError("the kernel refused to enforce Landlock")
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # one of DuckDB's sources that this system does not have
    try:
        rights = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
        rule = struct.pack("=Qi", rights, descriptor)
        if _libc.syscall(_LANDLOCK_ADD, ruleset, ctypes.c_int(1), rule, ctypes.c_uint32(0)) != 0:
            raise MissingLayerError("the kernel refused a Landlock rule")
    finally:
        os.close(descriptor)


def allow_computing_only() -> None:
    """Seccomp: from here on only the system calls that reading and computing need; files open to read alone.

    No socket, no new process (threads may start), no name made, changed or removed, no signal sent. Raises
    MissingLayerError on a processor whose calls are not listed and where the kernel refuses.
    """
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in _AUDIT_ARCH:
        raise MissingLayerError(f"no list of system calls for {machine}")
    program = filter_program(machine)
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    head = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(buffer)))
    _no_new_privileges()
    if _libc.prctl(_PR_SET_SECCOMP, 2, ctypes.c_ulong(ctypes.addressof(head)), 0, 0) != 0:
        raise MissingLayerError("the kernel refused the filter of system calls")


def _no_new_privileges() -> None:
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise MissingLayerError("the kernel refused to give up privileges")


def filter_program(machine: str) -> list[tuple[int, int, int, int]]:
    """The filter in the kernel's BPF: lines of (code, jump if true, jump if false, value)."""
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill = 0x7FFF0000, 0x80000000

    def refuse(error: int) -> tuple[int, int, int, int]:
        return (give, 0, 0, 0x00050000 | error)

    column = 0 if machine == "x86_64" else 1
    program = [(load, 0, 0, 4), (equal, 1, 0, _AUDIT_ARCH[machine]), (give, 0, 0, kill), (load, 0, 0, 0)]
    # The second table of calls of x86_64 (x32) has the same architecture and other numbers.
    program += [(at_least, 0, 1, 0x40000000), refuse(_EPERM)]
    for numbers in _CALLS.values():
        number = numbers[column]
        if number is not None:
            program += [(equal, 0, 1, number), (give, 0, 0, allow)]
    for numbers, argument in ((_OPENAT, 2), (_OPEN, 1)):
        number = numbers[column]
        if number is not None:
            program += [(equal, 0, 4, number), (load, 0, 0, 16 + 8 * argument), (any_bit, 1, 0, _WRITING)]
            program += [(give, 0, 0, allow), refuse(_EPERM)]
    program += [(equal, 0, 4, int(_CLONE[column] or 0)), (load, 0, 0, 16), (any_bit, 0, 1, _CLONE_THREAD)]
    program += [(give, 0, 0, allow), refuse(_EPERM)]
    # clone3 hides its flags in memory: told that it does not exist, the C library uses clone.
    program += [(equal, 0, 1, int(_CLONE3[column] or 0)), refuse(_ENOSYS)]
    # Limits may be read, not set: the third argument, where new ones are, must be null in both halves.
    program += [(equal, 0, 5, int(_PRLIMIT[column] or 0)), (load, 0, 0, 32), (equal, 0, 3, 0), (load, 0, 0, 36)]
    program += [(equal, 0, 1, 0), (give, 0, 0, allow)]
    program.append(refuse(_EPERM))
    return program
