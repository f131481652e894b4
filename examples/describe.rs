//! Prints scFusionTTT as a Mermaid flow chart: `cargo run --example describe [small|paper] [GENES] [PROTEINS]`.

use burn::tensor::Device;
use cellweave::Error;
use cellweave::fusion_core::FusionModel;
use cellweave::fusion_models::ScFusionTttConfig;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let config = match args.next().as_deref() {
        Some("paper") => ScFusionTttConfig::paper(),
        _ => ScFusionTttConfig::small(),
    };
    let mut number = |default| args.next().and_then(|a| a.parse().ok()).unwrap_or(default);
    let (genes, proteins) = (number(4000), number(14));
    let model = config
        .init(genes, proteins, &Device::flex())
        .map_err(|e| Error::Settings(e.to_string()))?;
    print!("{}", model.describe().to_mermaid());
    Ok(())
}
