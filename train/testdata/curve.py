"""The loss before each step of oracle.py's model, in float32.

    curve.py ORACLE_FOLDER CONFIG.yaml

reads the initial weights, one after the other in PyTorch's order, from
weights.npy and the batches of all steps from x.npy and y.npy, makes a step of
Adam on each and writes the losses to loss.npy.
"""
import sys

import numpy as np
import torch
import yaml

sys.path.insert(0, sys.argv[1])
from oracle import Transformer, loss_of

c = yaml.safe_load(open(sys.argv[2]))
model = Transformer(c)
torch.nn.utils.vector_to_parameters(torch.tensor(np.load("weights.npy")), model.parameters())
adam = torch.optim.Adam(model.parameters(), lr=c["learning_rate"])
xs = np.load("x.npy", mmap_mode="r").reshape(-1, c["batch"], c["length"], c["width"])
ys = np.load("y.npy", mmap_mode="r").reshape(-1, c["batch"], c["length"], c["coords"])
losses = []
for x, y in zip(xs, ys):
    adam.zero_grad()
    loss = loss_of(model, torch.tensor(x), torch.tensor(y))
    loss.backward()
    adam.step()
    losses.append(loss.item())
np.save("loss.npy", np.array(losses))
