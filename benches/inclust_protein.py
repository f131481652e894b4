#!/usr/bin/env python3
"""Protein from RNA: `cellweave generate` beside ridge and k nearest neighbours, as a table for docs/results.md.

usage: inclust_protein.py BINARY DATA OUT [--sets pbmc10k,...] [--seeds 0,1,2] [--set KEY=VALUE]

Of a random 30 % of the cells (numpy default_rng(seed).permutation) protein is taken away and predicted. Scores on these cells: per protein
Pearson's correlation and root mean squared error of ln(1 + counts), means over the proteins. Ridge (alpha by leave-one-out over 1e-2 to 1e4) and
neighbours (15, 30, 50) work on 50 principal components of 2,000 variable genes of all cells, fitted on training cells. Needs mudata, scanpy,
scikit-learn. Finished rows are not repeated.
"""
import argparse, json, os, pathlib, statistics, subprocess, warnings

import anndata, mudata, numpy as np, scanpy as sc, scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import KNeighborsRegressor

warnings.filterwarnings("ignore")
SETS = {"pbmc10k": "citeseq_pbmc10k_10x", "cbmc": "citeseq_cbmc", "teaseq": "citeseq_teaseq_pbmc"}


def dense(x):
    return np.asarray(x.todense() if sp.issparse(x) else x, dtype=np.float32)


def scores(truth, predicted):
    known = [j for j in range(truth.shape[1]) if truth[:, j].std() > 0]
    r = [np.corrcoef(truth[:, j], predicted[:, j])[0, 1] if j in known and predicted[:, j].std() > 1e-6 else 0.0 for j in range(truth.shape[1])]
    return dict(pearson=float(np.mean(r)), rmse=float(np.sqrt(((truth - predicted) ** 2).mean(0)).mean()))


def expression(rna):
    a = anndata.AnnData(sp.csr_matrix(rna.X).astype(np.float32))
    sc.pp.filter_genes(a, min_cells=3)
    sc.pp.normalize_total(a, target_sum=1e4)
    sc.pp.log1p(a)
    sc.pp.highly_variable_genes(a, n_top_genes=min(2000, a.n_vars), flavor="seurat")
    return dense(a[:, a.var["highly_variable"]].X)


def peers(x, protein, test, seed):
    pca = PCA(50, svd_solver="arpack", random_state=seed).fit(x[~test])
    a, b = pca.transform(x[~test]), pca.transform(x[test])
    yield "ridge", RidgeCV(np.logspace(-2, 4, 13)).fit(a, protein[~test]).predict(b)
    for k in (15, 30, 50):
        yield f"neighbours {k}", KNeighborsRegressor(k).fit(a, protein[~test]).predict(b)


def ours(args, data, test, out):
    out.mkdir(parents=True, exist_ok=True)
    mudata.MuData({k: data.mod[k][~test].copy() for k in ("rna", "adt")}).write(out / "reference.h5mu")
    data.mod["rna"][test].copy().write_h5ad(out / "query.h5ad")
    command = [args.binary, "generate", "--reference", out / "reference.h5mu", "--query", out / "query.h5ad", "-o", out / "run", "-q"]
    for s in args.set:
        command += ["--set", s]
    subprocess.run([str(c) for c in command], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    m = mudata.read_h5mu(out / "run" / "result.h5mu").mod["adt"]
    order = m.var_names.get_indexer(data.mod["adt"].var_names)
    return dense(m.X)[:, order], dense(m.layers["sd"])[:, order], json.loads((out / "run" / "summary.json").read_text())["seconds"]["train"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default=",".join(SETS))
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--set", action="append", default=[])
    p.add_argument("--threads", type=int, default=2)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    log = args.out / "rows.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def put(row):
        rows.append(row)
        with log.open("a") as f:
            f.write(json.dumps(row) + "\n")

    for name in args.sets.split(","):
        data = mudata.read_h5mu(next((args.data / SETS[name]).glob("*.h5mu")))
        protein, x = np.log1p(dense(data.mod["adt"].X)), None
        for seed in map(int, args.seeds.split(",")):
            done = {r["method"] for r in rows if (r["data"], r["seed"]) == (name, seed)}
            test = np.zeros(data.n_obs, bool)
            test[np.random.default_rng(seed).permutation(data.n_obs)[: round(0.3 * data.n_obs)]] = True
            if "ridge" not in done:
                x = expression(data.mod["rna"]) if x is None else x
                for method, predicted in peers(x, protein, test, seed):
                    put(dict(data=name, seed=seed, method=method, **scores(protein[test], predicted)))
            if "cellweave" not in done:
                predicted, sd, seconds = ours(args, data, test, args.out / f"{name}-{seed}")
                cover = float((np.abs(protein[test] - predicted) < 1.96 * sd).mean())
                put(dict(data=name, seed=seed, method="cellweave", cover=cover, seconds=seconds, **scores(protein[test], predicted)))
    print("| data | method | seeds | Pearson | RMSE | within 1.96 sd | train s |\n|---|---|---|---|---|---|---|")
    for name in args.sets.split(","):
        for method in dict.fromkeys(r["method"] for r in rows):
            of = [r for r in rows if (r["data"], r["method"]) == (name, method)]
            if not of:
                continue
            mean = lambda key: statistics.mean(r[key] for r in of)
            spread = lambda key: statistics.pstdev(r[key] for r in of)
            rest = f"{mean('cover'):.3f} | {mean('seconds'):.0f}" if "cover" in of[0] else " | "
            print(f"| {name} | {method} | {len(of)} | {mean('pearson'):.3f} ± {spread('pearson'):.3f} | {mean('rmse'):.3f} ± {spread('rmse'):.3f} | {rest} |")


if __name__ == "__main__":
    main()
