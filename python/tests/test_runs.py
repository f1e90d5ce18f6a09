"""Runs, their models in PyTorch and back, sequences and estimates, from the command."""

import json
import os
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import icar
from icar import command, safetensors
from tests.helpers import need

SMALL = dict(d=2, length=6, train=64, batch=32, test=48, epochs=2, eval_every=3)

#: Models that differ in every part that a model can have.
MODELS = {
    "the paper's": {},
    "heads, product": dict(tokens="plain", embed=4, heads=3, position="product", residual=False),
    "softmax, additive, MLP": dict(attention="softmax", position="additive", mlp=2, depth=2,
                                   norm=False),
    "as GPT": dict(tokens="order", order=2, embed=8, heads=4, mixer="multihead",
                   attention="softmax", position="additive", mlp=2, depth=2, pre_norm=True,
                   mlp_norm=True, final_norm=True, activation="gelu"),
}


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def test_a_run_is_what_the_command_says(self):
        run = icar.train(self.path("run"), **SMALL)
        shown = json.loads(command.call(["runs", "show", self.path("run"), "--json"]))["runs"][0]
        self.assertTrue(run.complete)
        self.assertEqual((run.steps, run.loss[-1]), (shown["step"], shown["loss"]))
        self.assertEqual(run.test_step.tolist(), [3, 4])
        self.assertEqual(run.test_mse[-1], shown["evaluation"]["test_mse"])
        self.assertEqual(run.position_mse[-1].tolist(), shown["evaluation"]["position_mse"])
        self.assertEqual(run.info, shown["info"])
        for name in ("d", "length", "residual", "learning_rate", "tokens", "batch", "seed"):
            self.assertEqual(run.config[name], shown["config"][name], name)
        self.assertEqual(run.weights["layers.0.q.weight"].shape, (6, 6))
        self.assertNotIn("step", run.weights)
        self.assertFalse([name for name in run.weights if "/" in name])

    def test_every_setting_is_in_a_run(self):
        run = icar.train(self.path("run"), **SMALL)
        flags = re.findall(r"(?m)^ +--([a-z0-9_]+)", command.call(["train", "--help"]))
        settings = set(flags[flags.index("law"):flags.index("keep_every") + 1])
        self.assertEqual(settings - set(run.config), {"order"})  # that of other tokens
        self.assertEqual([run.config[key] for key in ("weight_decay", "keep_every", "data_sha256",
                                                      "test_data_sha256")], [0, 0, "none", "none"])

    def test_a_run_is_printed_without_its_numbers(self):
        words = repr(icar.train(self.path("run"), **SMALL))
        self.assertIn("'learning_rate': 0.01", words)
        self.assertNotIn("array", words)

    def test_a_run_that_grows_is_read_up_to_its_last_whole_line(self):
        icar.train(self.path("run"), **SMALL)
        os.remove(self.path("run", "DONE"))
        with open(self.path("run", "metrics.jsonl"), "a", encoding="utf-8") as file:
            file.write('{"step":5,"lo')
        run = icar.load_run(self.path("run"))
        self.assertEqual((run.steps, run.complete), (4, False))

    def test_no_run_is_an_error(self):
        with self.assertRaisesRegex(FileNotFoundError, "holds no run: icar train makes one"):
            icar.load_run(self.folder)
        icar.train(self.path("run"), **SMALL)
        os.remove(self.path("run", "checkpoint.safetensors"))
        with self.assertRaisesRegex(FileNotFoundError, "has no checkpoint"):
            icar.load_run(self.path("run"))
        with self.assertRaisesRegex(icar.IcarError, "batch 32 is more than the 16") as raised:
            icar.train(self.path("other"), **{**SMALL, "train": 16})
        self.assertEqual(raised.exception.code, 2)

    def test_the_model_in_torch_errs_as_the_run_does(self):
        torch = need("torch")
        for name, settings in MODELS.items():
            with self.subTest(name):
                run = icar.train(self.path(name), **SMALL, **settings)
                held = icar.sample(of=run)
                self.assertEqual(held.states.shape, (48, 7, 2))
                with torch.no_grad():
                    states = torch.from_numpy(held.states[:, :-1].astype("f4"))
                    model = icar.to_torch(run)
                    found = model(states).numpy()
                    np.testing.assert_allclose(model(states[:, :3]).numpy(), found[:, :3],
                                               atol=1e-6)  # of a beginning, the beginning
                errors = ((found - held.targets) ** 2).mean((0, 2))
                np.testing.assert_allclose(errors, run.position_mse[-1], rtol=1e-4)

    def test_weights_go_back(self):
        torch = need("torch")
        run = icar.train(self.path("run"), **SMALL, **MODELS["as GPT"])
        model = icar.to_torch(run)
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(1.5)
        settings = {**SMALL, **MODELS["as GPT"], "epochs": 1, "eval_every": 1, "batch": 64,
                    "learning_rate": 1e-30}
        again = icar.train(self.path("again"), init=icar.from_torch(model), **settings)
        for name, values in run.weights.items():
            np.testing.assert_allclose(again.weights[name], 1.5 * values, rtol=1e-6, err_msg=name)
        with torch.no_grad():
            training = icar.sample(of=again, stream="train", sequences=64)
            found = model(torch.from_numpy(training.states[:, :-1].astype("f4"))).numpy()
        self.assertAlmostEqual(((found - training.targets) ** 2).mean() / again.loss[0], 1, places=4)

    def test_gradients_flow_through_the_tokens(self):
        torch = need("torch")
        model = icar.to_torch(icar.train(self.path("run"), **SMALL)).double()
        states = torch.randn(2, 6, 2, dtype=torch.float64, requires_grad=True)
        self.assertTrue(torch.autograd.gradcheck(model, states))

    def test_own_sequences_are_trained_on(self):
        states = np.random.default_rng(0).standard_normal((40, 5, 3))
        run = icar.train(self.path("runs", "own"), data=states, batch=8, epochs=1)
        self.assertEqual([run.config[k] for k in ("d", "length", "train", "test")], [3, 4, 32, 8])
        np.testing.assert_array_equal(icar.sample(of=run).states, states[32:])
        with self.assertRaisesRegex(FileExistsError, "overwrites nothing"):
            icar.train(self.path("runs", "own"), data=states + 1)
        np.testing.assert_array_equal(np.load(run.config["data"]), states)

    def test_the_data_of_another_run_stay(self):
        states = np.random.default_rng(0).standard_normal((40, 5, 3))
        settings = dict(batch=8, epochs=1)
        icar.train(self.path("a"), data=states, **settings)
        os.rename(self.path("a"), self.path("b"))
        for name in ("data", "test_data"):
            os.rename(self.path("a.data.npy"), self.path(f"a.{name}.npy"))
            with self.assertRaisesRegex(FileExistsError, f"a.{name}.npy exists"):
                icar.train(self.path("a"), data=states + 1, test_data=states + 2, **settings)
            self.assertEqual(sorted(os.listdir(self.folder)), [f"a.{name}.npy", "b"])
            os.rename(self.path(f"a.{name}.npy"), self.path("a.data.npy"))
        np.testing.assert_array_equal(icar.sample(of=self.path("b")).states, states[32:])

    def test_a_slash_at_the_end(self):
        states = np.random.default_rng(0).standard_normal((40, 5, 3))
        run = icar.train(self.path("run") + "/", data=states, batch=8, epochs=1)
        self.assertEqual(run.config["data"], self.path("run.data.npy"))

    def test_what_is_refused_leaves_no_file(self):
        states = np.random.default_rng(0).standard_normal((40, 5, 3))
        holes = np.where(states > 2, np.nan, states)
        with self.assertRaisesRegex(icar.IcarError, "NaN"):
            icar.train(self.path("run"), data=holes, batch=8)
        with self.assertRaisesRegex(TypeError, "data are complex128: they have to be real"):
            icar.train(self.path("run"), data=states + 1j, batch=8)
        with self.assertRaisesRegex(TypeError, "test_data are bool"):
            icar.train(self.path("run"), data=states, test_data=states > 0, batch=8)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_run_that_fails_keeps_its_data(self):
        states = np.random.default_rng(0).standard_normal((40, 5, 3))
        with self.assertRaises(icar.IcarError) as raised:
            icar.train(self.path("run"), data=states, batch=8, learning_rate=1e30)
        self.assertEqual(raised.exception.code, 4)
        self.assertEqual(sorted(os.listdir(self.folder)), ["run", "run.data.npy"])

    def test_paths_are_taken(self):
        states = np.random.default_rng(0).standard_normal((40, 5, 3))
        np.save(self.path("own.npy"), states)
        run = icar.train(self.path("run"), data=self.path("own.npy"), batch=8, epochs=1)
        self.assertEqual(run.config["data"], self.path("own.npy"))
        self.assertEqual(sorted(os.listdir(self.folder)), ["own.npy", "run"])
        other = np.random.default_rng(1).standard_normal((40, 5, 3))
        np.save(self.path("other.npy"), other)
        by_path = icar.estimate(self.path("own.npy"), fit=Path(self.path("other.npy")))
        np.testing.assert_array_equal(by_path.mse, icar.estimate(states, fit=other).mse)
        need("torch")
        np.testing.assert_array_equal(icar.from_torch(icar.to_torch(self.path("run")))["out.bias"],
                                      run.weights["out.bias"])

    def test_what_is_unknown_is_named(self):
        need("torch")
        run = icar.train(self.path("run"), **SMALL)
        run.config["mixer"] = "retention"
        with self.assertRaisesRegex(ValueError, "mixer retention is not known .* full, multihead"):
            icar.to_torch(run)

    def test_a_file_of_weights_that_is_none(self):
        whole = self.path("w.safetensors")
        icar.save_weights(whole, {"a": np.arange(6.0).reshape(2, 3), "b": np.float32(7)})
        read = safetensors.read(whole)
        np.testing.assert_array_equal(read["a"], [[0, 1, 2], [3, 4, 5]])
        self.assertEqual((read["b"].shape, read["a"].dtype), ((), np.float32))
        with open(whole, "rb") as file:
            data = file.read()
        for fault, words in ((data[:5], "cut short"), (data[:-1], "does not take the bytes"),
                             (data.replace(b"F32", b"F16"), "F16"),
                             (data.replace(b"[2, 3]", b"[2, 2]"), "does not take the bytes"),
                             (b"\xff" * 16, "no safetensors file")):
            with open(self.path("bad"), "wb") as file:
                file.write(fault)
            with self.assertRaisesRegex(ValueError, words):
                safetensors.read(self.path("bad"))

    def test_curves_as_a_frame(self):
        need("pandas")
        run = icar.train(self.path("run"), **{**SMALL, "eval_every": 2, "epochs": 3})
        frame = run.frame()
        self.assertEqual(list(frame), ["step", "loss", "learning_rate", "test_mse"])
        self.assertEqual(frame["test_mse"].notna().tolist(), [False, True] * 3)
        self.assertEqual(frame["test_mse"].dropna().tolist(), run.test_mse.tolist())


