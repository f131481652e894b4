#!/usr/bin/env python3
"""The same work in PyTorch, to be run beside the criterion benches on the same machine.

usage: torch_peers.py ttt|zinb|step|curve [--threads 2] [--repeats 30]

ttt   TTT-Linear layer, dual form, batch 8, width 128, 4 heads, chunks of 16 (`cargo bench -p ttt-layer`)
zinb  ZINB loss as scvi-tools writes it, forward and backward, 256 x 2,000 (`cargo bench -p zinb`)
step  training step of the autoencoder 2000-256-64-256-2000 with that loss and Adam (`cargo bench -p fusion-models`)
curve  losses of 100 such steps from weights and counts that `crates/fusion-models/benches/step` has too, as JSON

Prints the median and least wall time and the least CPU time of the repeats in ms.
"""
import argparse, json, statistics, sys, time
import numpy as np
import torch
import torch.nn.functional as F


def timed(name, f, repeats):
    for _ in range(5):
        f()
    wall, cpu = [], []
    for _ in range(repeats):
        w, c = time.perf_counter(), time.process_time()
        f()
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    print(f"{name:44s} median {1e3 * statistics.median(wall):8.2f}  least {1e3 * min(wall):8.2f}  CPU {1e3 * min(cpu):8.2f} ms", flush=True)


class TttLinear(torch.nn.Module):
    """One step of gradient descent per token on a linear model behind a normalisation, chunk by chunk."""

    def __init__(self, d=128, heads=4, chunk=16):
        super().__init__()
        self.heads, self.f, self.chunk = heads, d // heads, chunk
        self.qkv = torch.nn.Linear(d, 3 * d, bias=False)
        self.rate = torch.nn.Linear(d, heads)
        self.tau = torch.nn.Parameter(torch.zeros(chunk))
        self.w0 = torch.nn.Parameter(torch.randn(heads, self.f, self.f) * 0.02)
        self.c0 = torch.nn.Parameter(torch.zeros(heads, 1, self.f))
        self.gamma = torch.nn.Parameter(torch.ones(heads, 1, self.f))
        self.beta = torch.nn.Parameter(torch.zeros(heads, 1, self.f))
        self.norm = torch.nn.LayerNorm(d, eps=1e-6)
        self.out = torch.nn.Linear(d, d, bias=False)
        angle = torch.arange(chunk)[:, None] * 10000.0 ** (-torch.arange(0, self.f, 2) / self.f)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        self.register_buffer("places", 1.0 / torch.arange(1, chunk + 1))

    def rotate(self, x):
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * self.cos - b * self.sin, a * self.sin + b * self.cos], -1).flatten(-2)

    def forward(self, x):
        n, length, d = x.shape
        chunks = length // self.chunk
        split = lambda y: y.view(n, chunks, self.chunk, self.heads, -1).permute(1, 0, 3, 2, 4)
        q, k, v = (split(y) for y in self.qkv(x).split(d, -1))
        q, k = self.rotate(q), self.rotate(k)
        eta = split(torch.sigmoid(self.rate(x)) / self.f)[..., 0]  # chunks, n, heads, chunk
        t = (self.places + self.tau).clamp_min(0)
        e = torch.tril(t[:, None] * eta[..., None, :])
        w, c = self.w0.expand(n, -1, -1, -1), self.c0.expand(n, -1, -1, -1)
        outs = []
        for q, k, v, e in zip(q.unbind(0), k.unbind(0), v.unbind(0), e.unbind(0)):
            z = k @ w + c
            centred = z - z.mean(-1, keepdim=True)
            s = (centred.square().mean(-1, keepdim=True) + 1e-6).rsqrt()
            hat = centred * s
            g = (self.gamma * hat + self.beta - (v - k)) * self.gamma
            g = s * (g - g.mean(-1, keepdim=True) - hat * (g * hat).mean(-1, keepdim=True))
            y = q @ w + c - (e * (q @ k.transpose(-1, -2) + 1)) @ g
            yc = y - y.mean(-1, keepdim=True)
            outs.append(q + self.gamma * yc * (yc.square().mean(-1, keepdim=True) + 1e-6).rsqrt() + self.beta)
            last = e[..., -1:, :].transpose(-1, -2)
            w, c = w - (last * k).transpose(-1, -2) @ g, c - (last * g).sum(-2, keepdim=True)
        y = torch.stack(outs, 0).permute(1, 0, 3, 2, 4).reshape(n, length, d)
        return self.out(self.norm(y))


