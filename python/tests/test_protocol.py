"""The loop that answers, against a double that asks as icar does."""

import io
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import icar
from icar import protocol
from tests.helpers import need


def asked(*arrays):
    """What icar writes to the standard input of a program: numpy's own files."""
    source = io.BytesIO()
    for a in arrays:
        np.lib.format.write_array(source, a, version=(1, 0))
    source.seek(0)
    return source


def answers(sink):
    """The arrays that a program has written, as numpy reads them."""
    sink.seek(0)
    found = []
    while sink.tell() < len(sink.getvalue()):
        found.append(np.lib.format.read_array(sink))
    return found


class Serving(unittest.TestCase):
    def setUp(self):
        r = np.random.default_rng(0)
        self.states = [r.standard_normal(shape) for shape in ((4, 3, 2), (1, 7, 5), (2, 1, 1))]

    def test_every_array_is_answered_by_one_of_its_shape(self):
        for kind in (np.float32, np.float64):
            sink = io.BytesIO()
            count = icar.serve(lambda s: (2 * s).astype(kind), asked(*self.states), sink)
            self.assertEqual(count, 3)
            found = answers(sink)
            self.assertEqual(len(found), 3)
            for states, answer in zip(self.states, found):
                self.assertEqual(answer.dtype, kind)
                np.testing.assert_array_equal(answer, (2 * states).astype(kind))

    def test_an_answer_is_there_before_the_next_question(self):
        class Alternating(io.RawIOBase):
            """A double that asks again only when it has been answered."""

            def __init__(self, questions, sink):
                self.questions, self.sink, self.at = questions, sink, 0
                self.left = b""

            def read(self, size=-1):
                if not self.left:
                    if len(answers(self.sink)) != self.at:
                        raise AssertionError("asked again before the answer was flushed")
                    if self.at == len(self.questions):
                        return b""
                    self.left = asked(self.questions[self.at]).getvalue()
                    self.at += 1
                some = min(5, size)  # a pipe gives what it has
                part, self.left = self.left[:some], self.left[some:]
                return part

        sink = io.BytesIO()
        pipe = io.BufferedWriter(sink)  # holds back what is not flushed
        self.assertEqual(icar.serve(lambda s: s, Alternating(self.states, sink), pipe), 3)

    def test_integers_and_lists_are_predictions(self):
        sink = io.BytesIO()
        icar.serve(lambda s: np.ones(s.shape, int).tolist(), asked(self.states[0]), sink)
        np.testing.assert_array_equal(answers(sink)[0], np.ones((4, 3, 2)))

    def test_predictions_that_do_not_fit_are_named(self):
        states = self.states[0]
        holes = states.copy()
        holes[2, 1, 0] = np.nan
        for model, words in (
                (lambda s: s[:, :-1], r"\(4, 2, 2\) of states \(4, 3, 2\)"),
                (lambda s: s + 1j, "complex128"),
                (lambda s: holes, "nan for sequence 2, row 1, column 0"),
                (lambda s: None, "the model predicts")):
            with self.assertRaisesRegex(icar.ProtocolError, words):
                icar.serve(model, asked(states), io.BytesIO())
        with self.assertRaisesRegex(TypeError, "3 is no model"):
            icar.serve(3, asked(states), io.BytesIO())

    def test_what_is_no_array_of_states_is_named(self):
        whole = asked(self.states[0]).getvalue()
        huge = whole.replace(b"(4, 3, 2)", b"(9**9, 3)")
        for data, words in (
                (whole[:-1], "ends 1 bytes early"), (whole[:7], "ends 3 bytes early"),
                (b"GET / HTTP/1.1\r\n", "no array"), (huge, "none of an array"),
                (asked(self.states[0].astype("<f4")).getvalue(), "<f4"),
                (asked(self.states[0].astype(">f8")).getvalue(), ">f8"),
                (asked(np.asfortranarray(self.states[0])).getvalue(), "row after row"),
                (asked(self.states[0][0]).getvalue(), r"shape \(3, 2\)")):
            with self.assertRaisesRegex(icar.ProtocolError, words):
                icar.serve(lambda s: s, io.BytesIO(data), io.BytesIO())

    def test_the_program_prints_and_predicts(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write("import icar\n"
                           "def model(s):\n"
                           "    print('asked', s.shape)\n"
                           "    return -s\n"
                           "icar.serve(model)\n")
            done = subprocess.run([sys.executable, path], input=asked(*self.states).getvalue(),
                                  capture_output=True, check=True, timeout=60)
        found = answers(io.BytesIO(done.stdout))
        np.testing.assert_array_equal(found[1], -self.states[1])
        self.assertEqual(len(found), 3)
        self.assertIn(b"asked (4, 3, 2)", done.stderr)

    def test_a_module_is_asked_in_its_own_type(self):
        torch = need("torch")
        seen = []

        class Half(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = torch.nn.Parameter(torch.tensor(0.5))

            def forward(self, s):
                seen.append((s.dtype, torch.is_grad_enabled(), self.training))
                return self.scale * s

        module = Half()
        found = protocol.predictions(protocol.numpy_model(module), self.states[0])
        self.assertEqual(seen, [(torch.float32, False, False)])
        self.assertTrue(module.training)
        np.testing.assert_array_equal(found, np.float32(0.5) * self.states[0].astype("f4"))


if __name__ == "__main__":
    unittest.main()
