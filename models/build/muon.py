"""Muon: momentum whose update is made orthogonal, for the weight matrices inside the layers."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch


def orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """Five Newton-Schulz steps on matrices [n, rows, columns]: every singular value comes near 1."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = stack.bfloat16()
    tall = x.size(1) > x.size(2)
    x = x.transpose(1, 2) if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.transpose(1, 2) if tall else x).to(stack.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal; matrices of one shape are handled as one stack for speed."""

    def __init__(self, params: Any, lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for param in group["params"]:
                if param.grad is not None:
                    shapes[param.shape].append(param)
            for shape, params in shapes.items():
                updates = []
                for param in params:
                    assert param.grad is not None
                    kept = self.state[param].setdefault("momentum", torch.zeros_like(param))
                    kept.lerp_(param.grad, 1 - group["momentum"])
                    updates.append(param.grad.lerp(kept, group["momentum"]))
                turned = orthogonal(torch.stack(updates))
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                for param, update in zip(params, turned, strict=True):
                    param.mul_(1 - group["lr"] * group["weight_decay"])
                    param.add_(update, alpha=-group["lr"] * scale)
