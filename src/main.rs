//! The command `cellweave`.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// A batch's tensors are freed and asked for again at every step; the system's allocator hands their pages back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.exit_code())
        }
    }
}
