#!/usr/bin/env python3
"""Seconds per epoch of the published inClust+ program and of ours, in turn, on the layouts of its tasks.

usage: inclust_speed.py PROGRAM DATA OUT --stage prepare|time [--tasks imputation,...] [--binary BINARY] [--rounds 5] [--over 20] [--threads 2] [--set KEY=VALUE]

PROGRAM as for `inclust_program.py`, and the same environments: prepare with scanpy's, time with TensorFlow's. Layouts, as (seen -> scored):

  published     common -> all of one half of its own scRNA data (153 genes), common -> common of the other, which lacks the 31 genes that it imputes
  imputation    the same of pbmc10k and pbmc5k, 2,000 genes, a fifth of which pbmc5k lacks
  paired        RNA -> RNA, RNA -> protein, protein -> protein, protein -> RNA of pbmc10k
  paired_batch  the same in two batches
  mosaic        of two halves that share proteins, one with 1,000 genes, the other with 1,000 genes on and off for a third modality: genes -> genes,
                proteins -> proteins, proteins -> genes
  generation    RNA -> RNA and RNA -> protein of pbmc10k, RNA -> RNA of pbmc5k
  unmasked      all -> all of pbmc10k and pbmc5k: none of its tasks, the layout in which it computes least in vain

Both train the same network (200, 50; 200; no dropout, no normalisation) with the same loss (squared errors of sigmoids) on values scaled to 0 to 1, in
steps of 500 rows, unsupervised with 20 components. An epoch is the time from the end of one to the end of the next, compiling left out: the program's by a
callback, ours by the difference of a short and a long run.
"""
import argparse, contextlib, json, os, pathlib, shutil, subprocess, sys, time

import numpy as np

TASKS = ["published", "imputation", "paired", "paired_batch", "mosaic", "generation", "unmasked"]
# The network and the values of the program; no clipping and no decay either.
SAME = ["model.encoder=[200,50]", "model.n_latent=50", "model.decoder=[200]", "model.dropout=0", "model.input_dropout=0", "model.normalization=none",
        "model.conditional_decoder=false", "n_components=20", "n_models=1", "n_top_genes=0", "min_cells=0", "target_sum=1e4", "scaling=by_maximum",
        'likelihoods.rna={squared="sigmoid"}', 'likelihoods.chromatin={squared="sigmoid"}', "train.clip_norm=0", "train.weight_decay=0", "train.checkpoint_every=1000"]


def prepare(args, task):
    import anndata as ad, mudata as md, scanpy as sc
    folder = args.out / task
    folder.mkdir(parents=True, exist_ok=True)
    blocks, counts = [], []  # (values, batch, seen groups, scored groups) of rows, and groups of features

    def file(name, **modalities):
        """Writes cells as ours is given them."""
        modalities = {key: ad.AnnData(m.X.copy(), obs=m.obs[[]].copy(), var=m.var[[]].copy()) for key, m in modalities.items()}
        path = folder / (name + (".h5ad" if list(modalities) == ["rna"] else ".h5mu"))
        modalities["rna"].write_h5ad(path) if path.suffix == ".h5ad" else md.MuData(modalities).write_h5mu(path)
        return str(path.resolve())

    def expression(m):
        x = np.asarray(m.X.toarray() if hasattr(m.X, "toarray") else m.X, np.float32)
        if task != "published":
            x = np.log1p(x / np.maximum(x.sum(1, keepdims=True), 1) * 1e4)
        return x / np.maximum(x.max(0), 1e-9)

    def protein(m):
        x = np.log1p(np.asarray(m.X.toarray() if hasattr(m.X, "toarray") else m.X, np.float32))
        return x / np.maximum(x.max(0), 1e-9)

    if task == "published":
        a = ad.read_h5ad(args.data / "inclustplus_moffitt_scrna/inclustplus_moffitt_scrna.h5ad")
        half = np.random.default_rng(0).permutation(a.n_obs) < a.n_obs // 2
        missing = a.var["imputation_target"].values.astype(bool)
        first, second = a[half], a[~half]
    else:
        cite = md.read_h5mu(args.data / "citeseq_pbmc10k_10x/citeseq_pbmc10k_10x.h5mu")
        other = ad.read_h5ad(args.data / "citeseq_pbmc10k_10x/pbmc5k_rna_only.h5ad")
        genes = [g for g in cite["rna"].var_names if g in set(other.var_names)]
        rna, other = cite["rna"][:, genes].copy(), other[:, genes].copy()
        log = sc.pp.log1p(sc.pp.normalize_total(rna, 1e4, copy=True), copy=True)
        sc.pp.highly_variable_genes(log, n_top_genes=2000)
        used = log.var["highly_variable"].values
        first, second, adt = rna[:, used], other[:, used], cite["adt"]
        missing = np.random.default_rng(0).permutation(first.n_vars) < first.n_vars // 5
    if task in ("published", "imputation"):
        command = ["impute", "--reference", file("reference", rna=first), "--query", file("query", rna=second[:, ~missing])]
        y = expression(second)
        y[:, missing] = 0
        counts = missing
        blocks = [(expression(first), 0, [0], [0, 1]), (y, 1, [0], [0])]
    elif task == "unmasked":
        command = ["integrate", file("first", rna=first), file("second", rna=second)]
        counts = np.zeros(first.n_vars)
        blocks = [(expression(first), 0, [0], [0]), (expression(second), 1, [0], [0])]
    elif task == "mosaic":
        half, late = np.random.default_rng(0).permutation(first.n_obs) < first.n_obs // 2, np.arange(first.n_vars) >= first.n_vars // 2
        peaks = first[:, late].copy()
        peaks.X = (peaks.X > 0).astype(np.float32)
        command = ["integrate", file("first", rna=first[half][:, ~late], adt=adt[half]), file("second", atac=peaks[~half], adt=adt[~half])]
        x = np.hstack([expression(first[:, ~late]), peaks.X.toarray(), protein(adt)])
        counts = np.r_[late.astype(int), np.full(adt.n_vars, 2)]
        for cells, own, batch in [(half, 0, 0), (~half, 1, 1)]:
            of = np.where(np.isin(counts, [own, 2])[None], x[cells], 0)
            blocks += [(of, batch, [own], [own]), (of, batch, [2], [2]), (of, batch, [2], [own])]
    else:
        x = np.hstack([expression(first), protein(adt)])
        counts = np.r_[np.zeros(first.n_vars), np.ones(adt.n_vars)]
        ways = [([0], [0]), ([0], [1])] if task == "generation" else [([0], [0]), ([0], [1]), ([1], [1]), ([1], [0])]
        half = np.random.default_rng(0).permutation(first.n_obs) < first.n_obs // 2
        parts = [half, ~half] if task == "paired_batch" else [np.ones(first.n_obs, bool)]
        for batch, cells in enumerate(parts):
            blocks += [(x[cells], batch, seen, scored) for seen, scored in ways]
        if task == "generation":
            files = [file("reference", rna=first, adt=adt), file("query", rna=second)]
            command = ["generate", "--reference", files[0], "--query", files[1]]
            blocks.append((np.hstack([expression(second), np.zeros((second.n_obs, adt.n_vars))]), 1, [0], [0]))
        else:
            command = ["integrate", *[file(f"part{i}", rna=first[c], adt=adt[c]) for i, c in enumerate(parts)]]
    plan = {"published": "imputation", "unmasked": "from_shared", "paired_batch": "paired"}.get(task, task)
    (folder / "command.json").write_text(json.dumps(command + ["--set", f"plan={plan}"]))
    n_cells = first.n_obs if task in ("paired", "paired_batch", "mosaic") else first.n_obs + second.n_obs
    (folder / "cells.json").write_text(json.dumps(n_cells))
    batches = 1 + max(b[1] for b in blocks)
    of = lambda groups, cells: np.tile(np.isin(counts, groups), (cells, 1))
    arrays = {
        "data": np.vstack([b[0] for b in blocks]),
        "seen": np.vstack([of(b[2], len(b[0])) for b in blocks]),
        "scored": np.vstack([of(b[3], len(b[0])) for b in blocks]),
        "covariates": np.vstack([np.tile(np.eye(batches)[b[1]], (len(b[0]), 1)) for b in blocks]),
        "labels": np.zeros((sum(len(b[0]) for b in blocks), 20)),
    }
    for key, value in arrays.items():
        np.save(folder / f"{key}.npy", value.astype(np.float32))


