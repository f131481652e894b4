#!/usr/bin/env python3
"""Integration: `cellweave integrate` beside principal components and scVI, as a table for docs/results.md.

usage: inclust_integration.py BINARY DATA OUT [--sets mixology,...] [--methods cellweave,pca,scvi] [--seeds 0,1,2] [--set KEY=VALUE]

Sets: the same three cell lines by two technologies (mixology), fourteen libraries of one tissue in two conditions (zilionis), two experiments of which
one has labels (pbmc), one CITE-seq set cut at random into cells with RNA and protein, with RNA, with protein (mosaic). Every embedding is scored by
scib-metrics (0.4 batch + 0.6 biology, the means of its defaults; kBET per label), labels of cells without one left out. No method is given labels.
Finished runs are not repeated.
"""
import argparse, json, pathlib, subprocess, sys, warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
SETS = {"mixology": "cell_type", "zilionis": "cell_type", "pbmc": "singler_rna_main", "mosaic": "singler_rna_main"}
UNKNOWN = {"", "nan", "none", "na", "unknown", "unassigned", "undefined", "unmatched", "ambiguous", "doublet"}


def inputs(args, name):
    """Files for the command, its further arguments, and the same cells as (batch, label, counts of RNA, counts of protein)."""
    import anndata as ad, mudata as md
    folder = args.out / name
    folder.mkdir(parents=True, exist_ok=True)
    data = args.data
    if name == "mixology":
        files = [data / "scrna_mixology_3cl/sc_celseq2.h5ad", data / "scrna_mixology_3cl/sc_dropseq.h5ad"]
        parts = [(ad.read_h5ad(f), None) for f in files]
        return files, [], parts
    if name == "zilionis":
        file = data / "scrna_zilionis_mouse_lung/scrna_zilionis_mouse_lung.h5ad"
        return [file], ["--batch", "batch"], [(ad.read_h5ad(file), None)]
    cite = md.read_h5mu(data / "citeseq_pbmc10k_10x/citeseq_pbmc10k_10x.h5mu")
    if name == "pbmc":
        first, second = folder / "pbmc10k.h5ad", data / "citeseq_pbmc10k_10x/pbmc5k_rna_only.h5ad"
        if not first.exists():
            cite["rna"].write_h5ad(first)
        return [first, second], [], [(cite["rna"], None), (ad.read_h5ad(second), None)]
    split = np.random.default_rng(0).integers(0, 3, cite.n_obs)
    files, parts = [folder / "both.h5mu", folder / "rna.h5mu", folder / "protein.h5mu"], []
    for place, (file, keys) in enumerate(zip(files, [["rna", "adt"], ["rna"], ["adt"]])):
        of = {key: cite[key][split == place].copy() for key in keys}
        if not file.exists():
            md.MuData(of).write_h5mu(file)
        parts.append((of.get("rna"), of.get("adt")))
    return files, [], parts


def joint(name, parts):
    """One table of RNA (and protein) counts with zeros where nothing was measured, batches and labels."""
    import anndata as ad
    rna = [p[0] for p in parts if p[0] is not None]
    genes = [g for g in rna[0].var_names if all(g in set(r.var_names) for r in rna[1:])]
    proteins = [p[1] for p in parts if p[1] is not None]
    names = list(proteins[0].var_names) if proteins else []
    tables, batch, label = [], [], []
    for place, (r, p) in enumerate(parts):
        one = r if r is not None else p
        x = np.zeros((one.n_obs, len(genes) + len(names)), dtype=np.float32)
        if r is not None:
            x[:, : len(genes)] = r[:, genes].X.toarray()
        if p is not None:
            x[:, len(genes):] = p.X.toarray()
        tables.append(x)
        batch += list(one.obs["batch"].astype(str)) if name == "zilionis" else [str(place)] * one.n_obs
        key = SETS.get(name)
        label += list(one.obs[key].astype(str)) if key in one.obs else [""] * one.n_obs
    a = ad.AnnData(np.vstack(tables))
    a.obs["batch"], a.obs["label"] = pd.Categorical(batch), label
    a.var["protein"] = [False] * len(genes) + [True] * len(names)
    return a


def variable(a):
    """The 2,000 most variable genes, and all proteins; logarithms in a layer."""
    import scanpy as sc
    rna, protein = a[:, ~a.var["protein"]].copy(), a[:, a.var["protein"]].copy()
    sc.pp.filter_genes(rna, min_cells=3)
    counts = rna.X.copy()
    totals = counts.sum(1, keepdims=True)
    rna.X = np.log1p(counts / np.maximum(totals, 1) * 1e4)
    rna.layers["counts"] = counts
    if rna.n_vars > 2000:
        sc.pp.highly_variable_genes(rna, n_top_genes=2000)
        rna = rna[:, rna.var["highly_variable"]].copy()
    return rna, protein


def pca(a, seed):
    import scanpy as sc
    rna, protein = variable(a)
    x = rna.X
    if protein.n_vars:
        # One protein weighs as much as a gene that varies strongly.
        y = np.log1p(protein.X)
        x = np.hstack([x, y / y.std() * x.std() * np.sqrt(x.shape[1] / y.shape[1])])
    return sc.pp.pca(np.asarray(x), n_comps=50, random_state=seed)


