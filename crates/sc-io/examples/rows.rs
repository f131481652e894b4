//! Matrices larger than memory, by blocks of rows.
//!
//! ```text
//! # 200,000 cells x 20,000 genes, 5 % of the values not zero, written block by block
//! cargo run --release -p sc-io --example rows -- make big.h5ad 200000 20000 0.05
//! # sum of all counts, read in blocks of 1024 rows in order, in another order, or whole
//! cargo run --release -p sc-io --example rows -- totals big.h5ad X 1024
//! cargo run --release -p sc-io --example rows -- totals big.h5ad X 1024 shuffled
//! cargo run --release -p sc-io --example rows -- totals big.h5ad X whole
//! # a copy with the dense layer log1p, both read and written block by block
//! cargo run --release -p sc-io --example rows -- log1p big.h5ad out.h5ad 1024
//! ```

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use sc_io::{Csr, Matrix, MatrixReader, MatrixWriter, Modality, Table, WriteOptions, read_h5ad};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let start = Instant::now();
    let done = match args[..] {
        ["make", path, rows, cols, density] => make(path, rows, cols, density),
        ["totals", path, element, "whole"] => whole_totals(path, element),
        ["totals", path, element, rows] => totals(path, element, rows, false),
        ["totals", path, element, rows, "shuffled"] => totals(path, element, rows, true),
        ["log1p", from, to, rows] => log1p(from, to, rows),
        _ => {
            eprintln!("usage: rows make OUT ROWS COLS DENSITY");
            eprintln!("       rows totals FILE ELEMENT whole | ROWS [shuffled]");
            eprintln!("       rows log1p FILE OUT ROWS");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => {
            println!("{:.3} s", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// Random counts; each cell has about `density * cols` of them.
fn make(path: &str, rows: &str, cols: &str, density: &str) -> Result<()> {
    let (rows, cols): (usize, usize) = (rows.parse()?, cols.parse()?);
    let density: f64 = density.parse()?;
    let widest_gap = (2.0 / density - 1.0).max(1.0) as u64;
    // splitmix64
    let mut state = 0u64;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut row = move || {
        let (mut at, mut entries) = (next() % widest_gap, Vec::new());
        while at < cols as u64 {
            let z = next();
            entries.push((at as u32, 1.0 + (z >> 40).trailing_zeros() as f32));
            at += 1 + z % widest_gap;
        }
        entries
    };
    let mut w = MatrixWriter::h5ad(path, &WriteOptions::default())?;
    w.add_csr("X", cols)?;
    for first in (0..rows).step_by(1024) {
        let mut block = Csr::zeros(0, cols);
        (first..rows.min(first + 1024)).for_each(|_| block.push_row(row()));
        w.push("X", &block)?;
    }
    w.finish(&Modality {
        obs: Table::new((0..rows).map(|i| format!("cell{i}"))),
        var: Table::new((0..cols).map(|i| format!("gene{i}"))),
        ..Modality::default()
    })?;
    Ok(())
}

fn sum_of(m: &Matrix) -> f64 {
    m.values().iter().map(|&v| v as f64).sum()
}

fn totals(path: &str, element: &str, rows: &str, shuffled: bool) -> Result<()> {
    let reader = MatrixReader::open(path, element)?;
    let (n, step) = (reader.n_rows(), rows.parse::<usize>()?.max(1));
    let mut sum = 0.0;
    if shuffled {
        let mut starts: Vec<u64> = (0..n as u64).step_by(step).collect();
        starts.sort_by_key(|s| s.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for start in starts.into_iter().map(|s| s as usize) {
            sum += sum_of(&reader.read_rows(start..n.min(start + step))?);
        }
    } else {
        for block in reader.blocks(step) {
            sum += sum_of(&block?.1);
        }
    }
    println!("{n} x {}, sum {sum}", reader.n_cols());
    reader.notices().iter().for_each(|n| println!("note: {n}"));
    Ok(())
}

fn whole_totals(path: &str, element: &str) -> Result<()> {
    let m = read_h5ad(path)?.data;
    let x = match element.strip_prefix("layers/") {
        Some(name) => m.layers.get(name),
        None => m.x.as_ref(),
    };
    let x = x.ok_or("no such matrix")?;
    println!("{} x {}, sum {}", x.n_rows(), x.n_cols(), sum_of(x));
    Ok(())
}

fn log1p(from: &str, to: &str, rows: &str) -> Result<()> {
    let reader = MatrixReader::open(from, "X")?;
    let options = WriteOptions {
        forbid: vec![Path::new(from).to_owned()],
    };
    let mut w = MatrixWriter::h5ad(to, &options)?;
    w.add_csr("X", reader.n_cols())?;
    w.add_dense("layers/log1p", reader.n_cols())?;
    for block in reader.blocks(rows.parse::<usize>()?.max(1)) {
        let (_, x) = block?;
        w.push("X", &x)?;
        let mut logs = x.to_dense();
        (0..logs.n_rows()).for_each(|r| logs.row_mut(r).iter_mut().for_each(|v| *v = v.ln_1p()));
        w.push("layers/log1p", &logs)?;
    }
    let (rest, notices) = reader.annotations()?;
    for notice in notices.iter().chain(&w.finish(&rest)?) {
        println!("note: {notice}");
    }
    Ok(())
}
