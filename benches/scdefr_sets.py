#!/usr/bin/env python3
"""Scores of `cellweave cluster` on scRNA sets, as tables for docs/results.md.

usage: scdefr_sets.py BINARY DATA OUT [--sets worm,...] [--seeds 0,1,2,3,4] [--k given,estimated] [--set KEY=VALUE] [--jobs 2] [--device cpu] [--scores FILE.csv]

Runs the command once per set, seed and way to the number of clusters. Each run's scores are added to a table, `OUT/scores.csv` if no other is
named; what is in it is not run again, so that the tables of docs/results.md can be printed from docs/scdefr_scores.csv. With the number given, it
is that of the classes and nothing else of the labels is used; labels reach the scores only. The first stage knows no number of clusters,
so the second way takes it from the first. Prints means over the seeds. Seconds are of one thread, and of a run
that was resumed those of its last part.
"""
import argparse, concurrent.futures, csv, json, os, pathlib, shutil, statistics, subprocess, threading

SETS = {
    "worm": ("scrna_worm_neuron", 10), "bladder": ("scrna_mouse_bladder", 16), "young_kidney": ("scrna_young_kidney", 11),
    "sln_d2": ("scrna_mouse_sln_d2", 17), "paul15": ("scrna_paul15", 19), "pdac_a": ("spatial_pdac_a/pdac_a_scrna.h5ad", 20),
    "klein": ("scrna_klein_mes_subset", 4), "zilionis": ("scrna_zilionis_mouse_lung", 4), "mixology": ("scrna_mixology_3cl/sc_celseq2.h5ad", 3),
}
COLUMNS = ("data", "number", "seed", "method", "k", "ari", "nmi", "acc", "smallest", "train_seconds")
LOCK = threading.Lock()


def file(data, name):
    path = data / SETS[name][0]
    return path if path.is_file() else next(path.glob("*.h5ad"))


def finished(summary):
    """Whether a run came to its end; one that was stopped leaves a summary too."""
    return summary.exists() and json.loads(summary.read_text())["outcome"] == "all epochs ran"


def run(args, name, seed, how):
    out = args.out / f"{name}-{how}-{seed}"
    summary = out / "summary.json"
    if not finished(summary):
        command = [args.binary, "cluster", file(args.data, name), "-o", out, "--seed", str(seed), "--labels", args.labels, "--device", args.device, "-q"]
        command += ["-k", str(SETS[name][1])] if how == "given" else []
        others = [o for o in sorted(args.out.glob(f"{name}-*-{seed}")) if o != out and finished(o / "summary.json")]
        if others and not out.exists():
            for model in (others[0] / "checkpoints").glob("model-*"):
                shutil.copytree(model / "pretrain", out / "checkpoints" / model.name / "pretrain")
        if (out / "checkpoints").exists():
            command += ["--resume"]
        for s in ["umap=false"] + args.set:
            command += ["--set", s]
        subprocess.run([str(c) for c in command], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    s = json.loads(summary.read_text())
    seconds = round(s["seconds"]["pretrain"] + s["seconds"]["cluster"], 1)
    for c in s["scores"][0]["clusterings"]:
        smallest = min(s["clusters"]) if c["method"] == "scdefr" else ""
        yield (name, how, seed, c["method"], c["n_clusters"], *(f"{c[key]:.4f}" for key in ("ari", "nmi", "accuracy")), smallest, seconds)


def add(args, name, seed, how):
    """Runs one and writes its scores; nothing where they are there."""
    with LOCK:
        known = {(r["data"], r["seed"], r["number"]) for r in read(args.scores)}
    if (name, seed, how) not in known:
        rows = list(run(args, name, seed, how))
        with LOCK, args.scores.open("a") as out:
            csv.writer(out, lineterminator="\n").writerows(rows)


def read(scores):
    with scores.open() as rows:
        return list(csv.DictReader(rows))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default=",".join(SETS))
    p.add_argument("--seeds", default="0,1,2,3,4")
    p.add_argument("--k", default="given,estimated")
    p.add_argument("--labels", default="cell_type")
    p.add_argument("--set", action="append", default=[])
    p.add_argument("--jobs", type=int, default=2, help="runs side by side")
    p.add_argument("--threads", type=int, default=1, help="of one run")
    p.add_argument("--device", default="cpu")
    p.add_argument("--scores", type=pathlib.Path)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    args.scores = args.scores or args.out / "scores.csv"
    if not args.scores.exists():
        args.scores.write_text(",".join(COLUMNS) + "\n")
    sets, seeds, ways = (x.split(",") for x in (args.sets, args.seeds, args.k))
    both = lambda place: [add(args, *place, how) for how in ways]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(both, [(name, seed) for seed in seeds for name in sets]))
    print("| data | number | clusters by | seeds | k | ARI | NMI | ACC | each seed's ARI | smallest | train s |\n" + "|---" * 11 + "|")
    found = [r for r in read(args.scores) if r["seed"] in seeds]
    means = {}
    for how in ways:
        for name in sets:
            runs = [r for r in found if (r["data"], r["number"]) == (name, how)]
            for method in dict.fromkeys(r["method"] for r in runs):
                rows = sorted((r for r in runs if r["method"] == method), key=lambda r: int(r["seed"]))
                mean = lambda key: statistics.mean(float(r[key]) for r in rows)
                means.setdefault((how, method), []).append([mean(x) for x in ("ari", "nmi", "acc")])
                each = " ".join(f"{float(r['ari']):.2f}" for r in rows)
                smallest = min((int(r["smallest"]) for r in rows if r["smallest"]), default="")
                print(f"| {name} | {how} | {method} | {len(rows)} | {mean('k'):.1f} | {mean('ari'):.3f} | {mean('nmi'):.3f} | {mean('acc'):.3f} | {each} | {smallest} | {mean('train_seconds'):.0f} |")
    for (how, method), rows in means.items():
        ari, nmi, acc = (statistics.mean(column) for column in zip(*rows))
        print(f"| mean | {how} | {method} | | | {ari:.3f} | {nmi:.3f} | {acc:.3f} | | | |")


if __name__ == "__main__":
    main()
