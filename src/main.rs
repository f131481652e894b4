//! The command `cellweave`.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// A batch's tensors are freed and asked for again at every step; the system's allocator hands their pages back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Milliseconds that freed pages are kept. One second, the default, is less than a step over many cells in one batch, which then has
/// all its pages cleared anew: at 64,000 cells that was a third of an epoch.
const KEEP: std::ffi::c_long = 60_000;

/// `mi_option_purge_delay`, for which the bindings have no name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Stack of a thread, in bytes: that of a main thread.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // Sound: a setter of one integer.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, KEEP);
    }
    // A pool that exists already serves as well.
    rayon::ThreadPoolBuilder::new()
        .stack_size(STACK)
        .build_global()
        .ok();
    // On a thread of the pool: from any other, each parallel kernel of a step would wake one thread more and wait for it.
    rayon::scope(|_| run(cli))
}

fn run(cli: cli::Cli) -> ExitCode {
    match cli::run(cli) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.exit_code())
        }
    }
}
