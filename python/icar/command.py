"""The command ``icar``: where it is, and how it is called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any, Iterable, Mapping

import numpy as np

#: The environment variable that names the command.
VARIABLE = "ICAR"


class CommandNotFound(RuntimeError):
    """There is no command ``icar`` to call."""


class IcarError(RuntimeError):
    """The command has failed; the message is what it said.

    ``code`` is its exit code: 2 for wrong settings, 3 for a file that cannot be used,
    4 for a run that failed.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def binary() -> str:
    """Return the path of the command: that in the environment variable ``ICAR``, or
    else the ``icar`` on the PATH.

    Raises :class:`CommandNotFound`, which says how to get it.
    """
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or "icar")
    if found:
        return found
    if named:
        raise CommandNotFound(
            f"{VARIABLE}={named} is no program: set it to the path of the command icar")
    raise CommandNotFound(
        "there is no command icar on the PATH: make it with `go build -o icar ./cmd/icar` in a "
        f"clone of icar, and put it on the PATH or set {VARIABLE} to its path")


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Return settings as flags of the command: ``{"norm": False}`` is ``--norm=false``.

    Raises TypeError, with its name, about a setting that is no word, path or number."""
    return [f"--{name}={text(name, value)}" for name, value in settings.items()]


def text(name: str, value: Any) -> str:
    """Return the value of a setting as the command reads it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if not isinstance(value, (str, int, float)):
        raise TypeError(f"{name} cannot be a {type(value).__name__}: it is a word, a path or a "
                        "number")
    return str(value)


def call(arguments: Iterable[str]) -> str:
    """Call the command to its end and return what it printed.

    Raises :class:`IcarError` with what it said where its exit code is not 0.
    """
    done = subprocess.run([binary(), *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        raise failure(done.returncode, done.stderr)
    return done.stdout


def failure(code: int, stderr: str) -> IcarError:
    """Return the error of a command that failed: its last words."""
    lines = [line for line in stderr.splitlines() if line.startswith("icar: ")]
    message = lines[-1][len("icar: "):] if lines else stderr.strip()
    return IcarError(code, message or f"icar ended with exit code {code} and said nothing")


def document(arguments: Iterable[str]) -> dict[str, Any]:
    """Call the command with ``--json`` and return the document that it printed."""
    return json.loads(call([*arguments, "--json"]))


def may_write(out: str | os.PathLike[str] | None, overwrite: bool) -> None:
    """Raise FileExistsError about a folder with a report that is not to be replaced."""
    if out is not None and not overwrite and os.path.lexists(os.path.join(out, "report.html")):
        raise FileExistsError(f"{os.fspath(out)} has a report already: choose another folder, or "
                              "replace it with overwrite=True")


def keep(folder: str, out: str | os.PathLike[str] | None) -> None:
    """Copy the page and the figures of a folder to where they are to be kept, if anywhere."""
    if out is not None:
        shutil.copytree(folder, out, dirs_exist_ok=True)


def frame(columns: Mapping[str, Any]) -> Any:
    """Return a pandas DataFrame of columns.

    Raises ImportError, with what to use instead, where pandas is not installed.
    """
    try:
        import pandas
    except ImportError as missing:
        raise ImportError("a DataFrame needs pandas, which is not installed: pip install pandas, "
                          "or use the arrays, which are attributes of the result") from missing
    return pandas.DataFrame(dict(columns))
