#!/usr/bin/env python3
"""Time and memory of `cellweave cluster` by number of cells, as a table for docs/results.md.

usage: scdefr_scale.py BINARY OUT [--cells 2000,4000,...] [--genes 2000] [--epochs 3] [--clusters 10] [--set KEY=VALUE]

Simulated cells; each stage runs that many epochs. Seconds per epoch are those of a stage over its epochs, checkpoints and the
first clusters included; memory is the largest resident set of the whole command. Finished runs are not repeated.
"""
import argparse, json, pathlib, subprocess


def run(args, cells):
    data, out = args.out / f"{cells}.h5ad", args.out / f"{cells}-run"
    if not data.exists():
        command = [args.binary, "simulate", "-o", data, "--cells", cells, "--genes", args.genes, "--molecules", args.molecules]
        subprocess.run([str(c) for c in command], check=True)
    if not (out / "summary.json").exists():
        command = [args.binary, "cluster", data, "-o", out, "-k", args.clusters, "-q"]
        for s in ["umap=false", f"train.stages.pretrain.epochs={args.epochs}", f"train.stages.cluster.epochs={args.epochs}", *args.set]:
            command += ["--set", s]
        subprocess.run([str(c) for c in command], check=True)
    return json.loads((out / "summary.json").read_text())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--cells", default="2000,4000,8000,16000,32000,64000")
    p.add_argument("--genes", type=int, default=2000)
    p.add_argument("--molecules", type=int, default=1000)
    p.add_argument("--epochs", type=int, default=3)
    p.add_argument("--clusters", type=int, default=10)
    p.add_argument("--set", action="append", default=[])
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("| cells | s per epoch, first stage | second stage | us per cell | prepare, s | whole run, s | peak GiB |\n|---|---|---|---|---|---|---|")
    for cells in map(int, args.cells.split(",")):
        s = run(args, cells)
        t = s["seconds"]
        first, second = t["pretrain"] / args.epochs, t["cluster"] / args.epochs
        print(f"| {cells:,} | {first:.2f} | {second:.2f} | {1e6 * first / cells:.0f} | {t['prepare']:.1f} | {sum(t.values()):.0f} | {s['peak_memory_bytes'] / 2**30:.2f} |", flush=True)


if __name__ == "__main__":
    main()
