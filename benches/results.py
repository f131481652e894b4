#!/usr/bin/env python3
"""Scores of `cellweave fuse` on real CITE-seq sets, as tables for docs/results.md.

usage: results.py BINARY DATA OUT [--sets teaseq,pbmc10k] [--seeds 0,1,2] [--settings genome,reverse,...]

Runs the command once per set, seed and setting (finished runs are not repeated), then prints one row per set, label,
setting and way of clustering: mean and standard deviation over the seeds. Labels reach the scores only.
"""
import argparse, json, pathlib, statistics, subprocess

SETS = {
    "pbmc10k": ("citeseq_pbmc10k_10x/citeseq_pbmc10k_10x.h5mu", ["singler_rna_main", "cell_type", "cell_type_l2"]),
    "teaseq": ("citeseq_teaseq_pbmc/citeseq_teaseq_pbmc.h5mu", ["cell_type"]),
    "cd8": ("citeseq_cd8/citeseq_cd8.h5mu", ["batch"]),
    "eccite": ("citeseq_eccite_pbmc500/citeseq_eccite_pbmc500.h5mu", []),
    "simulated": (None, ["cell_type"]),
}
SETTINGS = {
    "genome": [],
    "reverse": ["prep.order=reverse"],
    "shuffled": ["prep.order=shuffled"],
    "file": ["prep.order=file"],
    "sum": ["model.fusion=sum"],
}


def run(args, name, seed, setting):
    file, labels = SETS[name]
    out = args.out / f"{name}-{setting}-{seed}"
    summary = out / "summary.json"
    if not summary.exists():
        command = [args.binary, "fuse", *([args.data / file] if file else []), "-o", out, "--seed", str(seed), "-q"]
        for s in SETTINGS[setting] + args.set + [f"prep.positions={args.data}/genome/human_grch38_gene_positions.tsv.gz"]:
            command += ["--set", s]
        for label in labels:
            command += ["--labels", label]
        subprocess.run([str(c) for c in command], check=True)
    return json.loads(summary.read_text())


def spread(values):
    return f"{statistics.mean(values):.3f}" + (f"±{statistics.pstdev(values):.3f}" if len(values) > 1 else "")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default="teaseq")
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--settings", default="genome")
    p.add_argument("--set", action="append", default=[])
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("| data | label | setting | clusters | seeds | k | ARI | NMI | ACC | val. RNA MSE | val. protein MSE | epochs | train s |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name in args.sets.split(","):
        for setting in args.settings.split(","):
            seeds = args.seeds.split(",")
            runs = [run(args, name, seed, setting) for seed in seeds]
            loss = lambda key: spread([r["final_losses"][key] for r in runs])
            tail = (f"{loss('validation/rna_mse')} | {loss('validation/protein_mse')} | "
                    f"{spread([r['n_epochs'] for r in runs])} | {spread([r['seconds']['train'] for r in runs])}")
            rows = {}
            for r in runs:
                for e in r["scores"]:
                    for c in e["clusterings"]:
                        rows.setdefault((e["labels"], c["method"]), []).append(c)
            for (label, method), cs in rows.items():
                of = lambda key: spread([c[key] for c in cs])
                print(f"| {name} | {label} | {setting} | {method} | {len(seeds)} | {of('n_clusters')} | {of('ari')} | {of('nmi')} | "
                      f"{of('accuracy')} | {tail} |", flush=True)


if __name__ == "__main__":
    main()
