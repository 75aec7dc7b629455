"""PDFium's functions with plain numbers for handles, to be asked of all of a page's objects or characters.

pypdfium2 makes a ctypes pointer of every handle, and some pages have an object for each letter: there, the pointers
took longer than the questions. A number needs none of that, and `map` asks a whole page at once.
"""

from collections.abc import Callable, Sequence
from ctypes import PYFUNCTYPE, c_size_t, c_void_p, cast
from typing import Protocol

import pypdfium2.raw as pdfium_c

Handle = int
"""Where PDFium keeps a page, an object on it, or a part of one."""


class _Foreign(Protocol):
    """A function of a shared library, as ctypes describes it."""

    @property
    def restype(self) -> object: ...
    @property
    def argtypes(self) -> Sequence[object]: ...


class _Wrapped(Protocol):
    """A page or its text, as pypdfium2 gives them."""

    @property
    def raw(self) -> object: ...


def plain(name: str) -> Callable[..., int]:
    """PDFium's function of that name, asked with numbers for pointers, or with what else ctypes passes as such.

    It keeps the interpreter's lock: giving that back and taking it again is longer than such a call. All of its numbers
    are passed as pointers are, in a register of their own: ctypes takes half as long over it.
    """
    function: _Foreign = getattr(pdfium_c, name)
    result = c_size_t if _is_pointer(function.restype) else function.restype
    prototype = PYFUNCTYPE(result, *[c_void_p] * len(function.argtypes))  # pyright: ignore[reportArgumentType] - of ctypes
    return prototype(_address(function))


def handle(wrapped: _Wrapped) -> Handle:
    return _address(wrapped.raw)


def _address(pointer: object) -> int:
    return cast(pointer, c_void_p).value or 0  # pyright: ignore[reportArgumentType] - of ctypes


def _is_pointer(each: object) -> bool:
    return hasattr(each, "contents")
