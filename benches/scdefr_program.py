#!/usr/bin/env python3
"""The published program of scDEFR (github.com/DARKpmm/scDEFR at 0040dd03) on a CPU: seconds, memory, scores.

usage: scdefr_program.py PROGRAM FILE.h5ad OUT.json [-k CLUSTERS] [--cells N [--chosen CELLS.h5ad]] [--epochs 250] [--second 10] [--label cell_type] [--threads 2] [--time-only]

Its modules are taken as they are, with the name of the device replaced. Counts are X or the first layer of whole numbers. The second
stage's rate of 1e-8 moves nothing, so fewer epochs of it tell the same; its seconds are scaled to the published 250. k-means on
the embedding is scored with scikit-learn; the program's own choice by the labels is given beside it. Needs torch, torch_geometric,
scanpy, scikit-learn.
"""
import argparse, json, pathlib, resource, statistics, sys, time, types, warnings

import anndata, numpy as np, scanpy as sc, scipy.sparse as sp

warnings.filterwarnings("ignore")
PUBLISHED = 250


def load(folder):
    """The program's modules, on the CPU."""
    modules = {}
    for name in ["utils", "loss", "sigmalayer", "preprocess", "sigmamodel", "sigmatrain"]:
        text = (folder / f"{name}.py").read_text().replace("cuda:0", "cpu").replace("np.int)", "int)")
        module = types.ModuleType(name)
        sys.modules[name] = module
        exec(compile(text, f"{name}.py", "exec"), module.__dict__)
        modules[name] = module
    return types.SimpleNamespace(**modules)


def counts(path, label, n, chosen):
    a = anndata.read_h5ad(path)
    x = next(m for m in [a.X, *a.layers.values()] if (v := sp.csr_matrix(m).data)[:100000].size and (v == np.round(v)).all())
    known = np.ones(a.n_obs, bool) if label not in a.obs else a.obs[label].notna().values
    y = np.zeros(a.n_obs, int) if label not in a.obs else np.unique(a.obs[label].astype(str), return_inverse=True)[1]
    known = np.flatnonzero(known)
    if n and len(known) > n:
        known = np.sort(np.random.default_rng(0).choice(known, n, replace=False))
    x = sp.csr_matrix(x)[known].astype(np.float32)
    if chosen:
        anndata.AnnData(x, obs=a.obs.iloc[known], var=a.var[[]]).write_h5ad(chosen)
    return x.toarray(), y[known]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program", type=pathlib.Path)
    p.add_argument("file", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("-k", type=int, help="default: the number of labels, as the program does")
    p.add_argument("--cells", type=int, help="a random choice of so many, the same for every seed: its graph and its global fusion are dense")
    p.add_argument("--chosen", type=pathlib.Path, help="where to leave these cells, for `cellweave cluster`")
    p.add_argument("--epochs", type=int, default=PUBLISHED)
    p.add_argument("--second", type=int, default=10)
    p.add_argument("--label", default="cell_type")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--time-only", action="store_true", help="no clustering, no scores")
    args = p.parse_args()
    import torch
    import torch.nn.functional as F
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score as ari, normalized_mutual_info_score as nmi
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed), np.random.seed(args.seed)
    program = load(args.program)
    x, y = counts(args.file, args.label, args.cells, args.chosen)
    began = time.perf_counter()
    a = program.preprocess.normalize(sc.AnnData(np.ceil(x)), filter_min_counts=True, highly_genes=min(2000, x.shape[1]),
                                     size_factors=True, normalize_input=False, logtrans_input=True)
    adjacency, normal = program.utils.get_adj(a.X)
    edges = sp.coo_matrix(adjacency)
    graph_s = time.perf_counter() - began
    settings = types.SimpleNamespace(sigma=0.1, n1=24, n2=128, n3=1024, n4=a.n_vars, n_clusters=args.k or len(set(y)))
    x = torch.from_numpy(np.asarray(a.X))
    normal = torch.from_numpy(normal)
    model = program.sigmamodel.DCRN(settings, layerd=[24, 128, 1024, a.n_vars], hidden=24, zdims=24, dropout=0.01,
                                    G=torch.tensor(np.array([edges.row, edges.col]), dtype=torch.long), n_node=a.n_obs)
    target = program.sigmatrain.target_distribution
    epochs = {}

    def train(name, n, rate, weights):
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        took = []
        for _ in range(n):
            start = time.perf_counter()
            z, q, q_l, q_g, predicted, pi, theta, mean = model(x, normal)
            graph = program.loss.A_recloss(normal, predicted)
            counts = program.sigmalayer.ZINB(pi, theta=theta, ridge_lambda=0).loss(x, mean, mean=True)
            loss = weights[0] * graph + weights[1] * counts
            if len(weights) > 2:
                loss = loss + weights[2] * F.kl_div(q.log(), target(q), reduction="batchmean")
                loss = loss + weights[3] * F.binary_cross_entropy(q_g, target(q_g)) + weights[4] * F.binary_cross_entropy(q_l, target(q_l))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            took.append(time.perf_counter() - start)
        epochs[name] = took

    def clustering(z):
        start = time.perf_counter()
        z = z.detach().numpy()
        found = KMeans(settings.n_clusters, n_init=20, random_state=args.seed).fit_predict(z)
        peeking = program.utils.clustering(settings, torch.from_numpy(z), y, normal)
        return found, peeking, time.perf_counter() - start

    model.train()
    train("first", args.epochs, 5e-5, [1.0, 0.5])
    model.eval()
    with torch.no_grad():
        z = model(x, normal)[0]
    result = dict(data=args.file.name, n=a.n_obs, genes=a.n_vars, k=settings.n_clusters, seed=args.seed, threads=args.threads, graph_s=graph_s)
    cluster_s = 0.0
    if not args.time_only:
        first, (_, _, centres), cluster_s = clustering(z)
        model.cluster_centers.data = torch.tensor(centres)
    else:
        model.cluster_centers.data = z[torch.randperm(len(z))[: settings.n_clusters]].clone()
    train("second", args.second, 1e-8, [0.3, 0.1, 0.5, 0.1, 0.1])
    if not args.time_only:
        with torch.no_grad():
            z = model(x, normal)[0]
        found, (peeking_nmi, peeking_ari, _), again = clustering(z)
        cluster_s += again
        result |= dict(ari=ari(y, found), nmi=nmi(y, found), ari_first=ari(y, first), peeking_ari=peeking_ari, peeking_nmi=peeking_nmi)
    medians = {name: statistics.median(took) for name, took in epochs.items()}
    result |= {f"{name}_epoch_s": s for name, s in medians.items()}
    result["end_to_end_s"] = graph_s + cluster_s + PUBLISHED * sum(medians.values())
    result["cluster_s"], result["gib"] = cluster_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with args.out.open("a") as f:
        f.write(json.dumps(result) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