def theirs(args, folder):
    """Seconds of an epoch of the program."""
    import tf_keras
    from inclust_program import run
    ends = []
    record = tf_keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()))
    fit = tf_keras.Model.fit
    tf_keras.Model.fit = lambda self, *a, **k: fit(self, *a, **{**k, "verbose": 0, "callbacks": [record, *(k.get("callbacks") or [])]})
    try:
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
            run(args, folder, 0, 2 + args.over, "T")
    finally:
        tf_keras.Model.fit = fit
    return (ends[-1] - ends[1]) / (len(ends) - 2)


def ours(args, folder, epochs):
    """Seconds of training for that many epochs."""
    out = folder / "ours"
    shutil.rmtree(out, ignore_errors=True)
    settings = SAME + [f"train.epochs={epochs}"] + (["allow_non_integer=true"] if folder.name == "published" else [])
    rows, cells = len(np.load(folder / "data.npy", mmap_mode="r")), json.loads((folder / "cells.json").read_text())
    # As many rows per step as the program has.
    size = round(500 * cells / rows)
    # Its gradients in a part per thread.
    settings += [f"train.batch_size={size}", f"train.micro_batch={-(-size // args.threads)}", *args.set]
    command = [args.binary, *json.loads((folder / "command.json").read_text()), "-o", out, "-q"] + [x for s in settings for x in ("--set", s)]
    subprocess.run([str(c) for c in command], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    return json.loads((out / "summary.json").read_text())["seconds"]["train"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--stage", choices=["prepare", "time"], required=True)
    p.add_argument("--tasks", default=",".join(TASKS))
    p.add_argument("--binary", type=pathlib.Path)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--over", type=int, default=20, help="epochs that are timed")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--set", action="append", default=[], help="a setting of the command")
    args = p.parse_args()
    args.program, args.data, args.out, args.binary = (path and path.resolve() for path in (args.program, args.data, args.out, args.binary))
    for task in args.tasks.split(","):
        folder = args.out / task
        if args.stage == "prepare":
            prepare(args, task)
            continue
        rows, features = np.load(folder / "data.npy", mmap_mode="r").shape
        rounds = [(theirs(args, folder), (ours(args, folder, 2 + args.over) - ours(args, folder, 2)) / args.over) for _ in range(args.rounds)]
        ratios = [a / b for a, b in rounds]
        cell = lambda values, digits: ", ".join(f"{v:.{digits}f}" for v in values)
        columns = [f"{rows:,} x {features:,}", *(cell(v, 2) for v in zip(*rounds)), cell(ratios, 1), f"**{np.median(ratios):.1f}**"]
        print(f"| {task} | {' | '.join(columns)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