def ttt(repeats):
    layer = TttLinear()
    for length in (512, 2048):
        x = torch.randn(8, length, 128)

        def forward():
            with torch.no_grad():
                layer(x)

        def both():
            y = x.clone().requires_grad_()
            layer(y).sum().backward()

        timed(f"ttt 8x{length}x128 forward", forward, repeats)
        timed(f"ttt 8x{length}x128 forward+backward", both, repeats)


def nll(x, mu, theta, logit, eps=1e-8):
    plus = F.softplus(-logit)
    log_theta, log_both = torch.log(theta + eps), torch.log(theta + mu + eps)
    pi_theta = -logit + theta * (log_theta - log_both)
    zero = F.softplus(pi_theta) - plus
    count = (-plus + pi_theta + x * (torch.log(mu + eps) - log_both)
             + torch.lgamma(x + theta) - torch.lgamma(theta) - torch.lgamma(x + 1))
    return -torch.where(x < eps, zero, count).sum(1).mean()


def counts(zeros, rows=256, genes=2000):
    """As in the criterion bench: that share of zeros, the rest small whole numbers."""
    x = (1 - 2 * torch.rand(rows, genes).log() * torch.rand(rows, genes)).floor()
    return torch.where(torch.rand(rows, genes) < zeros, torch.zeros(()), x)


def zinb(repeats):
    for zeros in (0.75, 0.95):
        x = counts(zeros)
        h, logit = (torch.sin(torch.arange(512000.0) * k).view(256, 2000) for k in (0.7, 0.3))
        raw = torch.sin(torch.arange(2000.0) * 0.1)
        library = torch.ones(256, 1)
        for name, mean in (("exp", lambda h: h.exp()), ("softmax", lambda h: library * h.softmax(-1))):
            def both():
                a, b, c = (y.clone().requires_grad_() for y in (h, raw, logit))
                nll(x, mean(a), b.exp(), c).backward()

            timed(f"zinb {100 * zeros:.0f}% zeros {name} forward+backward", both, repeats)


class Autoencoder(torch.nn.Module):
    def __init__(self, genes=2000):
        super().__init__()
        linear = torch.nn.Linear
        self.e1, self.e2, self.d1 = linear(genes, 256), linear(256, 64), linear(64, 256)
        self.mean, self.logit, self.raw = linear(256, genes), linear(256, genes), torch.nn.Parameter(torch.zeros(genes))

    def forward(self, x):
        h = F.relu(self.d1(self.e2(F.relu(self.e1(torch.log1p(x))))))
        return nll(x, self.mean(h).exp(), self.raw.exp(), self.logit(h))


def step(repeats):
    for zeros in (0.75, 0.95):
        torch.manual_seed(0)
        net, batches = Autoencoder(), [counts(zeros) for _ in range(8)]
        adam, i = torch.optim.Adam(net.parameters(), lr=1e-3), [0]

        def one():
            i[0] += 1
            adam.zero_grad()
            net(batches[i[0] % 8]).backward()
            adam.step()

        timed(f"step {100 * zeros:.0f}% zeros", one, repeats)


def uniform(stream, n):
    """Numbers 0..n of a stream, by the finaliser of SplitMix64."""
    z = ((np.uint64(stream) << np.uint64(32)) + np.arange(1, n + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53


def same_weights(net):
    for stream, layer in enumerate([net.e1, net.e2, net.d1, net.mean, net.logit], 1):
        to, source = layer.weight.shape
        draw = lambda s, n: torch.tensor((2 * uniform(s, n) - 1) / source**0.5, dtype=torch.float32)
        layer.weight.data = draw(2 * stream, source * to).view(source, to).T.contiguous()
        layer.bias.data = draw(2 * stream + 1, to)


def same_counts(zeros, k, rows=256, genes=2000):
    a, b, c = (uniform(100 + 3 * k + i, rows * genes) for i in range(3))
    x = np.where(a < zeros, 0, np.floor(1 - 2 * np.log(1 - b) * c))
    return torch.tensor(x.reshape(rows, genes), dtype=torch.float32)


def curve(_):
    net, batches = Autoencoder(), [same_counts(0.95, k) for k in range(4)]
    same_weights(net)
    adam, losses = torch.optim.Adam(net.parameters(), lr=1e-3), []
    for i in range(100):
        adam.zero_grad()
        loss = net(batches[i % 4])
        loss.backward()
        adam.step()
        losses.append(loss.item())
    print(json.dumps(losses))


p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("what", choices=["ttt", "zinb", "step", "curve"])
p.add_argument("--threads", type=int, default=2)
p.add_argument("--repeats", type=int, default=30)
args = p.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)
print(f"torch {torch.__version__}, {args.threads} threads", file=sys.stderr)
{"ttt": ttt, "zinb": zinb, "step": step, "curve": curve}[args.what](args.repeats)
