#!/usr/bin/env python3
"""Epochs of the published program of scDEFR and of `cellweave cluster` with the same sizes, in turn on the same cells.

usage: scdefr_beside.py PROGRAM BINARY FILE.h5ad OUT [-k 16] [--cells 2100] [--rounds 5] [--epochs 5] [--python python3]

A random choice of the cells. Seconds are medians of the epochs of each stage; ours from the times between its checkpoints, one in so many epochs,
which are written within them.
PYTHON has what `scdefr_program.py` needs. Writes a row per round.
"""
import argparse, json, os, pathlib, shutil, statistics, subprocess

from scdefr_scale import STAGES, timed


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program", type=pathlib.Path)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("file", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("-k", default="16")
    p.add_argument("--cells", default="2100")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--epochs", default="5")
    p.add_argument("--threads", default="2")
    p.add_argument("--python", default="python3")
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    os.environ["RAYON_NUM_THREADS"] = args.threads
    cells, theirs = args.out / "cells.h5ad", args.out / "program.json"
    script = [args.python, pathlib.Path(__file__).with_name("scdefr_program.py"), args.program, args.file, theirs, "-k", args.k, "--time-only"]
    script += ["--cells", args.cells, "--chosen", cells, "--epochs", args.epochs, "--second", args.epochs, "--threads", args.threads]
    print("| load | published program: first stage, s | second stage | ours: first stage | second stage | ratios |\n|---|---|---|---|---|---|", flush=True)
    for _ in range(args.rounds):
        load = os.getloadavg()[0]
        subprocess.run(script, check=True, stdout=subprocess.DEVNULL)
        program = json.loads(theirs.read_text().splitlines()[-1])
        a = [program["first_epoch_s"], program["second_epoch_s"]]
        out = args.out / "ours"
        shutil.rmtree(out, ignore_errors=True)
        settings = ["preset=reproduce_original", f"train.checkpoint_every={args.epochs}", *(f"train.stages.{stage}.epochs={3 * int(args.epochs) + 1}" for stage in STAGES)]
        b = [statistics.median(e) / int(args.epochs) for e in timed([args.binary, "cluster", cells, "-o", out, "-k", args.k, "-q"], out, settings)]
        print(f"| {load:.1f} | {a[0]:.2f} | {a[1]:.2f} | {b[0]:.2f} | {b[1]:.2f} | {a[0] / b[0]:.1f}, {a[1] / b[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
