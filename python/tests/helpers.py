"""What the tests share."""

import importlib
import os
import unittest


def need(name: str):
    """Return a module, or skip the test by name without it; on CI it has to be there."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        raise unittest.SkipTest(f"{name} is not installed") from None
