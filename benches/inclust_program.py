#!/usr/bin/env python3
"""The published inClust+ program on the sets of `inclust_integration.py`, without labels, and seconds per epoch.

usage: inclust_program.py PROGRAM DATA OUT [--sets mixology,...] [--seeds 0] [--steps 1600] [--time] [--beside BINARY] [--set KEY=VALUE]

PROGRAM is a checkout of its repository. What is changed, in memory: the names of the Keras modules, and plotting libraries that it loads and does not
use. It is given what it asks for: logarithms scaled to 0 to 1 per data set and gene, all masks on, a covariate per batch, no labels, its unsupervised mode
with 20 clusters, its sizes, batches of 500, and as many epochs as give it the same number of steps as ours (its default is 50 epochs). Embeddings are what
it saves, a draw of the latent vector less the covariates' part; they are scored as the others are. Needs TensorFlow and tf_keras to train
(run with that Python), and the environment of `inclust_integration.py` to prepare and to score (--stage). The set `paired`, for times alone, is a CITE-seq
set in its layout for paired data, four rows per cell. With --beside, `integrate` at its widths is timed after it, with the same plan.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, time, types

import numpy as np


def prepare(args):
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    import inclust_integration as bench
    for name in args.sets.split(","):
        files, more, parts = bench.inputs(args, name)
        a = bench.joint(name, parts)
        rna, protein = bench.variable(a)
        x = np.hstack([np.asarray(rna.X), np.log1p(protein.X)]).astype(np.float32)
        batch = np.array(a.obs["batch"].astype(str))
        part = np.repeat(np.arange(len(parts)), [(p[0] if p[0] is not None else p[1]).n_obs for p in parts])
        for file in set(part):
            top = x[part == file].max(0)
            x[part == file] /= np.where(top > 0, top, 1)
        names = sorted(set(batch))
        covariates = (batch[:, None] == np.array(names)[None]).astype(np.float32)
        folder = args.out / name / "program"
        folder.mkdir(parents=True, exist_ok=True)
        seen = scored = np.ones_like(x)
        if name == bench.PAIRED:
            # Its layout for paired data: RNA -> RNA, RNA -> protein, protein -> protein, protein -> RNA.
            of = lambda protein: np.tile((np.arange(x.shape[1]) >= rna.n_vars) == protein, (len(x), 1)).astype(np.float32)
            seen = np.vstack([of(p) for p in (False, False, True, True)])
            scored = np.vstack([of(p) for p in (False, True, True, False)])
            x, covariates = np.tile(x, (4, 1)), np.tile(covariates, (4, 1))
        (folder / "inputs.json").write_text(json.dumps([str(f.resolve()) for f in files] + more))
        labels = np.zeros((len(x), 20), np.float32)
        for key, value in {"data": x, "covariates": covariates, "labels": labels, "seen": seen, "scored": scored}.items():
            np.save(folder / f"{key}.npy", value)


def run(args, folder, seed, epochs, training, more=()):
    import tensorflow as tf, tf_keras
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf_keras.utils.set_random_seed(seed)
    sys.modules["keras"] = tf_keras
    for key in ["layers", "models", "backend", "optimizers", "utils"]:
        sys.modules[f"keras.{key}"] = getattr(tf_keras, key)
    for key in ["sklearn", "sklearn.decomposition", "sklearn.model_selection", "sklearn.manifold", "matplotlib", "matplotlib.pyplot", "seaborn"]:
        module = types.ModuleType(key)
        for used in ["PCA", "train_test_split", "TSNE"]:
            setattr(module, used, None)
        sys.modules[key] = module
    source = (args.program / "2_inClust+.py").read_text()
    names = {"inputdata": "data", "input_covariates": "covariates", "inputcelltype": "labels", "input_mask": "seen", "output_mask": "scored"}
    sys.argv = ["inClust+"] + [f"--{k}={folder / v}.npy" for k, v in names.items()]
    sys.argv += ["--mode=unsupervised", f"--epochs={epochs}", f"--training={training}", f"--weights={folder}/results/training.weight", "--last_activation=sigmoid", *more]
    os.chdir(folder)
    (folder / "results").mkdir(exist_ok=True)
    tf_keras.backend.clear_session()
    begin = time.time()
    try:
        exec(compile(source, "inClust+", "exec"), {"__name__": "__main__", "exit": lambda: (_ for _ in ()).throw(SystemExit)})
    except SystemExit:
        pass
    return time.time() - begin


def ours(args, name, epochs):
    """Seconds of training of `integrate` on the same cells, at the program's widths."""
    inputs = json.loads((args.out / name / "program/inputs.json").read_text())
    out = args.out / name / f"beside-{epochs}"
    shutil.rmtree(out, ignore_errors=True)
    settings = ["model.encoder=[200,50]", "model.n_latent=50", "model.decoder=[200]", "train.batch_size=500", "train.micro_batch=500", "n_components=20",
                f"train.epochs={epochs}", "train.checkpoint_every=1000"] + (["plan=paired"] if name == "paired" else []) + args.set
    command = [args.beside, "integrate", *inputs, "-o", out, "-q"] + [x for s in settings for x in ("--set", s)]
    subprocess.run([str(c) for c in command], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    return json.loads((out / "summary.json").read_text())["seconds"]["train"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default="mixology,zilionis,pbmc")
    p.add_argument("--seeds", default="0")
    p.add_argument("--steps", type=int, default=1600)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--stage", choices=["prepare", "train", "score"], required=True)
    p.add_argument("--time", action="store_true", help="train for 2 and for more epochs and print the seconds of one")
    p.add_argument("--over", type=int, default=10, help="how many more")
    p.add_argument("--beside", type=pathlib.Path, help="the command, to be timed likewise")
    p.add_argument("--set", action="append", default=[], help="a setting of the command")
    args = p.parse_args()
    args.program, args.out, args.beside = args.program.resolve(), args.out.resolve(), args.beside and args.beside.resolve()
    if args.stage == "prepare":
        return prepare(args)
    for name in args.sets.split(","):
        folder = args.out / name / "program"
        for seed in map(int, args.seeds.split(",")):
            if args.stage == "train":
                n = len(np.load(folder / "covariates.npy"))
                if args.time:
                    took = lambda of: (of(2 + args.over) - of(2)) / args.over
                    theirs = took(lambda epochs: run(args, folder, seed, epochs, "T"))
                    beside = took(lambda epochs: ours(args, name, epochs)) if args.beside else float("nan")
                    print(f"{name}: {theirs:.3f} s per epoch of {n} rows, beside it {beside:.3f}: {theirs / beside:.2f} times", flush=True)
                    continue
                run(args, folder, seed, max(50, args.steps * 500 // n), "T")
                run(args, folder, seed, 1, "F")
                os.replace(folder / "results/Low_dimension_vector.npy", folder / f"z-{seed}.npy")
            else:
                sys.path.insert(0, str(pathlib.Path(__file__).parent))
                import inclust_integration as bench
                a = bench.joint(name, bench.inputs(args, name)[2])
                z = np.load(folder / f"z-{seed}.npy")
                found = bench.score(z, bench.pca(a, 0), np.array(a.obs["batch"].astype(str)), np.array(a.obs["label"]))
                (args.out / name / f"program-{seed}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main())
