"""Probing a model of this process: against a double of the command, and the command."""

import os
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import numpy as np

import icar
from tests.helpers import need


class AgainstADouble(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "icar")
        double = os.path.join(os.path.dirname(__file__), "double.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec "{sys.executable}" "{double}" "$@"\n')
        os.chmod(path, 0o700)
        patch = mock.patch.dict(os.environ, {"ICAR": path})
        patch.start()
        self.addCleanup(patch.stop)
        self.states = np.random.default_rng(0).standard_normal((5, 4, 2))

    def test_a_function_of_this_process_is_asked(self):
        asked = []

        def model(states):
            asked.append((states, threading.current_thread()))
            return states + 0.5

        found = icar.probe(model, states=self.states, sequences=7, timeout=2)
        self.assertAlmostEqual(found.mse, 0.25, places=12)
        self.assertEqual((found.nearest, found.estimators), ("near", ["near", "far"]))
        np.testing.assert_array_equal(found.distance, [1, 2])
        np.testing.assert_array_equal(found.cosine, [0.5, np.nan])
        np.testing.assert_array_equal(found.position_mse, [found.mse, np.nan])
        np.testing.assert_array_equal(np.concatenate([a for a, _ in asked[:2]]),
                                      self.states[:, :-1])
        self.assertEqual({thread for _, thread in asked}, {threading.main_thread()})
        self.assertIs(found.above_controls, False)
        self.assertIs(icar.probe(model, states=self.states, clear=True).above_controls, True)
        self.assertEqual(found.document["code"], 0)
        self.assertEqual(found.document["flags"]["sequences"], "7")
        self.assertEqual(found.document["flags"]["timeout"], "2s")
        self.assertFalse(os.path.exists(found.document["flags"]["program"]))

    def test_what_the_model_raises_is_raised(self):
        def fails(states):
            if len(states) == 2:
                raise KeyError("no such weight")
            return states

        with self.assertRaisesRegex(KeyError, "no such weight"):
            icar.probe(fails, states=self.states)
        with self.assertRaisesRegex(icar.ProtocolError, "same shape"):
            icar.probe(lambda s: s[0], states=self.states)

    def test_what_the_command_says_is_raised(self):
        with self.assertRaisesRegex(icar.IcarError, "^no such law$") as raised:
            icar.probe(lambda s: s, states=self.states, fail=True)
        self.assertEqual(raised.exception.code, 3)
        with self.assertRaisesRegex(icar.IcarError, "^the disk is full$"):
            icar.probe(lambda s: s, states=self.states, dies=True)

    def test_a_late_answer_does_not_hide_what_the_command_says(self):
        with tempfile.TemporaryDirectory() as folder:
            asked = os.path.join(folder, "asked")
            for late in (lambda s: s, lambda s: s[0], lambda s: s + 1j):
                def model(states):
                    open(asked, "w", encoding="utf-8").close()
                    while os.path.exists(asked):
                        time.sleep(0.005)
                    return late(states)

                with self.assertRaisesRegex(icar.IcarError, "^the program took longer") as raised:
                    icar.probe(model, states=self.states, leaves=asked)
                self.assertEqual(raised.exception.code, 4)

    def test_arrays_and_paths_are_both_taken(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "states.npy")
            np.save(path, self.states)
            found = icar.probe(lambda s: s + 0.5, states=path, w=np.zeros((5, 2, 2)))
            self.assertAlmostEqual(found.mse, 0.25, places=12)
            self.assertEqual(found.document["flags"]["states"], path)
            self.assertRegex(found.document["flags"]["w"], r"w\.npy$")
        with self.assertRaisesRegex(TypeError, "sequences cannot be a list"):
            icar.probe(lambda s: s, states=self.states, sequences=[1, 2])
        with self.assertRaisesRegex(TypeError, "hidden cannot be a ndarray"):
            icar.probe(lambda s: s, states=self.states, hidden=self.states)
        with self.assertRaisesRegex(TypeError, "states are complex128"):
            icar.probe(lambda s: s, states=self.states + 1j)

    def test_a_long_temporary_folder(self):
        with tempfile.TemporaryDirectory(prefix="a name " + "long" * 30) as folder, \
                mock.patch.object(tempfile, "tempdir", folder):
            self.assertEqual(icar.probe(lambda s: s, states=self.states).mse, 0)


class AgainstTheCommand(unittest.TestCase):
    def test_least_squares_is_found_in_a_function(self):
        def least_squares(states):
            out = np.zeros_like(states)
            for n, s in enumerate(states):
                for t in range(1, len(s)):
                    w = np.linalg.lstsq(s[:t], s[1:t + 1], rcond=None)[0]
                    out[n, t] = s[t] @ w
            return out

        found = icar.probe(least_squares, d=2, length=5, sequences=64)
        self.assertEqual(found.nearest, "least squares")
        self.assertLess(found.distance[0], 1e-6)
        if "pandas" in sys.modules:
            self.assertEqual(found.frame()["estimator"][0], "least squares")

    def test_the_hidden_matrices_are_read(self):
        drawn = icar.sample(d=2, length=5, sequences=64)
        found = icar.probe(lambda s: s, states=drawn.states, w=drawn.w)
        self.assertRegex(found.document["w"], r"w\.npy$")
        with self.assertRaisesRegex(icar.IcarError, r"matrices of .* the shape \(64, 2, 2\)"):
            icar.probe(lambda s: s, states=drawn.states, w=drawn.w[:3])

    def test_a_run_and_its_torch_model_agree(self):
        need("torch")
        with tempfile.TemporaryDirectory() as folder:
            run = icar.train(os.path.join(folder, "run"), d=2, length=5, train=64, batch=32,
                             test=80, epochs=2)
            page = os.path.join(folder, "page")
            direct = icar.probe(run, sequences=80, out=page)
            self.assertTrue(os.path.exists(os.path.join(page, "report.html")))
            with self.assertRaisesRegex(FileExistsError, "has a report already.*overwrite=True"):
                icar.probe(run, sequences=80, out=page)
            self.assertAlmostEqual(direct.mse, run.test_mse[-1], places=6)
            asked = icar.probe(icar.to_torch(run), of=run.path, sequences=80)
        self.assertEqual(asked.estimators, direct.estimators)
        np.testing.assert_allclose(asked.distance, direct.distance, atol=1e-5)
        np.testing.assert_allclose(asked.position_mse, direct.position_mse, atol=1e-5)


if __name__ == "__main__":
    unittest.main()
