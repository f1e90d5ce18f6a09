"""Weights in safetensors files, read and written with numpy alone.

A file is the length of its header in 8 bytes, the header in JSON, and the numbers. What a
file says is checked against the bytes that are there before anything is made of it.
"""

from __future__ import annotations

import json
import math
import os
from typing import Mapping

import numpy as np

# What a run holds, little-endian. Weights are F32.
TYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "U64": "<u8"}


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the arrays of a file by their names.

    Raises ValueError, which names the file, for one that is no such file or is cut short.
    """
    with open(path, "rb") as file:
        raw = file.read()
    start = 8 + int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or start > len(raw):
        raise ValueError(f"{path} is no safetensors file, or it is cut short")
    try:
        header = json.loads(raw[8:start])
        return {name: _array(raw[start:], **entry) for name, entry in header.items()
                if name != "__metadata__"}
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise ValueError(f"{path}: its header cannot be understood: {wrong}") from wrong


def _array(data: bytes, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
    kind = np.dtype(TYPES[dtype])
    low, high = data_offsets
    count = math.prod(shape)
    if min([low, *shape]) < 0 or high > len(data) or high - low != count * kind.itemsize:
        raise ValueError(f"{shape} {dtype} does not take the bytes {low} to {high} of {len(data)}")
    return np.frombuffer(data, kind, count, low).reshape(shape).copy()


def write(path: str | os.PathLike[str], weights: Mapping[str, np.ndarray]) -> None:
    """Write arrays in float32, the file whole or not at all."""
    header, parts, offset = {}, [], 0
    for name, values in weights.items():
        part = np.asarray(values, "<f4", order="C")
        header[name] = {"dtype": "F32", "shape": list(part.shape),
                        "data_offsets": [offset, offset + part.nbytes]}
        parts.append(part.tobytes())
        offset += part.nbytes
    words = json.dumps(header).encode()
    temporary = f"{os.fspath(path)}.tmp{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            file.write(len(words).to_bytes(8, "little") + words + b"".join(parts))
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
