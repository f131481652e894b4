#!/usr/bin/env python3
"""`cellweave denoise` beside scVI on the same counts: speed, memory, agreement with labels.

usage: scvi_peer.py BINARY DATA OUT [--sets worm_neuron,...] [--seeds 0,1,2] [--only ours|scvi] [--threads 2] [--epochs N] [--set KEY=VALUE]

Each set is cut once to genes of at least 3 cells and 2,000 variable genes (scanpy, flavour "seurat", log-normalised); both
methods read that file. scVI trains with its defaults. Both latent spaces are scored by `cellweave evaluate`, cells without a
real label left out. Cells per second are training cells times epochs by the whole time of training; ours includes a pass
over the validation cells per epoch and checkpoints. Finished runs are not repeated. Needs scanpy and scvi-tools.
"""
import argparse, json, os, pathlib, resource, statistics, subprocess, sys, time

SETS = {
    "klein": "scrna_klein_mes_subset", "bladder": "scrna_mouse_bladder", "sln_d2": "scrna_mouse_sln_d2",
    "paul15": "scrna_paul15", "pdac_a": "spatial_pdac_a/pdac_a_scrna.h5ad", "worm": "scrna_worm_neuron",
    "young_kidney": "scrna_young_kidney", "zilionis": "scrna_zilionis_mouse_lung", "mixology": "scrna_mixology_3cl",
}
LABEL = "cell_type"
NO_LABEL = {"nan", "none", "na", "unknown", "unassigned", "undefined", "unmatched", "ambiguous", "doublet", ""}


def prepare(args, name):
    path = args.out / f"{name}.h5ad"
    if path.exists():
        return path
    import anndata, numpy as np, scanpy as sc, scipy.sparse as sp
    source = args.data / SETS[name]
    a = anndata.read_h5ad(next(source.glob("*.h5ad")) if source.is_dir() else source)
    x = next(m for m in [*a.layers.values(), a.X] if (v := sp.csr_matrix(m).data)[:100000].size and (v == np.round(v)).all())
    counts = anndata.AnnData(sp.csr_matrix(x).astype(np.float32), obs=a.obs[[LABEL]].copy(), var=a.var[[]].copy())
    counts = counts[~counts.obs[LABEL].astype(str).str.lower().isin(NO_LABEL)].copy()
    counts.obs[LABEL] = counts.obs[LABEL].astype(str).astype("category")
    sc.pp.filter_genes(counts, min_cells=3)
    sc.pp.filter_cells(counts, min_counts=1)
    logged = counts.copy()
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    if counts.n_vars > 2000:
        sc.pp.highly_variable_genes(logged, n_top_genes=2000, flavor="seurat")
        counts = counts[:, logged.var["highly_variable"]].copy()
    counts.write_h5ad(path, compression="gzip")
    return path


def ours(args, path, name, seed):
    out = args.out / f"{name}-ours-{seed}"
    if not (out / "summary.json").exists():
        command = [args.binary, "denoise", path, "-o", out, "--seed", seed, "-q"]
        for s in args.set + ([f"train.epochs={args.epochs}"] if args.epochs else []):
            command += ["--set", s]
        subprocess.run([str(c) for c in command], check=True, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    s = json.loads((out / "summary.json").read_text())
    trained = s["n_cells"] - round(0.1 * s["n_cells"])
    return out / "result.h5ad", "X_zinb_ae", dict(
        cells_per_s=trained * s["n_epochs"] / s["seconds"]["train"], epochs=s["n_epochs"], train_s=s["seconds"]["train"],
        gib=s["peak_memory_bytes"] / 2**30)


def scvi(args, path, name, seed):
    """In a process of its own, for its memory."""
    out = args.out / f"{name}-scvi-{seed}.h5ad"
    record = out.with_suffix(".json")
    if not record.exists():
        subprocess.run([sys.executable, __file__, "--train", path, out, str(seed), str(args.threads), str(args.epochs or 0)], check=True)
    return out, "X_scvi", json.loads(record.read_text())


def train(path, out, seed, threads, epochs):
    import logging, warnings
    warnings.filterwarnings("ignore")
    import anndata, scvi, torch
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    scvi.settings.verbosity, scvi.settings.seed = 30, int(seed)
    torch.set_num_threads(int(threads))
    a = anndata.read_h5ad(path)
    scvi.model.SCVI.setup_anndata(a)
    m = scvi.model.SCVI(a)
    start = time.perf_counter()
    m.train(max_epochs=int(epochs) or None, accelerator="cpu", enable_progress_bar=False, logger=False, enable_checkpointing=False)
    seconds, n = time.perf_counter() - start, m.trainer.current_epoch
    a.obsm["X_scvi"] = m.get_latent_representation()
    a.write_h5ad(out)
    trained = len(m.train_indices)
    pathlib.Path(out).with_suffix(".json").write_text(json.dumps(dict(
        cells_per_s=trained * n / seconds, epochs=n, train_s=seconds,
        gib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)))


def scores(args, file, key, seed):
    done = subprocess.run([str(args.binary), "evaluate", str(file), "--rep", key, "--labels", LABEL, "--seed", str(seed), "--json"],
                          check=True, capture_output=True, text=True)
    return {c["method"]: c["nmi"] for c in json.loads(done.stdout)[0]["clusterings"]}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--sets", default=",".join(SETS))
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--only", choices=["ours", "scvi"])
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--epochs", type=int)
    p.add_argument("--set", action="append", default=[])
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("| data | method | seeds | NMI by way of clustering | training cells/s | epochs | train s | peak GiB |\n|---|---|---|---|---|---|---|---|")
    for name in args.sets.split(","):
        path = prepare(args, name)
        for method in [ours, scvi]:
            if args.only not in (None, method.__name__):
                continue
            rows = []
            for seed in args.seeds.split(","):
                file, key, record = method(args, path, name, seed)
                rows.append((scores(args, file, key, seed), record))
            nmi = ", ".join(f"{k} {statistics.mean(r[0][k] for r in rows):.3f}" for k in rows[0][0])
            mean = lambda k: statistics.median(r[1][k] for r in rows)
            print(f"| {name} | {method.__name__} | {len(rows)} | {nmi} | {mean('cells_per_s'):.0f} | {mean('epochs'):.0f} | {mean('train_s'):.0f} | {mean('gib'):.2f} |", flush=True)


if __name__ == "__main__":
    train(*sys.argv[2:]) if sys.argv[1:2] == ["--train"] else main()
