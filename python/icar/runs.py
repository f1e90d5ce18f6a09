"""Runs of ``icar train``: their settings, curves and weights."""

from __future__ import annotations

import ast
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

import numpy as np

from . import arrays, command, safetensors

#: Settings that no file has which was written before there were these, and their values.
UNWRITTEN = {"law": "process", "mixer": "full", "pre_norm": False, "activation": "relu",
             "mlp_norm": False, "final_norm": False, "weight_decay": 0,
             "keep_every": 0, "data": "none", "data_sha256": "none", "test_data": "none",
             "test_data_sha256": "none"}


@dataclass(frozen=True)
class Run:
    """What the directory of a run holds.

    ``weights`` are those of the last checkpoint, float32, by the names of the parameters;
    linear maps are (out, in), as in PyTorch.
    """

    path: Path
    config: dict[str, Any]        #: the settings, also those left out of the file
    info: dict[str, Any]          #: run.json: which program ran, on which arithmetic
    weights: dict[str, np.ndarray] = field(repr=False)
    complete: bool
    loss: np.ndarray = field(repr=False)           #: (steps) of each batch, before its step
    learning_rate: np.ndarray = field(repr=False)  #: (steps)
    test_step: np.ndarray = field(repr=False)      #: (evaluations) after which step each was
    test_mse: np.ndarray = field(repr=False)       #: (evaluations)
    position_mse: np.ndarray = field(repr=False)   #: (evaluations, T)

    @property
    def steps(self) -> int:
        """The number of steps that are recorded."""
        return len(self.loss)

    def frame(self) -> Any:
        """Return the curves as a pandas DataFrame, a row a step; ``test_mse`` is NaN at
        the steps that no evaluation followed."""
        test = np.full(self.steps, np.nan)
        test[self.test_step - 1] = self.test_mse
        return command.frame({"step": np.arange(1, self.steps + 1), "loss": self.loss,
                              "learning_rate": self.learning_rate, "test_mse": test})


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read the directory of a run, also of one that is being trained.

    Raises FileNotFoundError where there is no run, or none with a checkpoint yet, and
    ValueError about a file that cannot be understood.
    """
    folder = Path(path)
    if not (folder / "config.yaml").is_file():
        raise FileNotFoundError(f"{folder} holds no run: icar train makes one")
    metrics = _metrics(folder / "metrics.jsonl")
    tests = [m for m in metrics if "test_mse" in m]
    config = {**UNWRITTEN, **_settings(folder / "config.yaml")}
    positions = np.array([m["position_mse"] for m in tests], float)
    return Run(
        path=folder, config=config,
        info=json.loads((folder / "run.json").read_text(encoding="utf-8")),
        weights=_weights(folder / "checkpoint.safetensors"),
        complete=(folder / "DONE").exists(),
        loss=np.array([m["loss"] for m in metrics], float),
        learning_rate=np.array([m["learning_rate"] for m in metrics], float),
        test_step=np.array([m["step"] for m in tests], int),
        test_mse=np.array([m["test_mse"] for m in tests], float),
        position_mse=positions.reshape(len(tests), int(config["length"])))


def _weights(path: Path) -> dict[str, np.ndarray]:
    """The weights of a checkpoint, without what its optimiser remembers."""
    if not path.exists():
        raise FileNotFoundError(f"{path.parent} has no checkpoint: icar train --resume "
                                f"{path.parent} goes on with it")
    return {name: values for name, values in safetensors.read(path).items()
            if "/" not in name and name != "step"}


def _settings(path: Path) -> dict[str, Any]:
    """Read lines ``KEY: VALUE``, the only YAML that icar writes."""
    settings = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        key, colon, value = line.partition(": ")
        if not colon:
            raise ValueError(f"{path}: line {number} is not KEY: VALUE: {line!r}")
        settings[key] = _value(value)
    return settings


def _value(words: str) -> Any:
    if words in ("true", "false"):
        return words == "true"
    if words.startswith('"'):
        return ast.literal_eval(words)  # the escapes of Go are among those of Python
    for kind in (int, float):
        try:
            return kind(words)
        except ValueError:
            pass
    return words


def _metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that may be growing: one that is not whole yet is left out."""
    metrics = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                metrics.append(json.loads(line))
    return metrics


def save_weights(path: str | os.PathLike[str], weights: Mapping[str, np.ndarray]) -> None:
    """Write weights by name as a safetensors file, from which ``icar train --init`` and
    :func:`train` start. They are those of :attr:`Run.weights` or of ``from_torch``."""
    safetensors.write(path, weights)


def train(out: str | os.PathLike[str], *, data: arrays.Array | None = None,
          test_data: arrays.Array | None = None, init: Mapping[str, np.ndarray] | None = None,
          **settings: Any) -> Run:
    """Train a model into the directory ``out``, which must not exist, and return the run.

    ``settings`` are those of ``icar train`` (docs/training.md), such as ``d=3, depth=2,
    epochs=20``. ``data`` are states (N, T+1, d) of one's own to train on in place of a
    law, and ``test_data`` others to test on: arrays, or paths of .npy files. An array is
    kept beside the run, as ``OUT.data.npy`` or ``OUT.test_data.npy``, since the run goes
    on, and is probed, with these. ``init`` are weights to start from.

    Raises :class:`icar.IcarError` with what the command said, FileExistsError about a
    file that the data of another run may be in, and TypeError about an array of other
    than real numbers.
    """
    target = os.fspath(Path(out))  # without a slash at the end
    own = {name: states for name, states in (("data", data), ("test_data", test_data))
           if states is not None}
    kept: list[str] = []
    try:
        for name, states in own.items():
            settings[name] = (os.fspath(states) if arrays.is_path(states)
                              else _keep(target, name, states, kept))
        with tempfile.TemporaryDirectory() as folder:
            if init is not None:
                start = os.path.join(folder, "start.safetensors")
                save_weights(start, init)
                settings["init"] = start
            command.call(["train", *command.flags({**settings, "out": target})])
    except BaseException:
        if not os.path.lexists(target):  # refused: there is no run that they would be of
            for path in kept:
                os.unlink(path)
        raise
    return load_run(target)


def _keep(target: str, name: str, states: Any, kept: list[str]) -> str:
    """Write the data of a run that is to be beside it, and return the path, which is
    added to those kept. What is there is another run's, which goes on with its bytes."""
    states = arrays.real(name, states)
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists and a run overwrites nothing: choose another")
    path = f"{target}.{name}.npy"
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    try:
        file = open(path, "xb")
    except FileExistsError:
        raise FileExistsError(f"{path} exists and may be the data of another run: choose another "
                              "directory, or remove it") from None
    kept.append(path)
    with file:
        np.save(file, states, allow_pickle=False)
    return path
