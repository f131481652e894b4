use proptest::prelude::*;

use super::*;

fn groups(names: &[(&str, usize)]) -> Vec<FeatureGroup> {
    let group = |&(name, n_features): &(&str, usize)| FeatureGroup {
        name: name.to_owned(),
        n_features,
    };
    names.iter().map(group).collect()
}

fn source(name: &str, measured: &[usize]) -> Source {
    Source {
        name: name.to_owned(),
        measured: GroupSet::of(measured.iter().copied()),
    }
}

fn rows(plan: &MaskPlan) -> Vec<String> {
    plan.to_string()
        .lines()
        .skip(1)
        .map(|line| {
            line.split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

/// Section 5.1 of the notes on the published program: its masks hold that many ones.
#[test]
fn imputation_has_the_published_entries() {
    let plan = MaskPlan::imputation(
        groups(&[("common", 122), ("specific", 31)]),
        vec![source("scRNA", &[0, 1]), source("MERFISH", &[0])],
    )
    .unwrap();
    assert_eq!(
        rows(&plan),
        ["scRNA common common + specific", "MERFISH common common"]
    );
    assert_eq!(plan.entries(&[30_370, 64_373]), (11_558_646, 12_500_116));
}

#[test]
fn mosaic_has_the_published_blocks() {
    let plan = MaskPlan::mosaic(
        groups(&[("A", 3), ("P", 3), ("T", 3)]),
        vec![source("D1", &[0, 1]), source("D2", &[1, 2])],
    )
    .unwrap();
    let expected = ["D1 A A", "D1 P P", "D1 P A", "D2 P P", "D2 T T", "D2 P T"];
    assert_eq!(rows(&plan), expected);
    // A of D1 -> P is never trained, but P was measured; T is reached through P.
    assert_eq!(plan.route(0, 2).unwrap(), [1, 2]);
    assert_eq!(plan.route(1, 0).unwrap(), [1, 0]);
}

#[test]
fn paired_data_go_every_way() {
    let two = groups(&[("rna", 5), ("adt", 2)]);
    let plan = MaskPlan::paired(
        two.clone(),
        vec![source("a", &[0, 1]), source("b", &[0, 1])],
    );
    assert_eq!(
        rows(&plan.unwrap())[..4],
        ["a rna rna", "a rna adt", "a adt adt", "a adt rna"]
    );
    let refused = MaskPlan::paired(two, vec![source("a", &[0])]).unwrap_err();
    assert!(refused.to_string().contains("two modalities"));
}

/// Data sets with a modality of their own each: A with B, B with C, C with D.
#[test]
fn chains_are_found() {
    let plan = MaskPlan::all_ways(
        groups(&[("a", 2), ("b", 2), ("c", 2), ("d", 2)]),
        vec![
            source("x", &[0, 1]),
            source("y", &[1, 2]),
            source("z", &[2, 3]),
        ],
        true,
    )
    .unwrap();
    assert_eq!(plan.route(0, 3).unwrap(), [1, 2, 3]);
    assert_eq!(plan.route(2, 0).unwrap(), [2, 1, 0]);
}

#[test]
fn own_modalities_without_a_link_are_unreachable() {
    let plan = MaskPlan::all_ways(
        groups(&[("rna", 2), ("atac", 2)]),
        vec![source("x", &[0]), source("y", &[1])],
        true,
    )
    .unwrap();
    let refused = plan.route(0, 1).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "'atac' cannot be generated for 'x': no row of the plan leads there from what was measured"
    );
}

#[test]
fn the_default_plan_has_a_row_per_link() {
    let plan = MaskPlan::from_shared(
        groups(&[("rna", 5), ("adt", 2)]),
        vec![source("reference", &[0, 1]), source("query", &[0])],
    )
    .unwrap();
    let expected = [
        "reference rna rna + adt",
        "reference rna + adt rna + adt",
        "query rna rna",
    ];
    assert_eq!(rows(&plan), expected);
}

#[test]
fn faults_name_their_row() {
    let two = || groups(&[("rna", 5), ("adt", 2)]);
    let sources = || vec![source("reference", &[0, 1]), source("query", &[0])];
    let pass = |source, visible: &[usize], scored: &[usize]| Pass {
        source,
        visible: GroupSet::of(visible.iter().copied()),
        scored: GroupSet::of(scored.iter().copied()),
    };
    let refused = |passes| {
        MaskPlan::new(two(), sources(), passes)
            .unwrap_err()
            .to_string()
    };
    let good = pass(0, &[0], &[1]);
    assert_eq!(
        refused(vec![good, pass(1, &[0], &[1])]),
        "row 2 of the plan: 'adt' is to be scored, but was never measured in 'query'"
    );
    assert_eq!(
        refused(vec![good, pass(1, &[1], &[0])]),
        "row 2 of the plan: 'adt' is to be shown, but was never measured in 'query'"
    );
    assert_eq!(
        refused(vec![good, pass(1, &[0], &[])]),
        "row 2 of the plan ('query'): nothing is scored"
    );
    assert!(refused(vec![pass(0, &[], &[0])]).contains("row 1"));
    assert!(refused(vec![pass(7, &[0], &[0])]).contains("no source number 7"));
    assert!(refused(vec![good]).contains("'query'"));
    let empty = MaskPlan::imputation(groups(&[("common", 0)]), vec![source("a", &[0])]);
    assert!(empty.unwrap_err().to_string().contains("share none"));
    let apart = MaskPlan::imputation(two(), vec![source("a", &[0]), source("b", &[1])]);
    assert!(apart.unwrap_err().to_string().contains("there is none"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rows_of_a_batch(
        measured in prop::collection::vec(1u64..16, 1..4),
        cells in prop::collection::vec(0usize..3, 1..20),
        probability in 0.0..1.0f64,
    ) {
        let groups = groups(&[("a", 2), ("b", 3), ("c", 4), ("d", 1)]);
        let sources: Vec<Source> = measured
            .iter()
            .enumerate()
            .map(|(i, bits)| {
                let set: Vec<usize> = (0..4).filter(|g| bits & (1 << g) != 0).collect();
                source(&format!("s{i}"), &set)
            })
            .collect();
        let plan = MaskPlan::all_ways(groups, sources, true).unwrap();
        let of: Vec<u32> = cells.iter().map(|&c| (c % measured.len()) as u32).collect();
        let mut rows = plan.expand(&of);
        // Every cell goes through each row of its source, and weighs the same.
        let mut weight = vec![0.0; of.len()];
        for (row, w) in rows.weights().into_iter().enumerate() {
            let cell = rows.cells()[row];
            prop_assert_eq!(plan.passes()[rows.passes()[row]].source, of[cell] as usize);
            weight[cell] += w;
        }
        prop_assert!(weight.iter().all(|w| (w * of.len() as f32 - 1.0).abs() < 1e-5));
        let before = rows.clone();
        rows.hide_groups(probability, |cell, pass| (cell * 31 + pass) as u64);
        for row in 0..rows.len() {
            prop_assert!(!rows.visible()[row].is_empty());
            prop_assert!(rows.visible()[row].is_within(before.visible()[row]));
        }
        prop_assert_eq!(rows.scored(), before.scored());
    }
}

#[test]
fn with_one_row_each_the_cells_of_a_batch_stay_in_order() {
    let pass = |source, visible: &[usize]| Pass {
        source,
        visible: GroupSet::of(visible.iter().copied()),
        scored: GroupSet::of([0]),
    };
    let expand = |passes| {
        let groups = groups(&[("rna", 5), ("adt", 2)]);
        let sources = vec![source("reference", &[0, 1]), source("query", &[0])];
        let plan = MaskPlan::new(groups, sources, passes).unwrap();
        plan.expand(&[1, 0, 0, 1])
    };
    let one = expand(vec![pass(0, &[0]), pass(1, &[0])]);
    assert!(one.are_cells());
    assert_eq!(one.passes(), [1, 0, 0, 1]);
    let two = expand(vec![pass(0, &[0]), pass(1, &[0]), pass(0, &[1])]);
    assert_eq!(two.cells(), [1, 2, 0, 3, 1, 2]);
    assert_eq!(two.passes(), [0, 0, 1, 1, 2, 2]);
}
