"""A double of `icar probe --program`: it asks the program about two arrays, as the command
does, and prints what it was told. With --fail it dies before it asks, with --dies amid a question,
with --leaves=FILE while the model answers, which makes that file and goes on when it is gone."""

import io
import json
import os
import subprocess
import sys
import time

import numpy as np

flags = dict(word[2:].partition("=")[::2] for word in sys.argv[2:])
if sys.argv[1] != "probe" or "json" not in flags:
    sys.exit("icar: the double knows probe --json alone")
if "fail" in flags:
    print("level=INFO msg=progress\nicar: no such law", file=sys.stderr)
    sys.exit(3)
os.mkdir(flags["out"])
states = np.load(flags["states"])[:, :-1]
program = subprocess.Popen(flags["program"].split(), stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, env={**os.environ, "ICAR_PROTOCOL": "1"})
answers = []
for part in (states[:3], states[3:]):
    question = io.BytesIO()
    np.lib.format.write_array(question, np.ascontiguousarray(part), version=(1, 0))
    if "dies" in flags:
        program.stdin.write(question.getvalue()[:-1])
        program.stdin.close()
        sys.exit("icar: the disk is full")
    program.stdin.write(question.getvalue())
    program.stdin.flush()
    if "leaves" in flags:
        while not os.path.exists(flags["leaves"]):
            time.sleep(0.005)
        program.kill()
        program.wait()
        os.remove(flags["leaves"])
        print("icar: the program took longer than 1s", file=sys.stderr)
        sys.exit(4)
    head = program.stdout.read(10)
    if len(head) < 10:
        program.wait()
        print(f"icar: the program ended with exit code {program.returncode}", file=sys.stderr)
        sys.exit(3)
    head += program.stdout.read(int.from_bytes(head[8:], "little"))
    dtype = np.dtype("<f4" if b"<f4" in head else "<f8")
    body = program.stdout.read(part.size * dtype.itemsize)
    answers.append(np.frombuffer(body, dtype).reshape(part.shape))
program.stdin.close()
code = program.wait()
error = float(np.mean((np.concatenate(answers) - states) ** 2))
near = [{"estimator": name, "mean_prediction_distance": d, "mean_error": 1, "mean_cosine": c}
        for name, d, c in (("far", 2, {"value": None}), ("near", 1, {"value": 0.5}))]
print(json.dumps({"code": code, "flags": flags, "analysis": {
    "nearest": {"above": "clear" in flags},
    "mse": {"value": error}, "position_mse": [error, None], "alignments": near}}))
