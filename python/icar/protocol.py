"""The probe protocol: a program that predicts, asked through its standard streams.

It is started with ``ICAR_PROTOCOL=1``. On its standard input it reads arrays in numpy's
.npy format, one after another, states s_1 … s_T as (n, T, d) in float64; for each it writes
one such array of the same shape in float32 or float64 to its standard output, of which
position t is the prediction of s_{t+1}, until its input ends.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import Any, BinaryIO, Callable, Optional

import numpy as np

#: A model: states (n, T, d) to predictions (n, T, d). Position t may depend on the
#: states up to t alone.
Predictor = Callable[[np.ndarray], Any]

MAGIC = b"\x93NUMPY\x01\x00"


class ProtocolError(RuntimeError):
    """What was read is no array of the protocol, or what was predicted does not fit."""


class Cut(ProtocolError):
    """The input ends within an array."""


def serve(model: Predictor, source: Optional[BinaryIO] = None,
          sink: Optional[BinaryIO] = None) -> int:
    """Answer arrays of states with the predictions of a model until there are no more, and
    return how many were answered.

    A program for ``icar probe --program "python3 model.py"`` ends with ``icar.serve(model)``,
    where ``model`` is a function of an array or a :class:`torch.nn.Module`. What it
    prints goes to the standard error, since the standard output is for predictions.

    Raises :class:`ProtocolError` about an input that is no array of states, and about
    predictions of another shape, or that are no real numbers.
    """
    model = numpy_model(model)
    if source is None:
        source = sys.stdin.buffer
    if sink is None:
        sink = _take_stdout()
    answered = 0
    while True:
        states = read(source)
        if states is None:
            return answered
        write(sink, predictions(model, states))
        answered += 1


def _take_stdout() -> BinaryIO:
    """Return the standard output, and lead what else is printed to the standard error."""
    sys.stdout.flush()
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return own


def numpy_model(model: Any) -> Predictor:
    """Return a model as a function of arrays: a PyTorch module is called, without
    gradients, on tensors of the type and the device of its parameters."""
    if "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module):
        return _of_module(sys.modules["torch"], model)
    if not callable(model):
        raise TypeError(f"{model!r} is no model: give a function of states (n, T, d), or a "
                        "torch.nn.Module")
    return model


def _of_module(torch: Any, module: Any) -> Predictor:
    like = next(iter(module.parameters()), torch.zeros(0))

    def predict(states: np.ndarray) -> np.ndarray:
        training = module.training
        module.eval()
        try:
            with torch.no_grad():
                found = module(torch.from_numpy(states).to(like.device, like.dtype))
        finally:
            module.train(training)
        return found.detach().cpu().numpy() if hasattr(found, "detach") else found

    return predict


def predictions(model: Predictor, states: np.ndarray) -> np.ndarray:
    """Return the predictions (n, T, d) of a model, float32 or float64.

    Raises :class:`ProtocolError` if they do not fit the states, or are not finite.
    """
    found = np.asarray(model(states))
    if found.shape != states.shape:
        raise ProtocolError(f"the model predicts an array {found.shape} of states "
                            f"{states.shape}: it has to be of the same shape")
    if found.dtype.kind not in "fiu":
        raise ProtocolError(f"the model predicts {found.dtype}: it has to be real numbers")
    kind = np.float32 if found.dtype == np.float32 else np.float64
    found = np.ascontiguousarray(found, kind)
    if not np.isfinite(found).all():
        n, t, i = np.argwhere(~np.isfinite(found))[0]
        raise ProtocolError(f"the model predicts {found[n, t, i]} for sequence {n}, row {t}, "
                            f"column {i}, counted from 0: it has to be finite")
    return found


def read(source: BinaryIO) -> Optional[np.ndarray]:
    """Read one array of states; None at the end of the input."""
    start = _exactly(source, len(MAGIC) + 2, at_end=True)
    if not start:
        return None
    if not start.startswith(MAGIC):
        raise ProtocolError("what was read is no array in the .npy format, version 1.0")
    words = _exactly(source, int.from_bytes(start[-2:], "little")).decode("latin-1")
    try:
        header = ast.literal_eval(words.strip())
        kind, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    except (KeyError, SyntaxError, TypeError, ValueError) as wrong:
        raise ProtocolError(f"the header {words.strip()!r} is none of an array") from wrong
    if kind != "<f8" or fortran or len(shape) != 3:
        raise ProtocolError(f"the array is {kind} of shape {shape}: states are <f8 (n, T, d), "
                            "row after row")
    count = int(np.prod(shape, dtype=object))
    return np.frombuffer(_exactly(source, 8 * count), "<f8").reshape(shape).copy()


def _exactly(source: BinaryIO, size: int, at_end: bool = False) -> bytes:
    """Read so many bytes; fewer are an error, but for none at_end."""
    parts, left = [], size
    while left > 0:
        part = source.read(min(left, 1 << 24))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    if left > 0 and not (at_end and left == size):
        raise Cut(f"the input ends {left} bytes early")
    return b"".join(parts)


def write(sink: BinaryIO, array: np.ndarray) -> None:
    """Write one array and flush."""
    kind = "<f4" if array.dtype == np.float32 else "<f8"
    words = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {array.shape}, }}"
    words += " " * (-(len(MAGIC) + 2 + len(words) + 1) % 64) + "\n"
    sink.write(MAGIC + len(words).to_bytes(2, "little") + words.encode("latin-1"))
    sink.write(array.astype(kind, copy=False).tobytes())
    sink.flush()
