"""Sequences of a law or of a run, and the tokens that models see of them."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import command
from .runs import Run


@dataclass(frozen=True)
class Sample:
    """Sequences of a law."""

    states: np.ndarray           #: (N, T+1, d)
    w: np.ndarray | None         #: (N, d, d) the hidden matrices, where the law has any
    tokens: np.ndarray | None    #: (N, T, C), where an encoding was named
    document: dict[str, Any]     #: settings, seed, stream and program

    @property
    def targets(self) -> np.ndarray:
        """What is to be predicted, s_2 … s_{T+1}, (N, T, d)."""
        return self.states[:, 1:]


def sample(*, of: Run | str | os.PathLike[str] | None = None, sequences: int | None = None,
           stream: str | None = None, **settings: Any) -> Sample:
    """Draw sequences of a law, such as ``sample(family="rotation", d=4, length=16)``, or
    take those that a run is tested on, ``sample(of="runs/first")``.

    ``settings`` are those of ``icar sample``. Sequence i of a seed and a stream is the
    same however many are drawn; ``"train"`` and ``"test"`` are the streams of a run.

    Raises :class:`icar.IcarError` about settings that make no sense.
    """
    if of is not None:
        settings["of"] = os.fspath(of.path if isinstance(of, Run) else of)
    if sequences is not None:
        settings["sequences"] = sequences
    if stream is not None:
        settings["stream"] = stream
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sample.npz")
        document = command.document(["sample", f"--out={path}", *command.flags(settings)])
        with np.load(path, allow_pickle=False) as arrays:
            return Sample(arrays["states"], arrays["w"] if "w" in arrays else None,
                          arrays["tokens"] if "tokens" in arrays else None, document)


def tokens(states: np.ndarray, kind: str, order: int = 2) -> np.ndarray:
    """Return the tokens (N, T, C) that an encoding makes of states (N, T, d): ``plain``
    (s_t), ``augmented`` (0, s_t, s_{t-1}) or ``order`` (s_t, …, s_{t-order+1}); states
    before the first are 0."""
    zeros, lags = _blocks(kind, order)
    n, length, d = states.shape
    out = np.zeros((n, length, (zeros + lags) * d), states.dtype)
    for lag in range(min(lags, length)):
        first = (zeros + lag) * d
        out[:, lag:, first:first + d] = states[:, :length - lag]
    return out


def _blocks(kind: str, order: int) -> tuple[int, int]:
    """How many blocks of zeros and then of states are in a token."""
    known = {"plain": (0, 1), "augmented": (1, 2), "order": (0, order)}
    if kind not in known:
        raise ValueError(f"tokens {kind} are not known to this package: it has "
                         f"{', '.join(known)}")
    return known[kind]
