"""Runs, sequences, estimators and probes of the command ``icar``.

The command does the work and this package calls it; see :func:`binary` for where it is
looked for. Arrays are those of numpy: sequences are states ``(N, T+1, d)``, N sequences
of T+1 states of d numbers, and predictions ``(N, T, d)``, that of s_{t+1} at position t.
"""

from .command import CommandNotFound, IcarError, binary
from .estimators import Estimates, estimate
from .probes import Probe, probe
from .protocol import ProtocolError, serve
from .runs import Run, load_run, save_weights, train
from .sequences import Sample, sample, tokens
from .torch_model import from_torch, to_torch

__all__ = [
    "CommandNotFound", "Estimates", "IcarError", "Probe", "ProtocolError", "Run", "Sample",
    "binary", "estimate", "from_torch", "load_run", "probe", "sample", "save_weights",
    "serve", "to_torch", "tokens", "train",
]
