//! Reads a file or folder of any known format and writes it as `.h5mu`, or as `.h5ad` when the
//! target ends so.
//!
//! ```text
//! cargo run -p sc-io --example convert -- filtered_feature_bc_matrix.h5 cells.h5mu
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use sc_io::{WriteOptions, read, write_h5ad_with, write_h5mu_with};

fn main() -> ExitCode {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, output] = args.as_slice() else {
        eprintln!("usage: convert INPUT OUTPUT.h5mu|OUTPUT.h5ad");
        return ExitCode::from(2);
    };
    match convert(input.clone(), output.clone()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn convert(input: PathBuf, output: PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    let loaded = read(&input)?;
    for notice in &loaded.notices {
        eprintln!("{notice}");
    }
    let options = WriteOptions {
        forbid: vec![input],
    };
    let notices = if output.extension().is_some_and(|e| e == "h5ad") {
        let mut modalities = loaded.data.modalities.into_iter();
        let (Some((_, only)), None) = (modalities.next(), modalities.next()) else {
            return Err("an .h5ad holds one modality; write an .h5mu".into());
        };
        write_h5ad_with(&only, &output, &options)?
    } else {
        write_h5mu_with(&loaded.data, &output, &options)?
    };
    notices.iter().for_each(|n| eprintln!("{n}"));
    Ok(())
}
