#!/usr/bin/env python3
"""What clustering without labels reaches on the sets of scdefr_sets.py, as a table for docs/results.md.

usage: scdefr_peers.py DATA OUT [--sets worm,...] [--seeds 0,1,2,3,4] [--scvi FOLDER]

Genes of at least 3 cells, counts scaled to 10,000, ln(1 + x), 2,000 variable genes (scanpy, flavour "seurat"), 50 principal
components, 15 neighbours. The number of clusters is that of the classes but for `leiden_1`, whose resolution is 1. With --scvi, the
latent vectors that scvi_peer.py left in that folder are scored too. Needs scanpy, igraph, scikit-learn. Finished rows
are not repeated.
"""
import argparse, json, pathlib, statistics, warnings

import anndata, numpy as np, scanpy as sc, scipy.optimize, scipy.sparse as sp
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.neighbors import kneighbors_graph

from scdefr_sets import SETS, file
from scvi_peer import LABEL, NO_LABEL

warnings.filterwarnings("ignore")


def prepared(data, name):
    a = anndata.read_h5ad(file(data, name))
    x = next(m for m in [*a.layers.values(), a.X] if (v := sp.csr_matrix(m).data)[:100000].size and (v == np.round(v)).all())
    a = anndata.AnnData(sp.csr_matrix(x).astype(np.float32), obs=a.obs[[LABEL]].astype(str), var=a.var[[]].copy())
    sc.pp.filter_cells(a, min_counts=1)
    sc.pp.filter_genes(a, min_cells=3)
    sc.pp.normalize_total(a, target_sum=1e4)
    sc.pp.log1p(a)
    if a.n_vars > 2000:
        sc.pp.highly_variable_genes(a, n_top_genes=2000, flavor="seurat")
        a = a[:, a.var["highly_variable"]].copy()
    return a


def leiden(a, resolution, seed):
    sc.tl.leiden(a, resolution, flavor="igraph", n_iterations=2, directed=False, random_state=seed)
    return a.obs["leiden"].astype(str).values


def leiden_k(a, k, seed):
    low, high = 0.0, 8.0
    for _ in range(25):
        labels = leiden(a, (low + high) / 2, seed)
        n = len(set(labels))
        if n == k:
            break
        low, high = ((low + high) / 2, high) if n < k else (low, (low + high) / 2)
    return labels


def kmeans(x, k, seed):
    return KMeans(k, n_init=20, random_state=seed).fit_predict(x)


def clusterings(a, k, seed):
    sc.pp.pca(a, n_comps=min(50, a.n_vars - 1, a.n_obs - 1), random_state=seed)
    x = a.obsm["X_pca"]
    sc.pp.neighbors(a, 15, use_rep="X_pca", random_state=seed)
    edges = kneighbors_graph(x, 10, include_self=True)
    scale = sp.diags(np.asarray(edges.sum(1)).ravel() ** -0.5)
    spectral = SpectralClustering(k, affinity="precomputed", assign_labels="discretize", random_state=seed)
    yield "leiden_1", leiden(a, 1.0, seed)
    yield "leiden_k", leiden_k(a, k, seed)
    yield "kmeans", kmeans(x, k, seed)
    yield "graph_averaged_kmeans", kmeans(edges.multiply(1 / edges.sum(1)).tocsr() @ x, k, seed)
    yield "spectral", spectral.fit_predict((scale @ edges @ scale).toarray())


def scvi(folder, name, k, seed):
    path = folder / f"{name}-scvi-{seed}.h5ad"
    if folder.name and path.exists():
        a = anndata.read_h5ad(path)
        sc.pp.neighbors(a, 15, use_rep="X_scvi", random_state=seed)
        truth = a.obs[LABEL].astype(str).values
        yield "scvi_leiden_1", leiden(a, 1.0, seed), truth
        yield "scvi_leiden_k", leiden_k(a, k, seed), truth
        yield "scvi_kmeans", kmeans(a.obsm["X_scvi"], k, seed), truth


def scores(truth, found):
    known = ~np.isin(np.char.lower(truth.astype(str)), list(NO_LABEL))
    truth, found = truth[known], found[known]
    table = contingency_matrix(truth, found)
    rows, columns = scipy.optimize.linear_sum_assignment(table, maximize=True)
    return dict(ari=adjusted_rand_score(truth, found), nmi=normalized_mutual_info_score(truth, found),
                accuracy=table[rows, columns].sum() / len(truth))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path, help="a file of JSON lines")
    p.add_argument("--sets", default=",".join(SETS))
    p.add_argument("--seeds", default="0,1,2,3,4")
    p.add_argument("--scvi", type=pathlib.Path, default=pathlib.Path())
    args = p.parse_args()
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []

    def put(name, seed, method, truth, found):
        rows.append(dict(data=name, seed=seed, method=method, k=len(set(found)), **scores(truth, found)))
        with args.out.open("a") as f:
            f.write(json.dumps(rows[-1]) + "\n")

    for name in args.sets.split(","):
        done = lambda seed, method: any((r["data"], r["seed"], r["method"]) == (name, seed, method) for r in rows)
        k, a = SETS[name][1], None
        for seed in map(int, args.seeds.split(",")):
            if not done(seed, "spectral"):
                a = prepared(args.data, name) if a is None else a
                for method, found in clusterings(a, k, seed):
                    put(name, seed, method, a.obs[LABEL].values, np.asarray(found))
            if not done(seed, "scvi_kmeans"):
                for method, found, truth in scvi(args.scvi, name, k, seed):
                    put(name, seed, method, truth, np.asarray(found))
    print("| data | method | seeds | k | ARI | NMI | ACC |\n|---|---|---|---|---|---|---|")
    for name in args.sets.split(","):
        for method in dict.fromkeys(r["method"] for r in rows if r["data"] == name):
            of = [r for r in rows if (r["data"], r["method"]) == (name, method)]
            mean = lambda key: statistics.mean(r[key] for r in of)
            print(f"| {name} | {method} | {len(of)} | {mean('k'):.1f} | {mean('ari'):.3f} | {mean('nmi'):.3f} | {mean('accuracy'):.3f} |")


if __name__ == "__main__":
    main()
