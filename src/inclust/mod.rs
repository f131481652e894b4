//! inClust+ from files to results: `cellweave generate`, `impute`, `transfer`, `integrate`, `domains` and `map`.
//!
//! All but the last are the same three steps. [`Part`]s are files as they are; [`Joined`] is several of them as one data set with a plan of masks, in which
//! features that the same files have are a group; [`fit`] trains a few models on it, whose averaged predictions are read
//! out by group. What a verb adds is which files, what is asked of the models, and how it is written.

mod calibration;
mod components;
mod config;
mod domains;
mod fit;
mod generate;
mod groups;
mod impute;
mod integrate;
mod joined;
mod labeller;
mod linear;
mod map;
mod novelty;
mod part;
mod reference;
mod summary;
mod surprise;
mod task;
mod transfer;
mod values;

pub use calibration::{expected_calibration_error, temperature};
pub use config::{InclustSettings, KindWeights, Likelihoods, PlanKind, Scaling};
pub use domains::{DomainFiles, domains};
pub use fit::{FitOptions, Fitted, Predictions, fit};
pub use generate::{GenerateFiles, generate};
pub use impute::{ImputeFiles, impute};
pub use integrate::{IntegrateFiles, integrate};
pub use joined::{Group, Joined, Known, Units};
pub use map::{MapFiles, map};
pub use novelty::{enrichment, novelty};
pub use part::{Kind, Measured, Part};
pub use summary::InclustSummary;
pub use task::{Done, TaskOptions};
pub use transfer::{TransferFiles, UNKNOWN, transfer};
