#!/usr/bin/env python3
"""Time and memory of `cellweave cluster` by number of cells, as a table for docs/results.md.

usage: scdefr_scale.py BINARY OUT [--cells 2000,4000,...] [--genes 2000] [--epochs 6] [--clusters 10] [--set KEY=VALUE]

Simulated cells; each stage runs that many epochs and writes a checkpoint after each. Seconds per epoch are the median of the times between the
checkpoints of a stage, so that start and first clusters are not in them; memory is the largest resident set of the whole command.
Finished runs are not repeated.
"""
import argparse, itertools, json, pathlib, statistics, subprocess, time

STAGES = ("pretrain", "cluster")


def timed(command, out, settings):
    """Runs it with a checkpoint per epoch, unless the settings say otherwise or it is done; seconds between the checkpoints of each stage."""
    times = out / "checkpoint_times.json"
    if not times.exists():
        for s in ["umap=false", "n_models=1", "train.checkpoint_every=1", *settings]:
            command = [*command, "--set", s]
        seen, running = {}, subprocess.Popen([str(c) for c in command])
        while running.poll() is None:
            # Older ones are deleted as the run goes on.
            for manifest in out.glob("checkpoints/model-0/*/gen-*/manifest.json"):
                try:
                    seen.setdefault(str(manifest.relative_to(out)), manifest.stat().st_mtime)
                except FileNotFoundError:
                    pass
            time.sleep(0.02)
        if running.returncode:
            raise SystemExit(f"failed: {command}")
        times.write_text(json.dumps(seen))
    seen = json.loads(times.read_text())
    of = lambda stage: sorted(at for name, at in seen.items() if name.split("/")[2] == stage)
    return [[b - a for a, b in itertools.pairwise(of(stage))] for stage in STAGES]


def run(args, cells):
    data, out = args.out / f"{cells}.h5ad", args.out / f"{cells}-run"
    if not data.exists():
        command = [args.binary, "simulate", "-o", data, "--cells", cells, "--genes", args.genes, "--molecules", args.molecules]
        subprocess.run([str(c) for c in command], check=True)
    epochs = [f"train.stages.{stage}.epochs={args.epochs}" for stage in STAGES]
    epochs = timed([args.binary, "cluster", data, "-o", out, "-k", args.clusters, "-q"], out, [*epochs, *args.set])
    return json.loads((out / "summary.json").read_text()), epochs


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--cells", default="2000,4000,8000,16000,32000,64000")
    p.add_argument("--genes", type=int, default=2000)
    p.add_argument("--molecules", type=int, default=1000)
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--clusters", type=int, default=10)
    p.add_argument("--set", action="append", default=[])
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("| cells | s per epoch, first stage | us per cell | second stage | us per cell | epochs timed | prepare, s | peak GiB |\n|---|---|---|---|---|---|---|---|")
    for cells in map(int, args.cells.split(",")):
        s, epochs = run(args, cells)
        columns = " | ".join(f"{statistics.median(e):.2f} | {1e6 * statistics.median(e) / cells:.0f}" for e in epochs)
        timed = " + ".join(str(len(e)) for e in epochs)
        print(f"| {cells:,} | {columns} | {timed} | {s['seconds']['prepare']:.1f} | {s['peak_memory_bytes'] / 2**30:.2f} |", flush=True)


if __name__ == "__main__":
    main()
