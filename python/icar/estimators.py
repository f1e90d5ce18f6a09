"""The classical in-context estimators on sequences, without a model."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import arrays, command


@dataclass(frozen=True)
class Estimates:
    """How far off each estimator is: squared errors, mean over the coordinates, of K
    estimators, the best over all positions first. Intervals are Student's of 95 %, NaN
    of a single sequence."""

    names: list[str]             #: (K)
    mse: np.ndarray              #: (K) over all positions
    low: np.ndarray              #: (K) end of its interval
    high: np.ndarray             #: (K)
    position_mse: np.ndarray     #: (K, T)
    best: str                    #: of least error over all positions
    tied: list[str]              #: those that cannot be told from the best
    best_at: list[str]           #: (T) of least error at each position
    tied_at: list[list[str]]     #: (T)
    document: dict[str, Any]     #: all of it, as docs/json.md says

    def frame(self) -> Any:
        """Return the errors over all positions as a pandas DataFrame, a row an estimator."""
        return command.frame({"estimator": self.names, "mse": self.mse, "low": self.low,
                              "high": self.high})

    def positions(self) -> Any:
        """Return the errors by position as a pandas DataFrame: a row a position T = 1, 2, …,
        a column an estimator."""
        table = command.frame(dict(zip(self.names, self.position_mse)))
        table.index = range(1, len(table) + 1)
        table.index.name = "T"
        return table


def estimate(states: arrays.Array, *, fit: arrays.Array | None = None,
             out: str | os.PathLike[str] | None = None, overwrite: bool = False) -> Estimates:
    """Predict every next state of sequences (N, T+1, d), or (T+1, d) of one, with the
    classical estimators. They are an array, or the path of a .npy file.

    What has to be fitted is fitted on the first half of them, 512 at most, and all errors
    are those on the rest; or on the sequences ``fit``. ``out`` is a folder to keep the
    page and the figure in; a report that is there is replaced with ``overwrite`` only.

    Raises :class:`icar.IcarError`, which names row and column, about states that cannot
    be used, and TypeError about an array of other than real numbers.
    """
    command.may_write(out, overwrite)
    with tempfile.TemporaryDirectory() as folder:
        page = os.path.join(folder, "out")
        arguments = ["estimate", arrays.file(folder, "states", states)]
        if fit is not None:
            arguments.append(f"--fit={arrays.file(folder, 'fit', fit)}")
        found = command.document([*arguments, f"--out={page}"])
        command.keep(page, out)
    contest = found["contest"]
    entries = sorted(contest["estimators"], key=lambda e: numbers([e["mse"]["value"]])[0])
    return Estimates(
        names=[e["name"] for e in entries],
        **{key: numbers([e["mse"][of] for e in entries])
           for key, of in (("mse", "value"), ("low", "low"), ("high", "high"))},
        position_mse=numbers([e["position_mse"] for e in entries]),
        best=contest["overall"]["best"], tied=contest["overall"]["tied"] or [],
        best_at=[leader["best"] for leader in contest["leaders"]],
        tied_at=[leader["tied"] or [] for leader in contest["leaders"]], document=found)


def numbers(values: Any) -> np.ndarray:
    """Return numbers of a document, of which null is NaN."""
    return np.array(values, dtype=object).astype(float)
