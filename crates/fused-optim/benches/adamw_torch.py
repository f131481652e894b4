"""The peer of `benches/adamw.rs`: PyTorch's fused AdamW, norm clipping and addition on the same parameters.

Run: python adamw_torch.py THREADS   (needs torch)
"""
import statistics
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(1)
sizes = [(2000, 256), (256, 64), (64, 256), (256, 2000), (256, 2000)]
layers = torch.nn.ModuleList(torch.nn.Linear(*size) for size in sizes)
params = list(layers.parameters())
optimizer = torch.optim.AdamW(params, lr=1e-3, fused=True)
gradients = [0.01 * torch.randn_like(p) for p in params]


def run(name, work):
    times = []
    for _ in range(300):
        for p, g in zip(params, gradients):
            p.grad = g.clone()
        more = [g.clone() for g in gradients]
        start = time.perf_counter()
        work(more)
        times.append(1e3 * (time.perf_counter() - start))
    print(f"{sys.argv[1]}_threads/{name}: median {statistics.median(times[50:]):.3f} ms, least {min(times):.3f} ms")


run("adamw", lambda _: optimizer.step())
run("clip", lambda _: torch.nn.utils.clip_grad_norm_(params, 1.0))
run("add", lambda more: torch._foreach_add_([p.grad for p in params], more))
