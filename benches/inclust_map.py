#!/usr/bin/env python3
"""What `cellweave map` learns of features that a run has not seen, as a table for docs/results.md.

usage: inclust_map.py BINARY DATA OUT [--seeds 0,1] [--steps 0,400,1000] [--reference 800]

teaseq: `integrate` on the RNA of random cells (numpy default_rng(seed).permutation), then `map` of the others. Genes: the run has a random half of them and
`specific = true`, the new cells have that half or all. Proteins: the run has all genes, the new cells have these or the proteins too. Scored by labels that no run
was given: accuracy of the majority of a new cell's 15 nearest cells of the run, NMI of k-means (20 starts, three seeds) of the new cells. Needs mudata, scanpy, scikit-learn.
"""
import argparse, itertools, os, pathlib, statistics, subprocess, warnings

import anndata, mudata, numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score as nmi
from sklearn.neighbors import KNeighborsClassifier

from inclust_protein import SETS

warnings.filterwarnings("ignore")
LABEL = "cell_type"
# Genes that the run had, and the file of the new cells.
SITUATIONS = [("half", "half.h5ad"), ("half", "all.h5ad"), ("all", "all.h5ad"), ("all", "both.h5mu")]


def command(args, verb, *rest):
    """Runs once per folder."""
    out = pathlib.Path(rest[-1])
    if not (out / "summary.json").exists():
        whole = [args.binary, verb, *rest[:-1], "-o", out, "-q"]
        subprocess.run([str(c) for c in whole], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    path = out / "result.h5ad"
    return (anndata.read_h5ad(path) if path.exists() else mudata.read_h5mu(out / "result.h5mu")).obsm["X_inclust"]


def without_obs(a):
    a = a.copy()
    a.obs = a.obs[[]]
    return a


def scores(of_run, known, z, truth):
    right = KNeighborsClassifier(15).fit(of_run, known).predict(z) == truth
    found = [KMeans(len(set(truth)), n_init=20, random_state=i).fit_predict(z) for i in range(3)]
    return right.mean(), statistics.mean(nmi(truth, f) for f in found)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--seeds", default="0,1")
    p.add_argument("--steps", default="0,400,1000")
    p.add_argument("--reference", type=int, default=800)
    p.add_argument("--threads", type=int, default=2)
    args = p.parse_args()
    data = mudata.read_h5mu(next((args.data / SETS["teaseq"]).glob("*.h5mu")))
    rna, adt = data.mod["rna"], data.mod["adt"]
    labels = (data.obs if LABEL in data.obs else rna.obs)[LABEL].astype(str).reindex(rna.obs_names).values
    rows = {}
    for seed in map(int, args.seeds.split(",")):
        random = np.random.default_rng(seed)
        order = random.permutation(rna.n_obs)
        half = np.sort(random.permutation(rna.n_vars)[: rna.n_vars // 2])
        known, new = order[: args.reference], order[args.reference :]
        folder = args.out / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        cells = {"half": without_obs(rna[new][:, half]), "all": without_obs(rna[new])}
        for name, a in cells.items():
            a.write_h5ad(folder / f"{name}.h5ad")
        mudata.MuData({"rna": cells["all"], "adt": without_obs(adt[rna.obs_names[new]])}).write(folder / "both.h5mu")
        of_run = {}
        for run, genes, setting in [("half", half, ["--set", "specific=true"]), ("all", slice(None), [])]:
            without_obs(rna[known][:, genes]).write_h5ad(folder / f"reference-{run}.h5ad")
            of_run[run] = command(args, "integrate", folder / f"reference-{run}.h5ad", "--seed", seed, *setting, folder / f"run-{run}")
        for (run, file), steps in itertools.product(SITUATIONS, args.steps.split(",")):
            z = command(args, "map", folder / file, "--onto", folder / f"run-{run}", "--steps", steps, folder / f"{file}-onto-{run}-{steps}")
            rows.setdefault((run, file, steps), []).append(scores(of_run[run], labels[known], z, labels[new]))
    seeds = args.seeds.split(",")
    print("| run on | new cells have | steps |", " | ".join(f"seed {s}" for s in seeds), "|\n|---|---|---|" + "---|" * len(seeds))
    for (run, file, steps), each in rows.items():
        print(f"| {run} genes | {file} | {steps} |", " | ".join(f"{a:.3f} / {n:.3f}" for a, n in each), "|")


if __name__ == "__main__":
    main()
