"""Which in-context algorithm has a model learnt?"""

from __future__ import annotations

import json
import os
import select
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from typing import Any, BinaryIO, Optional, Union

import numpy as np

from . import arrays, command, protocol
from .estimators import numbers
from .runs import Run

#: How often a model that has not been asked yet looks whether it will be, in seconds.
PATIENCE = 0.1


@dataclass(frozen=True)
class Probe:
    """What was found out about a model: beside K estimators, at T positions. ``document``
    has all of it, as docs/json.md says; docs/probing.md says what it means."""

    mse: float                   #: of the model
    position_mse: np.ndarray     #: (T)
    estimators: list[str]        #: (K) the nearest by its predictions first
    distance: np.ndarray         #: (K) of the predictions, root mean square in a coordinate
    estimator_mse: np.ndarray    #: (K)
    cosine: np.ndarray           #: (K) of the sensitivities; NaN where there are none
    missing: list[str]           #: what could not be found out
    document: dict[str, Any]

    @property
    def nearest(self) -> str:
        """The estimator whose predictions are nearest to those of the model."""
        return self.estimators[0]

    @property
    def above_controls(self) -> Optional[bool]:
        """Whether the nearest is nearer than every control, such as a predictor that uses
        no context, by more than chance: else its name means nothing. None where a command
        that knows of no controls was called."""
        return (self.document["analysis"].get("nearest") or {}).get("above")

    def frame(self) -> Any:
        """Return the model beside the estimators as a pandas DataFrame, the nearest first."""
        return command.frame({"estimator": self.estimators, "distance": self.distance,
                              "mse": self.estimator_mse, "cosine": self.cosine})


def probe(model: Any, *, states: Optional[arrays.Array] = None,
          fit: Optional[arrays.Array] = None, w: Optional[arrays.Array] = None,
          out: Union[str, os.PathLike[str], None] = None, overwrite: bool = False,
          timeout: Optional[float] = None, **settings: Any) -> Probe:
    """Find out which algorithm a model has learnt.

    ``model`` is a run (a :class:`Run` or the path of one), which is looked into with all
    that icar knows of it; or any function of states (n, T, d), or
    :class:`torch.nn.Module`, that returns predictions (n, T, d), which is asked what it
    predicts of ``states`` (N, T+1, d), or else of a law: ``probe(model, d=3, length=16)``.

    ``fit`` are other sequences to fit the estimators on, ``w`` the hidden matrices
    (N, d, d) of ``states``; all three are arrays, or paths of .npy files. ``settings`` are
    those of the law and of ``icar probe``, such as ``sequences=256``; ``timeout`` is the
    longest time in seconds that the model may take over a batch. ``out`` is a folder to
    keep the page and the figures in; a report that is there is replaced with
    ``overwrite`` only.

    Raises what the model raises, :class:`icar.IcarError` with what the command said, and
    TypeError about an array of other than real numbers.
    """
    if timeout is not None:
        settings["timeout"] = f"{timeout}s"
    command.may_write(out, overwrite)
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (("states", states), ("fit", fit), ("w", w)):
            if array is not None:
                settings[name] = arrays.file(folder, name, array)
        settings["out"] = page = os.path.join(folder, "out")
        if isinstance(model, (str, os.PathLike, Run)):
            run = os.fspath(model.path if isinstance(model, Run) else model)
            found = command.document(["probe", run, *command.flags(settings)])
        else:
            with tempfile.TemporaryDirectory(dir=_plain_folder()) as meeting:
                found = _asked(protocol.numpy_model(model), command.flags(settings), meeting)
        command.keep(page, out)
    return _probe(found)


