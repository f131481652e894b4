"""adamw.json: 40 steps of AdamW in doubles, in the order of operations of PyTorch's
`torch.optim.adamw._single_tensor_adamw` (no AMSGrad, no maximisation):

    param.mul_(1 - lr * weight_decay)
    exp_avg.lerp_(grad, 1 - beta1)
    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    denom = (exp_avg_sq.sqrt() / sqrt(1 - beta2 ** step)).add_(eps)
    param.addcdiv_(exp_avg, denom, value=-lr / (1 - beta1 ** step))

The gradients of the last four elements are so small that epsilon matters.

Run: python adamw.py
"""
import json
import math
import random

LR, BETA1, BETA2, EPS, DECAY, STEPS = 0.01, 0.9, 0.999, 1e-8, 0.1, 40
draw = random.Random(7)
scales = [1, 1, 3, 100, 0.1, 1e-3, 0, 1, 1e-7, 1e-8, 1e-8, 1e-9]
start = [draw.uniform(-1, 1) for _ in scales]
gradients = [[s * draw.gauss(0.3, 1) for s in scales] for _ in range(STEPS)]

param, exp_avg, exp_avg_sq = list(start), [0.0] * len(start), [0.0] * len(start)
for step, gradient in enumerate(gradients, 1):
    for i, g in enumerate(gradient):
        param[i] *= 1 - LR * DECAY
        exp_avg[i] += (1 - BETA1) * (g - exp_avg[i])
        exp_avg_sq[i] = exp_avg_sq[i] * BETA2 + (1 - BETA2) * g * g
        denom = math.sqrt(exp_avg_sq[i]) / math.sqrt(1 - BETA2**step) + EPS
        param[i] -= LR / (1 - BETA1**step) * exp_avg[i] / denom

json.dump(
    {
        "lr": LR, "beta1": BETA1, "beta2": BETA2, "eps": EPS, "weight_decay": DECAY,
        "start": start, "gradients": gradients,
        "param": param, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq,
    },
    open("adamw.json", "w"),
)
