#!/usr/bin/env python3
"""Labels from a CITE-seq reference to cells with RNA alone, one class hidden: `cellweave transfer` beside others, as a table for docs/results.md.

usage: inclust_transfer.py BINARY DATA OUT [--sets pbmc10k,...] [--seeds 0,1,2] [--set KEY=VALUE]

A random 30 % of the labelled cells (numpy default_rng(seed).permutation) is the query, without protein and labels; of the reference one class is taken away.
Accuracy of the most likely label over the query's cells of known classes; expected calibration error of the confidence (15 bins) over the same;
area under the ROC curve of the novelty, hidden class against known ones. Peers on 50 principal components of 2,000 variable genes: logistic regression, neighbours
(15); their novelty is 1 - confidence. Needs mudata, scanpy, scikit-learn.
"""
import argparse, json, os, pathlib, statistics, subprocess, warnings

import anndata, mudata, numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from inclust_protein import SETS, expression

warnings.filterwarnings("ignore")
LABELS = {"pbmc10k": ("cell_type_l2", "CD16+ NK"), "cbmc": ("cell_type", "NK"), "teaseq": ("cell_type", "NK")}
NO_LABEL = {"nan", "none", "na", "unknown", "unassigned", "undefined", "unmatched", "ambiguous", "doublet", ""}


def calibration(confidence, right, bins=15):
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return sum(abs(right[place == b].mean() - confidence[place == b].mean()) * (place == b).mean() for b in range(bins) if (place == b).any())


def scores(truth, hidden, label, confidence, novelty, called=None):
    known = truth != hidden
    right = label[known] == truth[known]
    called = np.zeros(len(truth), bool) if called is None else called
    return dict(unknown_known=float(called[known].mean()), unknown_hidden=float(called[~known].mean()), accuracy=float(right.mean()), calibration=float(calibration(confidence[known], right)), auroc=float(roc_auc_score(~known, novelty)))


def ours(args, data, query, rows, key, out):
    out.mkdir(parents=True, exist_ok=True)
    mudata.MuData({k: data.mod[k][rows].copy() for k in ("rna", "adt")}).write(out / "reference.h5mu")
    q = data.mod["rna"][query].copy()
    q.obs = q.obs[[]]
    q.write_h5ad(out / "query.h5ad")
    command = [args.binary, "transfer", "--reference", out / "reference.h5mu", "--query", out / "query.h5ad", "--labels", key, "-o", out / "run", "-q"]
    for s in args.set:
        command += ["--set", s]
    subprocess.run([str(c) for c in command], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    a = anndata.read_h5ad(out / "run" / "result.h5ad").obs.loc[q.obs_names]
    called = (a["inclust_label"].astype(str) == "unknown").values
    return a["inclust_best_label"].astype(str).values, a["inclust_confidence"].values, a["inclust_novelty"].values, called


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default=",".join(LABELS))
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--set", action="append", default=[])
    p.add_argument("--threads", type=int, default=2)
    args = p.parse_args()
    print("| data (hidden class) | method | seeds | accuracy | calibration error | AUROC of the hidden class | called unknown: known, hidden |\n|---|---|---|---|---|---|---|")
    for name in args.sets.split(","):
        key, hidden = LABELS[name]
        data = mudata.read_h5mu(next((args.data / SETS[name]).glob("*.h5mu")))
        rna = data.mod["rna"]
        labels = (rna.obs[key] if key in rna.obs else data.obs[key]).astype(str).values
        for m in data.mod.values():
            m.obs[key] = labels
        x, rows = expression(rna), {}
        for seed in map(int, args.seeds.split(",")):
            known = np.flatnonzero([l.lower() not in NO_LABEL for l in labels])
            order = np.random.default_rng(seed).permutation(known)
            query, reference = np.sort(order[: round(0.3 * len(order))]), np.sort(order[round(0.3 * len(order)) :])
            reference = reference[labels[reference] != hidden]
            pca = PCA(50, svd_solver="arpack", random_state=seed).fit(x[reference])
            a, b = pca.transform(x[reference]), pca.transform(x[query])
            for method, model in (("logistic regression", LogisticRegression(max_iter=2000)), ("neighbours 15", KNeighborsClassifier(15))):
                p = model.fit(a, labels[reference]).predict_proba(b)
                found = model.classes_[p.argmax(1)], p.max(1), 1 - p.max(1)
                rows.setdefault(method, []).append(scores(labels[query], hidden, *found))
            found = ours(args, data, query, reference, key, args.out / f"{name}-{seed}")
            rows.setdefault("cellweave", []).append(scores(labels[query], hidden, *found))
        for method, of in rows.items():
            mean = lambda k: statistics.mean(r[k] for r in of)
            print(f"| {name} ({hidden}) | {method} | {len(of)} | {mean('accuracy'):.3f} | {mean('calibration'):.3f} | {mean('auroc'):.3f} | {mean('unknown_known'):.3f}, {mean('unknown_hidden'):.3f} |", flush=True)
            with (args.out / "rows.jsonl").open("a") as f:
                f.write(json.dumps(dict(data=name, method=method, rows=of)) + "\n")


if __name__ == "__main__":
    main()
