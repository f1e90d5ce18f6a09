"""Other forms of the models of oracle.py, as someone writes them who wants speed from PyTorch.

form(model) returns a function of the tokens with the outputs of model, or None where there is no other form:

- linear attention without positions: prefix sums of keys and values over chunks of the context;
- one layer of linear attention under product positions: all heads folded into one tensor a pair of tokens,
  so that the cost of a pair does not grow with the number of heads.

`oracle.py check` holds both against the model, outputs and gradients.
"""
import torch
from torch.nn import functional as F


def form(model):
    c = model.c
    if c["attention"] != "linear" or c.get("mixer") == "multihead" or c.get("pre_norm") or c.get("mlp_norm"):
        return None
    if c["position"] == "none" and c["heads"] == 1:
        return lambda x: prefix_sums(model, x)
    if c["position"] == "product" and c["depth"] == 1 and not c["residual"] and not c["mlp"]:
        return lambda x: tensors(model, x)
    return None


def prefix_sums(model, x):
    """Σ_{j≤i} (q_i·k_j) v_j = q_i Σ_j k_j v_jᵀ: inside a chunk by its scores, before it by a sum."""
    c = model.c
    N, T, _ = x.shape
    size = max(n for n in range(1, 17) if T % n == 0)
    x = x.repeat(1, 1, c["embed"] // c["width"])
    D = c["embed"]
    causal = torch.tril(torch.ones(size, size, dtype=x.dtype, device=x.device))
    for layer in model.layers:
        q, k, v = (f(x).reshape(N, T // size, size, D) for f in (layer.q, layer.k, layer.v))
        inside = (q @ k.transpose(-1, -2) * causal) @ v
        sums = (k.transpose(-1, -2) @ v).cumsum(1)
        before = torch.cat([torch.zeros_like(sums[:, :1]), sums[:, :-1]], 1)
        y = layer.o(((inside + q @ before) / D**0.5).reshape(N, T, D))
        if c["norm"]:
            y = layer.norm(y)
        x = x + y if c["residual"] else y
        if c["mlp"]:
            x = x + layer.down(F.relu(layer.up(x)))
    return model.out(x)


def tensors(model, x):
    """With x̃ = [x; 1] of E numbers, a head's score is x̃_jᵀ M x̃_i and its value reaches the output as U x̃_j. So
    the output o_i is Σ_{j≤i} of a tensor of pair (i, j), Σ_h p_hij M_h ⊗ U_h, at x̃_i and at x̃_j twice."""
    c, layer = model.c, model.layers[0]
    D, H, width = c["embed"], c["heads"], c["width"]
    N, T, _ = x.shape
    E = width + 1

    def folded(f):  # equal coordinates of a repeated token are one: (H, D, E)
        w = f.weight.view(H, D, D // width, width).sum(2)
        return torch.cat([w, f.bias.view(H, D, 1)], -1)

    q, k, v = folded(layer.q), folded(layer.k), folded(layer.v)
    M = torch.einsum("hdb,hda->hba", k, q) / D**0.5  # b of the key, a of the query
    U = torch.einsum("od,hde->hoe", layer.o.weight, v)
    pos = model.pos[:T]
    scores = layer.split(layer.q(pos)) @ layer.split(layer.k(pos)).transpose(-1, -2) / D**0.5
    causal = torch.tril(torch.ones(T, T, dtype=torch.bool, device=x.device))
    P = torch.softmax(scores.masked_fill(~causal, float("-inf")), -1)

    R = torch.einsum("hba,hoe->hbeao", M, U)
    rows, cols = torch.triu_indices(E, E, device=x.device)  # x̃_j x̃_jᵀ is symmetric
    R = (R + R.transpose(1, 2))[:, rows, cols] * torch.where(rows == cols, 0.5, 1.0)[None, :, None, None].to(x.dtype)
    S = len(rows)
    G = (P.reshape(H, T * T).t() @ R.reshape(H, S * E * D)).view(T, T, S, E * D)  # i, j

    x1 = torch.cat([x, torch.ones_like(x[..., :1])], -1)
    x2 = (x1[:, :, rows] * x1[:, :, cols]).view(N, T * S)
    Y = x2 @ G.permute(1, 2, 0, 3).reshape(T * S, T * E * D)
    y = (Y.view(N, T, E, D) * x1[..., None]).sum(2) + layer.o.bias
    return model.out(layer.norm(y) if c["norm"] else y)
