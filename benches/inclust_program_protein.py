#!/usr/bin/env python3
"""Protein from RNA by the published inClust+ program, on the cells of `inclust_protein.py`.

usage: inclust_program_protein.py PROGRAM DATA OUT --stage prepare|train|score [--sets pbmc10k,...] [--seeds 0,1,2]

PROGRAM as for `inclust_program.py`, and the same environments. Its layout for generation: rows of training cells RNA -> RNA and RNA -> protein, of the others
RNA -> RNA; logarithms scaled to 0 to 1; its semi-supervised mode with the training cells' types; its defaults (50 epochs, batches of 500).
"""
import argparse, pathlib, sys

import numpy as np

from inclust_program import run

GENERATION = ["--mode=semi_supervised", "--task=generation"]


def cells(args, name, seed):
    import mudata
    from inclust_protein import SETS, dense
    data = mudata.read_h5mu(next((args.data / SETS[name]).glob("*.h5mu")))
    test = np.zeros(data.n_obs, bool)
    test[np.random.default_rng(seed).permutation(data.n_obs)[: round(0.3 * data.n_obs)]] = True
    return data, np.log1p(dense(data.mod["adt"].X)), test


def prepare(args, name, seed, folder):
    from inclust_protein import expression
    data, protein, test = cells(args, name, seed)
    rna = expression(data.mod["rna"])
    rna, protein = rna / np.maximum(rna.max(0), 1e-9), protein / protein[~test].max(0)
    types = data.mod["rna"].obs["cell_type"].astype(str).values
    labels = (types[:, None] == np.unique(types[~test])[None]).astype(np.float32)
    n, m = int((~test).sum()), int(test.sum())
    known = np.hstack([rna, protein])[~test]
    unknown = np.hstack([rna[test], np.zeros((m, protein.shape[1]))])
    of = lambda cells, a, b: np.tile(np.r_[np.full(rna.shape[1], a), np.full(protein.shape[1], b)], (cells, 1))
    arrays = {
        "data": np.vstack([known, known, unknown]),
        "seen": np.vstack([of(n, 1, 0), of(n, 1, 0), of(m, 1, 0)]),
        "scored": np.vstack([of(n, 1, 0), of(n, 0, 1), of(m, 1, 0)]),
        "covariates": np.eye(3)[[0] * (2 * n) + [2] * m],
        "labels": np.vstack([labels[~test], labels[~test], np.zeros((m, labels.shape[1]))]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for key, value in arrays.items():
        np.save(folder / f"{key}.npy", value.astype(np.float32))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default="pbmc10k,cbmc,teaseq")
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--stage", choices=["prepare", "train", "score"], required=True)
    args = p.parse_args()
    args.program, args.data, args.out = args.program.resolve(), args.data.resolve(), args.out.resolve()
    for name in args.sets.split(","):
        found = []
        for seed in map(int, args.seeds.split(",")):
            folder = args.out / f"{name}-{seed}"
            if args.stage == "prepare":
                prepare(args, name, seed, folder)
            elif args.stage == "train":
                run(args, folder, seed, 50, "T", GENERATION)
                run(args, folder, seed, 1, "F", GENERATION)
            else:
                from inclust_protein import scores
                _, protein, test = cells(args, name, seed)
                predicted = np.load(folder / "results/reconstruction.npy")[:, -protein.shape[1]:] * protein[~test].max(0)
                found.append(scores(protein[test], predicted))
        if found:
            mean = lambda key: f"{np.mean([f[key] for f in found]):.3f} ± {np.std([f[key] for f in found]):.3f}"
            print(f"| {name} | published program | {len(found)} | {mean('pearson')} | {mean('rmse')} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