def scvi(a, seed):
    import anndata as ad, scvi as tools, torch
    torch.set_num_threads(1)
    tools.settings.seed = seed
    rna, protein = variable(a)
    counts = np.hstack([rna.layers["counts"], protein.X])
    one = ad.AnnData(counts, obs=a.obs.copy())
    one = one[np.asarray(counts.sum(1)).ravel() > 0].copy()
    tools.model.SCVI.setup_anndata(one, batch_key="batch")
    model = tools.model.SCVI(one)
    model.train(accelerator="cpu", enable_progress_bar=False)
    return model.get_latent_representation()


def cellweave(args, name, seed):
    import anndata as ad, mudata as md
    files, more, _ = inputs(args, name)
    out = args.out / name / f"cellweave{args.tag}-{seed}"
    if not (out / "summary.json").exists():
        command = [args.binary, "integrate", *files, *more, "-o", out, "--seed", seed, "-q"]
        for s in args.set:
            command += ["--set", s]
        subprocess.run([str(c) for c in command], check=True, env={"RAYON_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"})
    result = out / "result.h5ad"
    m = ad.read_h5ad(result) if result.exists() else md.read_h5mu(out / "result.h5mu")
    return m.obsm["X_inclust"]


def score(z, before, batch, label):
    """scib-metrics, with exact neighbours."""
    import scib_metrics as sm
    from scib_metrics.nearest_neighbors import NeighborsResults
    from sklearn.neighbors import NearestNeighbors

    def lists(z, k):
        distances, indices = NearestNeighbors(n_neighbors=k).fit(z).kneighbors(z)
        return NeighborsResults(indices=indices, distances=distances)

    z = np.asarray(z, dtype=np.float32)
    known = np.array([str(l).lower() not in UNKNOWN for l in label])
    of, b = z[known], batch[known]
    l = np.array([str(v) for v in label])[known]
    shared = any(len(set(b[l == v])) > 1 for v in set(l))
    clusters = sm.nmi_ari_cluster_labels_kmeans(of, l)
    attempt = lambda f: float(f())
    return {
        "iLISI": attempt(lambda: sm.ilisi_knn(lists(z, 90), batch)),
        "kBET": attempt(lambda: sm.kbet_per_label(lists(of, 50), b, l)) if shared else None,
        "BRAS": attempt(lambda: sm.bras(of, l, b)) if shared else None,
        "graph": attempt(lambda: sm.graph_connectivity(lists(of, 15), l)),
        "PCR": attempt(lambda: sm.pcr_comparison(before, z, batch, categorical=True)),
        "cLISI": attempt(lambda: sm.clisi_knn(lists(of, 90), l)),
        "silhouette": attempt(lambda: sm.silhouette_label(of, l)),
        "isolated": attempt(lambda: sm.isolated_labels(of, l, b)),
        "NMI": float(clusters["nmi"]),
        "ARI": float(clusters["ari"]),
    }


BATCH, BIO = ["iLISI", "kBET", "BRAS", "graph", "PCR"], ["cLISI", "silhouette", "isolated", "NMI", "ARI"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default=",".join(SETS))
    p.add_argument("--methods", default="cellweave,pca,scvi")
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--tag", default="", help="name of a variant of our settings")
    p.add_argument("--set", action="append", default=[])
    args = p.parse_args()
    mean = lambda s, keys: float(np.mean([s[k] for k in keys if s[k] is not None]))
    print("| data | method | batch | biology | total | " + " | ".join(BATCH + BIO) + " |\n" + "|---" * (5 + len(BATCH + BIO)) + "|")
    totals = {}
    for name in args.sets.split(","):
        _, _, parts = inputs(args, name)
        a = joint(name, parts)
        batch, label = np.array(a.obs["batch"].astype(str)), np.array(a.obs["label"])
        before = None
        for method in args.methods.split(","):
            rows = []
            for seed in map(int, args.seeds.split(",")):
                if method == "pca" and rows:
                    continue
                tag = args.tag if method == "cellweave" else ""
                file = args.out / name / f"{method}{tag}-{seed}.json"
                if not file.exists():
                    if before is None:
                        before = pca(a, 0)
                    z = {"pca": lambda: before, "scvi": lambda: scvi(a, seed), "cellweave": lambda: cellweave(args, name, seed)}[method]()
                    file.write_text(json.dumps(score(z, before, batch, label)))
                rows.append(json.loads(file.read_text()))
            s = {k: None if rows[0][k] is None else float(np.mean([r[k] for r in rows])) for k in BATCH + BIO}
            b, o = mean(s, BATCH), mean(s, BIO)
            totals.setdefault(method, []).append((b, o, 0.4 * b + 0.6 * o))
            show = " | ".join("-" if s[k] is None else f"{s[k]:.3f}" for k in BATCH + BIO)
            print(f"| {name} | {method} | {b:.3f} | {o:.3f} | {0.4 * b + 0.6 * o:.3f} | {show} |", flush=True)
    for method, rows in totals.items():
        b, o, t = np.mean(rows, axis=0)
        print(f"| mean | {method} | {b:.3f} | {o:.3f} | {t:.3f} |")


if __name__ == "__main__":
    sys.exit(main())
