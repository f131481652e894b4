//! Says what a file or folder holds: format, modalities, the look of the values, notices.
//!
//! ```text
//! cargo run --release -p sc-io --example inspect -- cells.h5mu
//! ```

use std::process::ExitCode;
use std::time::Instant;

use sc_io::{CountScan, read};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: inspect FILE");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let loaded = match read(&path) {
        Ok(loaded) => loaded,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "{:?}, read in {:.3} s",
        loaded.format,
        start.elapsed().as_secs_f64()
    );
    for (name, m) in &loaded.data.modalities {
        println!("{name}: {} cells, {} features", m.n_obs(), m.n_vars());
        if let Some(x) = &m.x {
            println!("  X: {}", CountScan::of(x));
        }
        let columns: Vec<&str> = m
            .obs
            .columns()
            .keys()
            .map(String::as_str)
            .take(12)
            .collect();
        println!("  obs: {}", columns.join(", "));
    }
    for notice in &loaded.notices {
        println!("note: {notice}");
    }
    ExitCode::SUCCESS
}
