//! What the documentation shows is what the program does.

use burn::tensor::Device;
use cellweave::describe::{Shipped, Sizes, describe};
use cellweave::fuse::{FuseConfig, Preset};
use cellweave::fusion_core::FusionModel;

fn page(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The fenced block after a marker.
fn block_after<'a>(page: &'a str, marker: &str) -> &'a str {
    let rest = page
        .split_once(marker)
        .unwrap_or_else(|| panic!("no {marker}"))
        .1;
    let rest = rest
        .split_once("```")
        .unwrap()
        .1
        .split_once('\n')
        .unwrap()
        .1;
    rest.split_once("```").unwrap().0
}

#[test]
fn the_picture_of_the_model_is_the_model() {
    let config = FuseConfig::of(Preset::Small).model;
    let model = config.init(4000, 14, &Device::flex()).unwrap();
    let drawn = model.describe().to_mermaid();
    let page = page("docs/models.md");
    assert_eq!(
        block_after(&page, "<!-- describe: small 4000 14 -->"),
        drawn
    );
}

#[test]
fn the_pictures_of_the_command_are_the_models() {
    let page = page("docs/models.md");
    let sizes = Sizes {
        genes: 2000,
        proteins: 14,
        clusters: 10,
        cells: 1000,
        paper: false,
    };
    for (name, model) in [("scdefr", Shipped::ScDefr), ("inclust", Shipped::Inclust)] {
        let drawn = describe(model, &sizes).unwrap().to_mermaid();
        assert_eq!(
            block_after(&page, &format!("<!-- describe: {name} -->")),
            drawn
        );
    }
}

#[test]
fn the_fourth_model_fits_into_120_lines() {
    assert!(page("examples/custom_fusion.rs").lines().count() <= 120);
}

#[test]
fn the_settings_of_the_readme_are_valid() {
    let page = page("README.md");
    let config = FuseConfig::from_toml(block_after(&page, "<!-- settings -->")).unwrap();
    assert_ne!(
        config,
        FuseConfig::of(Preset::Small),
        "the example changes something"
    );
}
