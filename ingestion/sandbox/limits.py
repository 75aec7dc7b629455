"""What a process gives up before it reads a stranger's file: files, processes, new rights, memory and life without end.

Run as `python -I -S limits.py PARENT MEMORY_BYTES SECONDS PROGRAM ARGUMENTS...` it becomes that program, limited.
"""

import ctypes
import os
import resource
import signal
import sys

_OPEN_FILES = 32
_SET_PARENT_DEATH_SIGNAL = 1
_SET_NO_NEW_PRIVILEGES = 38


def limit(parent: int, memory_bytes: int) -> None:
    """Limit this process: it dies with the thread of `parent` that started it, and maps at most so much memory."""
    libc = ctypes.CDLL(None)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)  # it died before its death could be told
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))


if __name__ == "__main__":
    parent, memory_bytes, seconds = map(int, sys.argv[1:4])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    limit(parent, memory_bytes)
    os.execvp(sys.argv[4], sys.argv[4:])  # noqa: S606 - it is to need no shell
