"""adamw.json: 40 steps of `torch.optim.AdamW` in doubles (torch 2.15.0, no foreach, not fused).

The gradients of the last four elements are so small that epsilon matters.

Run: python adamw.py   (needs torch)
"""
import json
import random

import torch

LR, BETAS, EPS, DECAY, STEPS = 0.01, (0.9, 0.999), 1e-8, 0.1, 40
draw = random.Random(7)
scales = [1, 1, 3, 100, 0.1, 1e-3, 0, 1, 1e-7, 1e-8, 1e-8, 1e-9]
start = [draw.uniform(-1, 1) for _ in scales]
gradients = [[s * draw.gauss(0.3, 1) for s in scales] for _ in range(STEPS)]

param = torch.tensor(start, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.AdamW(
    [param], lr=LR, betas=BETAS, eps=EPS, weight_decay=DECAY, foreach=False, fused=False
)
for gradient in gradients:
    param.grad = torch.tensor(gradient, dtype=torch.float64)
    optimizer.step()
state = optimizer.state[param]

json.dump(
    {
        "lr": LR, "beta1": BETAS[0], "beta2": BETAS[1], "eps": EPS, "weight_decay": DECAY,
        "start": start, "gradients": gradients, "param": param.tolist(),
        "exp_avg": state["exp_avg"].tolist(), "exp_avg_sq": state["exp_avg_sq"].tolist(),
    },
    open("adamw.json", "w"),
)