def _probe(found: dict[str, Any]) -> Probe:
    analysis = found["analysis"]
    near = sorted(analysis["alignments"], key=lambda a: a["mean_prediction_distance"])
    of = lambda key: numbers([a[key]["value"] if isinstance(a[key], dict) else a[key]
                              for a in near])
    return Probe(
        mse=analysis["mse"]["value"], position_mse=numbers(analysis["position_mse"]),
        estimators=[a["estimator"] for a in near], distance=of("mean_prediction_distance"),
        estimator_mse=of("mean_error"), cosine=of("mean_cosine"),
        missing=analysis.get("missing") or [], document=found)


#: The longest path of a socket that every system takes, in bytes, less the names below.
LONGEST = 80


def _plain_folder() -> Optional[str]:
    """The folder of temporary files, or /tmp where the name of that is too long for a
    socket or has spaces, at which icar takes a command apart."""
    usual = tempfile.gettempdir()
    return "/tmp" if len(os.fsencode(usual)) > LONGEST or len(usual.split()) > 1 else None


def _asked(model: protocol.Predictor, flags: list[str], folder: str) -> dict[str, Any]:
    """Call icar with a program that relays to the model, which is asked here."""
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no Unix sockets, by which a model in this process is asked: "
                      'write a program that ends with icar.serve(model), and use '
                      'icar probe --program "python model.py"')
    with socket.socket(socket.AF_UNIX) as door:
        address = os.path.join(folder, "door")
        door.bind(address)  # in a folder that no other user can enter
        door.listen()
        door.settimeout(PATIENCE)
        called = [command.binary(), "probe", f"--program={_program(folder, address)}", "--json",
                  *flags]
        with subprocess.Popen(called, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as icar:
            said = _Said(icar)
            try:
                _answer(model, door, address, icar)
            except BaseException:
                icar.terminate()
                raise
            finally:
                door.close()  # who still waits to be let in is told
                stdout, stderr = said.all()
    if icar.returncode != 0:
        raise command.failure(icar.returncode, stderr.decode("utf-8", "replace"))
    return json.loads(stdout)


def _program(folder: str, address: str) -> str:
    """Write the program that icar starts, and return its path: one word, since icar takes
    a command apart at its spaces."""
    path = os.path.join(folder, "program")
    relay = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nexec {shlex.join([sys.executable, relay, address])}\n")
    os.chmod(path, 0o700)
    return path


def _answer(model: protocol.Predictor, door: socket.socket, address: str,
            icar: subprocess.Popen[bytes]) -> None:
    """Answer every connection, one after another, until icar has ended."""
    while icar.poll() is None:
        try:
            connection, _ = door.accept()
        except socket.timeout:
            continue
        try:  # around the files too: to close one that could not be written fails again
            with connection, connection.makefile("rb") as source, \
                    connection.makefile("wb") as sink:
                connection.settimeout(None)
                _serve(model, connection, source, sink)
                with open(address + ".done", "w", encoding="utf-8"):
                    pass
        except (BrokenPipeError, ConnectionResetError, protocol.Cut):
            continue  # icar has given up, and says why


def _serve(model: protocol.Predictor, connection: socket.socket, source: BinaryIO,
           sink: BinaryIO) -> None:
    """Answer a connection. An answer that does not fit is no error of its own where nobody
    waits for it any more: then it is the ConnectionResetError that a better one meets."""
    try:
        protocol.serve(model, source, sink)
    except protocol.ProtocolError as wrong:
        hung = select.poll()
        hung.register(connection, 0)  # that the other end is closed is always told
        if hung.poll(0):
            raise ConnectionResetError from wrong
        raise


class _Said:
    """What a process prints, taken from it while it runs so that it never waits."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._said: list[bytes] = [b"", b""]
        self._threads = [threading.Thread(target=self._take, args=(i, stream), daemon=True)
                         for i, stream in enumerate((process.stdout, process.stderr))]
        for thread in self._threads:
            thread.start()

    def _take(self, i: int, stream: Any) -> None:
        self._said[i] = stream.read()

    def all(self) -> list[bytes]:
        """Return standard output and standard error once both have ended."""
        for thread in self._threads:
            thread.join()
        return self._said