class Sequences(unittest.TestCase):
    def test_a_law_is_drawn(self):
        s = icar.sample(family="rotation", d=4, length=6, sequences=5, tokens="augmented", seed=3)
        self.assertEqual((s.states.shape, s.w.shape), ((5, 7, 4), (5, 4, 4)))
        np.testing.assert_allclose(np.einsum("nij,ntj->nti", s.w, s.states[:, :-1]), s.targets,
                                   atol=1e-12)
        np.testing.assert_array_equal(icar.tokens(s.states[:, :-1], "augmented"), s.tokens)
        more = icar.sample(family="rotation", d=4, length=6, sequences=9, seed=3)
        np.testing.assert_array_equal(more.states[:5], s.states)
        self.assertIsNone(more.tokens)
        other = icar.sample(family="rotation", d=4, length=6, sequences=5, seed=3, stream="other")
        self.assertFalse((other.targets == s.targets).any())
        self.assertEqual(other.document["stream"], "other")
        ordered = icar.sample(d=2, length=5, sequences=3, tokens="order", order=3)
        np.testing.assert_array_equal(icar.tokens(ordered.states[:, :-1], "order", 3),
                                      ordered.tokens)
        with self.assertRaisesRegex(icar.IcarError, "needs pairs"):
            icar.sample(family="rotation", d=3)
        with self.assertRaisesRegex(ValueError, "tokens other are not known"):
            icar.tokens(s.states, "other")

    def test_estimates_are_of_the_rest(self):
        states = icar.sample(d=2, length=5, sequences=60).states
        found = icar.estimate(states)
        rest = states[30:]
        zero = found.names.index("zero")
        self.assertAlmostEqual(found.mse[zero], (rest[:, 1:] ** 2).mean(), places=12)
        np.testing.assert_allclose(found.position_mse[zero], (rest[:, 1:] ** 2).mean((0, 2)))
        self.assertEqual(found.names[0], found.best)
        self.assertEqual(found.mse.tolist(), sorted(found.mse))
        self.assertEqual((len(found.best_at), found.position_mse.shape),
                         (5, (len(found.names), 5)))
        contest = found.document["contest"]
        self.assertEqual((found.tied, found.tied_at), (contest["overall"]["tied"],
                                                       [at["tied"] for at in contest["leaders"]]))
        self.assertTrue(found.tied and found.tied_at[0])  # without a context many predict 0
        self.assertNotIn(found.best_at[0], found.tied_at[0])
        self.assertTrue((found.low <= found.mse).all() and (found.mse <= found.high).all())
        with tempfile.TemporaryDirectory() as out:
            fitted = icar.estimate(rest, fit=states[:30], out=out)
            icar.estimate(rest, fit=states[:30], out=out, overwrite=True)
            self.assertIn("report.html", os.listdir(out))
            with self.assertRaises(FileExistsError):
                icar.estimate(rest, out=out)
        np.testing.assert_array_equal(fitted.mse, found.mse)
        alone = icar.estimate(states[0])
        self.assertTrue(np.isnan(alone.low).all())
        for kind in (complex, bool, str):
            with self.assertRaisesRegex(TypeError, "states are .* to be real numbers"):
                icar.estimate(states.astype(kind))
            with self.assertRaisesRegex(TypeError, "fit are .* to be real numbers"):
                icar.estimate(states, fit=states.astype(kind))
        states[7, 2, 1] = np.nan
        with self.assertRaisesRegex(icar.IcarError, "sequence 7, row 2, column 1 is NaN") as raised:
            icar.estimate(states)
        self.assertEqual(raised.exception.code, 3)

    def test_estimates_as_frames(self):
        need("pandas")
        found = icar.estimate(icar.sample(d=2, length=5, sequences=20).states)
        frame, positions = found.frame(), found.positions()
        self.assertEqual(frame["estimator"].tolist(), found.names)
        self.assertEqual((list(positions), list(positions.index)),
                         (found.names, [1, 2, 3, 4, 5]))
        self.assertEqual(positions[found.names[1]][3], found.position_mse[1, 2])

    def test_no_pandas(self):
        with mock.patch.dict("sys.modules", {"pandas": None}):
            with self.assertRaisesRegex(ImportError, "pip install pandas, or use the arrays"):
                command.frame({"a": [1]})


class Command(unittest.TestCase):
    def test_it_says_how_to_get_the_command(self):
        with mock.patch.dict(os.environ, {"PATH": "/nowhere"}):
            os.environ.pop("ICAR", None)
            with self.assertRaisesRegex(icar.CommandNotFound, r"go build -o icar ./cmd/icar"):
                icar.sample(d=2)
            os.environ["ICAR"] = "/no/icar"
            with self.assertRaisesRegex(icar.CommandNotFound, "ICAR=/no/icar is no program"):
                icar.binary()

    def test_the_last_words_are_the_error(self):
        error = command.failure(4, "icar: a notice\nicar: the error\nlevel=INFO msg=end\n")
        self.assertEqual((error.code, str(error)), (4, "the error"))
        self.assertEqual(str(command.failure(1, "killed\n")), "killed")
        self.assertEqual(str(command.failure(1, "")), "icar ended with exit code 1 and said nothing")

    def test_the_path_is_searched(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "icar")
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n")
            os.chmod(path, 0o700)
            with mock.patch.dict(os.environ, {"PATH": folder}):
                os.environ.pop("ICAR", None)
                self.assertEqual(icar.binary(), path)


if __name__ == "__main__":
    unittest.main()
