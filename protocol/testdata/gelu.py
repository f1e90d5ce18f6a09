"""A Transformer as many write it in PyTorch: pre-norm, GELU, four heads, softmax, learnt positions.

    gelu.py train STATES.npy WEIGHTS.pt STEPS    train it on states (N, T+1, d)
    gelu.py save WEIGHTS.pt STATES.npy P.npy     save its predictions
    gelu.py serve WEIGHTS.pt                     predict what icar asks
"""
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)
torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, past):
        y = self.norms[0](x)
        x = x + self.attention(y, y, y, attn_mask=past, need_weights=False)[0]
        return x + self.mlp(self.norms[1](x))


class Model(nn.Module):
    def __init__(self, d, length, width=32, heads=4, depth=2):
        super().__init__()
        self.read = nn.Linear(2 * d, width)
        self.position = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.write = nn.LayerNorm(width), nn.Linear(width, d)

    def forward(self, s):  # (n, T, d): a token is a state and the one before it
        x = self.read(torch.cat([s, F.pad(s, (0, 0, 1, 0))[:, :-1]], -1)) + self.position
        past = torch.full((s.shape[1], s.shape[1]), float("-inf")).triu(1)
        for block in self.blocks:
            x = block(x, past)
        return self.write(self.norm(x))


def train(states, steps):
    s = torch.tensor(states, dtype=torch.float32)
    model = Model(s.shape[2], s.shape[1] - 1)
    adam = torch.optim.Adam(model.parameters(), 3e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, 3e-3, total_steps=steps)
    for step in range(steps):
        batch = s[torch.randint(len(s), (64,))]
        loss = F.mse_loss(model(batch[:, :-1]), batch[:, 1:])
        adam.zero_grad()
        loss.backward()
        adam.step()
        rate.step()
    print("loss", loss.item(), file=sys.stderr)
    return model


CHUNK = 64  # sequences at a time, whoever asks for how many: what BLAS sums in which order depends on it


def predict(model, states):
    s = np.asarray(states, "f4")
    padded = np.concatenate([s, np.zeros((-len(s) % CHUNK, *s.shape[1:]), "f4")])
    with torch.no_grad():
        out = [model(torch.from_numpy(padded[i : i + CHUNK])).numpy() for i in range(0, len(padded), CHUNK)]
    return np.concatenate(out)[: len(s)]


if sys.argv[1] == "train":
    torch.save(train(np.load(sys.argv[2]), int(sys.argv[4])), sys.argv[3])
elif sys.argv[1] == "save":
    np.save(sys.argv[4], predict(torch.load(sys.argv[2]).eval(), np.load(sys.argv[3])[:, :-1]))
else:
    from serve import serve

    model = torch.load(sys.argv[2]).eval()
    serve(lambda s: predict(model, s))
