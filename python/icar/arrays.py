"""Arrays on their way to the command, which reads them from files."""

from __future__ import annotations

import os
from typing import Any, Union

import numpy as np

#: What functions take that look at sequences: an array, or the path of a .npy file.
Array = Union[np.ndarray, str, "os.PathLike[str]"]


def is_path(given: Any) -> bool:
    """Whether this is the path of a file rather than an array."""
    return isinstance(given, (str, os.PathLike))


def real(name: str, given: Any) -> np.ndarray:
    """Return an array as the command reads it, float64, row after row.

    Raises TypeError unless it is of integers or real numbers: the imaginary part of
    others would be lost without a word.
    """
    found = np.asarray(given)
    if found.dtype.kind not in "fiu":
        raise TypeError(f"{name} are {found.dtype}: they have to be real numbers")
    return np.ascontiguousarray(found, "<f8")


def file(folder: str, name: str, given: Array) -> str:
    """Return the path of a file with an array: that which was given, or else of one that
    is written to the folder."""
    if is_path(given):
        return os.fspath(given)
    path = os.path.join(folder, f"{name}.npy")
    np.save(path, real(name, given), allow_pickle=False)
    return path
