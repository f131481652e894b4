#!/usr/bin/env python3
"""What each part of scDEFR and each fault of its published program does to the clusters, as a table for docs/results.md.

usage: scdefr_ablations.py BINARY DATA OUT [--sets klein,...] [--seeds 0,1,2] [--only "VARIANT;..."] [--jobs 2]

The number of clusters is given; nothing else of the labels is used but in `D2`, which leaks by design and whose score is of the
clusters that the labels chose. One model and its own soft clusters, so that parts show by themselves; "three models" and "mixture" say what those add. Variants that differ in the second stage alone share the first. Finished runs are not repeated.
"""
import argparse, concurrent.futures, json, os, pathlib, shutil, statistics, subprocess

from scdefr_sets import SETS, file

STAGE_2 = {
    "no clustering stage": ["train.stages.cluster.epochs=1", "train.stages.cluster.learning_rate=1e-12"],
    "no cross-entropies": ["model.weights.gnn=0", "model.weights.dnn=0"],
    "no divergence": ["model.weights.clustering=0"],
    "no graph loss, second stage": ["model.weights.graph=0"],
    "distances by direction": ["model.by_direction=true"],
    "distances by vector": ["model.by_direction=false"],
    "first clusters: k-means": ["model.initial=kmeans"],
    "first clusters: Leiden": ["model.initial=leiden"],
    "D1: rate 1e-8": ["train.stages.cluster.learning_rate=1e-8"],
    "D2: chosen by labels": ["leak_labels=cell_type"],
    "D6: own targets": ["model.faults.own_targets=true"],
}
ONE = ["n_models=1", "partition='assignment'"]
VARIANTS = {
    "default": [], **STAGE_2,
    "one model, mixture": ["partition='mixture'"],
    "three models, mixture": ["n_models=3", "partition='mixture'"],
    "no graph branch": ["model.branches=expression"],
    "no expression branch": ["model.branches=graph"],
    "no global fusion": ["model.global=none"],
    "no graph loss": ["model.weights.pretrain_graph=0", "model.weights.graph=0"],
    "published weight of the graph loss": ["model.weights.pretrain_graph=1.0", "model.weights.graph=0.3"],
    "D3: graph loss": ["model.graph_loss=published"],
    "D4: one matrix": ["model.heads=shared"],
    "D5: logged targets": ["model.faults.logged_targets=true"],
    "D7: momentum 0.01": ["model.momentum=0.01"],
    "D10: the same centres, by vector": ["model.own_centres=false", "model.by_direction=false"],
    "D13: graph not normalised": ["model.normalize_graph=false"],
    **{f"sigma {s}": [f"model.sigma={s}"] for s in (0.0, 0.3, 0.5, 0.7, 0.9)},
    "sigma learned": ["model.learn_sigma=true"],
    "all faults but D2": ["preset=reproduce_original"],
}


def run(args, name, seed, variant):
    place = lambda v: args.out / f"{name}-{seed}-{''.join(c if c.isalnum() else '_' for c in v)}"
    out = place(variant)
    if not (out / "summary.json").exists():
        command = [args.binary, "cluster", file(args.data, name), "-o", out, "--seed", seed, "-k", SETS[name][1], "--labels", args.labels, "-q"]
        first = place("default") / "checkpoints/model-0/pretrain"
        if variant in STAGE_2 and not out.exists():
            shutil.copytree(first, out / "checkpoints/model-0/pretrain")
            command += ["--resume"]
        for s in ["umap=false", *ONE, *VARIANTS[variant]]:
            command += ["--set", s]
        subprocess.run([str(c) for c in command], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    scores = json.loads((out / "summary.json").read_text())["scores"][0]["clusterings"]
    return next((c["ari"], c["nmi"]) for c in scores if c["method"] == "scdefr")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default="klein,zilionis,pdac_a,bladder")
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--only", default=";".join(VARIANTS))
    p.add_argument("--labels", default="cell_type")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--threads", type=int, default=1)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sets, seeds = args.sets.split(","), args.seeds.split(",")
    each = [(name, seed) for name in sets for seed in seeds]
    print("| variant | " + " | ".join(sets) + " | mean |\n|" + "---|" * (len(sets) + 2))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for variant in args.only.split(";"):
            found = list(pool.map(lambda place: run(args, *place, variant), each))
            of = lambda name: [f for (n, _), f in zip(each, found) if n == name]
            mean = lambda rows: " / ".join(f"{statistics.mean(column):.3f}" for column in zip(*rows))
            print(f"| {variant} | " + " | ".join(mean(of(name)) for name in sets) + f" | {mean(found)} |", flush=True)


if __name__ == "__main__":
    main()
