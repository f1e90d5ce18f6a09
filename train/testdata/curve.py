"""The loss before each step of oracle.py's model, in float32.

    curve.py ORACLE_FOLDER CONFIG.yaml...

reads the initial weights, one after the other in PyTorch's order, from
weights.npy and the batches of all steps from x.npy and y.npy, makes a step of
the optimiser on each, as a configuration says, and writes the losses to
CONFIG.yaml.npy.
"""
import sys

import numpy as np
import torch
import yaml

sys.path.insert(0, sys.argv[1])
import oracle

for path in sys.argv[2:]:
    c = {"weight_decay": 0, **yaml.safe_load(open(path))}
    model = oracle.Transformer(c)
    torch.nn.utils.vector_to_parameters(torch.tensor(np.load("weights.npy")), model.parameters())
    xs = np.load("x.npy", mmap_mode="r").reshape(-1, c["batch"], c["length"], c["width"])
    ys = np.load("y.npy", mmap_mode="r").reshape(-1, c["batch"], c["length"], c["coords"])
    descent = oracle.optimiser(c, model.parameters())
    rate = oracle.scheduler(descent, c, len(xs))
    losses = []
    for x, y in zip(xs, ys):
        descent.zero_grad()
        loss = oracle.loss_of(model, torch.tensor(x), torch.tensor(y))
        loss.backward()
        if c["clip"]:
            torch.nn.utils.clip_grad_norm_(model.parameters(), c["clip"])
        descent.step()
        rate.step()
        losses.append(loss.item())
    np.save(path + ".npy", np.array(losses))
