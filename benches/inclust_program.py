#!/usr/bin/env python3
"""The published inClust+ program on the sets of `inclust_integration.py`, without labels.

usage: inclust_program.py PROGRAM DATA OUT --stage prepare|train|score [--sets mixology,...] [--seeds 0] [--steps 1600]

PROGRAM is a checkout of its repository. What is changed, in memory: the names of the Keras modules, and plotting libraries that it loads and does not
use. It is given what it asks for: logarithms scaled to 0 to 1 per data set and gene, all masks on, a covariate per batch, no labels, its unsupervised mode
with 20 clusters, its sizes, batches of 500, and as many epochs as give it the same number of steps as ours (its default is 50 epochs). Embeddings are what
it saves, a draw of the latent vector less the covariates' part; they are scored as the others are. Needs TensorFlow and tf_keras to train
(run with that Python), and the environment of `inclust_integration.py` to prepare and to score (--stage). Its speed:
`inclust_speed.py`.
"""
import argparse, json, os, pathlib, sys, time, types

import numpy as np


def prepare(args):
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    import inclust_integration as bench
    for name in args.sets.split(","):
        _, _, parts = bench.inputs(args, name)
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
    args = p.parse_args()
    args.program, args.out = args.program.resolve(), args.out.resolve()
    if args.stage == "prepare":
        return prepare(args)
    for name in args.sets.split(","):
        folder = args.out / name / "program"
        for seed in map(int, args.seeds.split(",")):
            if args.stage == "train":
                n = len(np.load(folder / "covariates.npy"))
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
