#!/usr/bin/env python3
"""Unmeasured genes in space: `cellweave impute` beside other methods, as a table for docs/results.md.

usage: inclust_space.py BINARY DATA OUT [--sets pdac_a,starmap] [--set KEY=VALUE]

Five folds of the shared genes (numpy default_rng(0).permutation % 5), each hidden in the spatial data and predicted. Scores per gene: Spearman's
correlation with the raw counts, given the total of the spot; the same given the total and the number of detected genes that were shown, so that what a prediction
knows of depth alone counts for nothing. No label is used. Peers: the total, the number of detected genes, neighbours in z-scored genes, ridge on z-scored
logarithms, and a 20-line version of Tangram's mapping of cells (Biancalani et al., Nat Methods 2021) with torch. Needs anndata, mudata.
"""
import argparse, json, os, pathlib, subprocess, warnings

import anndata, mudata, numpy as np, scipy.sparse as sp
from scipy.stats import rankdata

warnings.filterwarnings("ignore")
SETS = {  # reference, spatial, least share of spots and of cells with the gene
    "pdac_a": ("spatial_pdac_a/pdac_a_scrna.h5ad", "spatial_pdac_a/pdac_a_st1.h5ad", 0.15, 0.05),
    "starmap": ("multiome_snareseq_mouse_cortex/multiome_snareseq_mouse_cortex.h5mu", "spatial_mouse_cortex/starmap_mpfc.h5ad", 0.02, 0.005),
}
z = lambda x: (x - x.mean(0)) / (x.std(0) + 1e-8)


def read(path):
    a = mudata.read_h5mu(path).mod["rna"] if path.suffix == ".h5mu" else anndata.read_h5ad(path)
    a.var_names = [g.upper() for g in a.var_names]
    a.var_names_make_unique()
    return a


def prepared(data, name):
    cells, spots, least_spots, least_cells = SETS[name]
    s, t = read(data / cells), read(data / spots)
    S, T = (sp.csr_matrix(a.X).astype(np.float32) for a in (s, t))
    totals = [np.asarray(x.sum(1)).ravel() for x in (S, T)]
    genes = sorted(set(s.var_names) & set(t.var_names))
    S, T = S[:, s.var_names.get_indexer(genes)].toarray(), T[:, t.var_names.get_indexer(genes)].toarray()
    kept = ((T > 0).mean(0) >= least_spots) & ((S > 0).mean(0) >= least_cells)
    genes, S, T = [g for g, k in zip(genes, kept) if k], S[:, kept], T[:, kept]
    cells, spots = S.sum(1) > 0, T.sum(1) > 0
    return genes, S[cells], totals[0][cells], T[spots], totals[1][spots]


def tangram(S, T, steps=500):
    import torch

    torch.manual_seed(0)
    X, Y = torch.tensor(S), torch.tensor(T)
    density, M = Y.sum(1) / Y.sum(), torch.randn(len(S), len(T), requires_grad=True)
    optimiser = torch.optim.Adam([M], lr=0.1)
    for _ in range(steps):
        P = torch.softmax(M, 1)
        share = P.mean(0)
        loss = -torch.nn.functional.cosine_similarity(P.t() @ X, Y, dim=0).mean()
        loss = loss + (density * ((density + 1e-12).log() - (share + 1e-12).log())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return torch.softmax(M, 1).detach().numpy()


def peer(method, S, s_total, T, t_total, hidden):
    logged = lambda x, total: np.log1p(x / total[:, None] * np.median(total))
    s, t = logged(S, s_total), logged(T, t_total)
    if method == "total":
        return np.repeat(t_total[:, None], hidden.sum(), 1)
    if method == "detected genes":
        return np.repeat((T[:, ~hidden] > 0).sum(1, keepdims=True), hidden.sum(), 1).astype(float)
    if method == "neighbours 50":
        unit = lambda x: x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-9)
        near = np.argpartition(-(unit(z(t[:, ~hidden])) @ unit(z(s[:, ~hidden])).T), 50, axis=1)[:, :50]
        return s[:, hidden][near].mean(1)
    if method.startswith("ridge"):
        raw = method == "ridge, raw logarithms"
        A, B = (np.log1p(S), np.log1p(T)) if raw else (s, t)
        A, B, Y = z(A[:, ~hidden]), z(B[:, ~hidden]), z(A[:, hidden])
        return B @ np.linalg.solve(A.T @ A / len(A) + 10 * np.eye(A.shape[1]), A.T @ Y / len(A))
    scaled = S / s_total[:, None] * np.median(s_total)
    return tangram(scaled[:, ~hidden], T[:, ~hidden]).T @ scaled[:, hidden]


def ours(args, genes, S, T, hidden, out):
    out.mkdir(parents=True, exist_ok=True)
    for name, x, prefix in (("reference", S, "c"), ("query", T, "s")):
        a = anndata.AnnData(sp.csr_matrix(x))
        a.var_names, a.obs_names = genes, [f"{prefix}{i}" for i in range(len(x))]
        a.write_h5ad(out / f"{name}.h5ad")
    (out / "held.txt").write_text("\n".join(g for g, h in zip(genes, hidden) if h))
    command = [args.binary, "impute", "--reference", out / "reference.h5ad", "--query", out / "query.h5ad", "--hold-out", out / "held.txt", "-o", out / "run", "-q"]
    for s in args.set:
        command += ["--set", s]
    subprocess.run([str(c) for c in command], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    a = anndata.read_h5ad(out / "run" / "result.h5ad")
    # Spots that had counts of hidden genes alone are not in the result.
    values = np.zeros((len(T), hidden.sum()))
    rows = [int(name[1:]) for name in a.obs_names]
    values[rows] = np.asarray(a[:, [g for g, h in zip(genes, hidden) if h]].X)
    return values


def score(predicted, T, given):
    ranks = lambda v: z(rankdata(v))
    G = np.stack([np.ones(len(T))] + [ranks(g) for g in given], 1)
    rest = lambda v: v - G @ np.linalg.lstsq(G, v, rcond=None)[0]
    out = []
    for j in range(T.shape[1]):
        a, b = rest(ranks(predicted[:, j])), rest(ranks(T[:, j]))
        size = np.sqrt((a @ a) * (b @ b))
        out.append(a @ b / size if size > 1e-6 * len(T) else 0.0)
    return float(np.median(out)), float(np.mean(out))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default=",".join(SETS))
    p.add_argument("--methods", default="total|detected genes|neighbours 50|ridge|ridge, raw logarithms|tangram|cellweave")
    p.add_argument("--set", action="append", default=[])
    p.add_argument("--threads", type=int, default=2)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("| data | method | given the total: median / mean | given total and detected genes |\n|---|---|---|---|")
    for name in args.sets.split(","):
        genes, S, s_total, T, t_total = prepared(args.data, name)
        fold = np.random.default_rng(0).permutation(len(genes)) % 5
        for method in args.methods.split("|"):
            predicted = np.zeros_like(T)
            for f in range(5):
                hidden = fold == f
                run = lambda: ours(args, genes, S, T, hidden, args.out / f"{name}-{f}")
                predicted[:, hidden] = run() if method == "cellweave" else peer(method, S, s_total, T, t_total, hidden)
            simple, strict = (score(predicted, T, given) for given in ([t_total], [t_total, (T > 0).sum(1)]))
            row = dict(data=name, method=method, given_total=simple, given_total_and_detected=strict)
            with (args.out / "rows.jsonl").open("a") as f:
                f.write(json.dumps(row) + "\n")
            print(f"| {name} | {method} | {simple[0]:.3f} / {simple[1]:.3f} | {strict[0]:.3f} / {strict[1]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
