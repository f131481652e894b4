//! The result in Python: anndata, mudata and scanpy open it and see the same values.
//!
//! Makes a throw-away virtual environment; says "skipped" where Python or its packages cannot be
//! had. `CELLWEAVE_PYTHON` names an interpreter that has the packages already.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use cellweave::sc_io::{self, Embedding, MultiModal};
use common::{fuse, small, stderr, write};

const PACKAGES: [&str; 3] = ["anndata==0.12.19", "mudata==0.3.10", "scanpy==1.11.5"];

const SCRIPT: &str = r#"
import json, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np, mudata, anndata, scanpy as sc
m = mudata.read_h5mu(sys.argv[1])
rna = m.mod["rna"]
r = {"anndata": anndata.__version__, "mudata": mudata.__version__, "scanpy": sc.__version__}
r["modalities"] = list(m.mod)
r["n_obs"] = int(m.n_obs)
z = m.obsm["X_scfusionttt"]
r["dtype"] = str(z.dtype)
r["embedding_sum"] = float(z.astype(np.float64).sum())
r["embedding_row"] = [float(v) for v in z[5]]
r["umap_shape"] = list(m.obsm["X_umap"].shape)
c = m.obs["scfusionttt_cluster"]
r["cluster_dtype"] = str(c.dtype)
r["cluster_codes"] = [int(v) for v in c.cat.codes]
r["cell_names"] = list(m.obs_names[:3])
r["x_sum"] = float(rna.X.sum())
r["x_max"] = float(rna.X.max())
r["cell_types"] = sorted(set(map(str, rna.obs["cell_type"])))
u = m.uns["scfusionttt"]
r["seed"] = int(u["seed"])
r["history"] = [float(v) for v in u["history"]["validation_loss"]]
r["config_has_model"] = "[model]" in u["config"]
# scanpy goes on from the embedding
a = anndata.AnnData(rna.X, obs=m.obs.copy(), obsm={"X_scfusionttt": z})
sc.pp.neighbors(a, use_rep="X_scfusionttt", n_neighbors=10)
r["scanpy_neighbors"] = int(a.obsp["connectivities"].shape[0])
print(json.dumps(r))
"#;

/// An interpreter with the packages.
fn python(folder: &Path) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CELLWEAVE_PYTHON") {
        return Some(named.into());
    }
    let venv = folder.join("venv");
    let ok = |command: &mut Command| command.output().is_ok_and(|o| o.status.success());
    let made = ok(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let python = venv.join("bin/python");
    let installed = made
        && ok(Command::new(&python)
            .args(["-m", "pip", "install", "-q"])
            .args(PACKAGES));
    installed.then_some(python)
}

#[test]
fn the_result_opens_in_python_with_equal_values() {
    let folder = tempfile::tempdir().unwrap();
    let Some(python) = python(folder.path()) else {
        println!("skipped: no Python with {PACKAGES:?}");
        return;
    };
    let file = write(folder.path(), "input.h5mu", &small(80));
    let out = folder.path().join("out");
    let output = fuse(&file, &out, &["--seed", "3", "--labels", "cell_type"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let result = out.join("result.h5mu");
    let seen = Command::new(&python)
        .arg("-c")
        .arg(SCRIPT)
        .arg(&result)
        .output()
        .unwrap();
    assert!(
        seen.status.success(),
        "{}",
        String::from_utf8_lossy(&seen.stderr)
    );
    let seen: serde_json::Value = serde_json::from_slice(&seen.stdout).unwrap();
    compare(&seen, &sc_io::read(&result).unwrap().data);
}

fn compare(seen: &serde_json::Value, ours: &MultiModal) {
    let Embedding::Matrix(z) = &ours.obsm["X_scfusionttt"] else {
        panic!("a matrix")
    };
    let numbers = |key: &str| -> Vec<f64> {
        seen[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    assert_eq!(seen["dtype"], "float32");
    assert_eq!(seen["n_obs"], ours.obs.len());
    assert_eq!(seen["modalities"], serde_json::json!(["rna", "adt"]));
    let sum: f64 = z.values().iter().map(|v| f64::from(*v)).sum();
    assert!((seen["embedding_sum"].as_f64().unwrap() - sum).abs() < 1e-9 * sum.abs().max(1.0));
    let row: Vec<f64> = z.to_dense().row(5).iter().map(|v| f64::from(*v)).collect();
    assert_eq!(numbers("embedding_row"), row);
    assert_eq!(seen["umap_shape"], serde_json::json!([ours.obs.len(), 2]));
    assert_eq!(seen["cluster_dtype"], "category");
    let clusters = ours.obs.column("scfusionttt_cluster").unwrap();
    let codes: Vec<f64> = (0..ours.obs.len())
        .map(|r| clusters.label(r).unwrap().parse().unwrap())
        .collect();
    assert_eq!(numbers("cluster_codes"), codes);
    let rna = &ours.modalities["rna"];
    let x = rna.x.as_ref().unwrap().values();
    assert_eq!(
        seen["x_sum"].as_f64().unwrap(),
        x.iter().map(|v| f64::from(*v)).sum::<f64>()
    );
    assert_eq!(
        seen["x_max"].as_f64().unwrap(),
        f64::from(x.iter().copied().fold(0.0, f32::max))
    );
    let mut types: Vec<String> = rna
        .obs
        .column("cell_type")
        .unwrap()
        .labels()
        .into_iter()
        .flatten()
        .collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(seen["cell_types"], serde_json::json!(types));
    assert_eq!(seen["seed"], 3);
    assert_eq!(numbers("history").len(), 2);
    assert_eq!(seen["config_has_model"], true);
    assert_eq!(seen["scanpy_neighbors"], ours.obs.len());
}
