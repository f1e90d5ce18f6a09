"""The Transformer of a run as a PyTorch module, and back."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from .runs import Run, load_run
from .sequences import tokens

if TYPE_CHECKING:
    import torch


def to_torch(run: Run | str | os.PathLike[str]) -> "torch.nn.Module":
    """Return the model of a run, or of the path of one, as a :class:`torch.nn.Module` with
    its weights, float32.

    It takes states (N, T, d), makes the tokens of the run of them and predicts s_{t+1} at
    each position, (N, T, d). Its parameters have the names and shapes of
    :attr:`Run.weights`, so that :func:`from_torch` gives them back after it has been
    trained on. ``outputs`` takes tokens (N, T, width) and returns all of (N, T, width).

    Raises ValueError about a run whose tokens or mixer are none of icar's own, and
    ImportError where PyTorch is not installed.
    """
    torch = _torch()
    if not isinstance(run, Run):
        run = load_run(run)
    model = _classes(torch)(run.config)
    weights = {name: torch.from_numpy(values) for name, values in run.weights.items()}
    model.load_state_dict(weights)
    return model.eval()


def from_torch(model: "torch.nn.Module") -> dict[str, np.ndarray]:
    """Return the parameters of a module by name, float32: of one that :func:`to_torch`
    has made they are weights for :func:`icar.save_weights` and ``icar.train(init=…)``."""
    return {name: values.detach().cpu().numpy().astype(np.float32)
            for name, values in model.state_dict().items()}


def _torch() -> Any:
    try:
        import torch
    except ImportError as missing:
        raise ImportError("to_torch needs PyTorch, which is not installed: pip install torch, or "
                          "apt-get install python3-torch") from missing
    return torch


def _check(config: Mapping[str, Any]) -> None:
    """Raise ValueError unless all parts of the model are known here."""
    for key, known in {"mixer": ("full", "multihead"), "attention": ("linear", "softmax"),
                       "position": ("none", "additive", "product"),
                       "activation": ("relu", "gelu"),
                       "tokens": ("plain", "augmented", "order")}.items():
        if config[key] not in known:
            raise ValueError(f"{key} {config[key]} is not known to this package: it has "
                             f"{', '.join(known)}")


def _classes(torch: Any) -> Any:
    """Return the class of the model: made here, since PyTorch need not be there.

    Shapes: N sequences, T tokens, width c of a token, D = embed, H heads, E a head's.
    """
    nn = torch.nn

    def attention(scores: Any, kind: str, causal: Any) -> Any:  # (N, H, T, T)
        if kind == "softmax":
            return torch.softmax(scores.masked_fill(~causal, -math.inf), -1)
        return scores * causal

    class Layer(nn.Module):
        def __init__(self, c: Mapping[str, Any]) -> None:
            super().__init__()
            self.c, embed = c, c["embed"]
            # `full` heads are as wide as the model, those of `multihead` share its width.
            self.each = embed if c["mixer"] == "full" else embed // c["heads"]
            width = self.each * c["heads"]
            self.q, self.k, self.v = (nn.Linear(embed, width) for _ in range(3))
            self.o = nn.Linear(embed, embed)
            if c["norm"]:
                self.norm = nn.LayerNorm(embed)
            if c["mlp_norm"]:
                self.mlp_norm = nn.LayerNorm(embed)
            if c["mlp"]:
                self.up = nn.Linear(embed, c["mlp"] * embed)
                self.down = nn.Linear(c["mlp"] * embed, embed)

        def heads(self, y: Any) -> Any:  # (…, T, H E) to (…, H, T, E)
            return y.unflatten(-1, (self.c["heads"], self.each)).transpose(-3, -2)

        def mix(self, x: Any, pos: Any) -> Any:  # (N, T, D)
            causal = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool,
                                device=x.device).tril()
            def scores(of: Any) -> Any:
                return (self.heads(self.q(of)) @ self.heads(self.k(of)).transpose(-1, -2)
                        / math.sqrt(self.each))
            a = attention(scores(x), self.c["attention"], causal)
            if self.c["position"] == "product":
                a = a * attention(scores(pos), "softmax", causal)
            seen = a @ self.heads(self.v(x))  # (N, H, T, E)
            if self.c["mixer"] == "full":
                return self.o(seen.sum(-3))
            return self.o(seen.transpose(-3, -2).flatten(-2))

        def forward(self, x: Any, pos: Any) -> Any:
            c = self.c
            if c["pre_norm"]:
                y = self.mix(self.norm(x), pos)
            else:
                y = self.mix(x, pos)
                if c["norm"]:
                    y = self.norm(y)
            if c["residual"]:
                y = x + y
            if c["mlp"]:
                act = nn.functional.gelu if c["activation"] == "gelu" else torch.relu
                y = y + self.down(act(self.up(self.mlp_norm(y) if c["mlp_norm"] else y)))
            return y

    class Transformer(nn.Module):
        """The model of a run: states (N, T, d) to predictions (N, T, d)."""

        def __init__(self, c: Mapping[str, Any]) -> None:
            super().__init__()
            _check(c)
            self.config = dict(c)
            if c["position"] != "none":
                self.pos = nn.Parameter(torch.zeros(c["length"], c["embed"]))
            self.layers = nn.ModuleList(Layer(c) for _ in range(c["depth"]))
            if c["final_norm"]:
                self.final_norm = nn.LayerNorm(c["embed"])
            self.out = nn.Linear(c["embed"], c["width"])

        def outputs(self, x: Any) -> Any:
            """Return the outputs (N, T, width) at tokens (N, T, width)."""
            c, pos = self.config, None
            x = x.repeat(1, 1, c["embed"] // c["width"])
            if c["position"] != "none":
                pos = self.pos[:x.shape[1]]
            if c["position"] == "additive":
                x = x + pos
            for layer in self.layers:
                x = layer(x, pos)
            return self.out(self.final_norm(x) if c["final_norm"] else x)

        def forward(self, states: Any) -> Any:
            c = self.config
            x = tokens_of(states, c["tokens"], c.get("order", 2))
            return self.outputs(x)[..., :c["coords"]]

    def tokens_of(states: Any, kind: str, order: int) -> Any:
        # Which state stands where in a token is asked of the encoding itself, once for
        # the numbers 1, 2, …: so gradients flow through an indexing of the states.
        n, length, d = states.shape
        places = np.arange(1, length * d + 1).reshape(1, length, d)
        where = torch.from_numpy(tokens(places, kind, order)[0]).to(states.device)
        padded = nn.functional.pad(states.flatten(1), (1, 0))  # at 0 stands a zero
        return padded[:, where.flatten()].unflatten(1, where.shape)

    return Transformer
