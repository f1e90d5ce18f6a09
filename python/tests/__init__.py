"""Tests of the package, against the command that the environment variable ICAR names."""
