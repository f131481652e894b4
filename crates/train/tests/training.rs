//! Training of a small autoencoder: interrupted and resumed equals uninterrupted, the number of
//! threads changes nothing, parameters are updated where they lie.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use burn::backend::Flex;
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::gelu};
use fusion_core::{CellBatch, FusionModel, LossTerms, ModelGraph, Stage};
use indexmap::IndexMap;
use sc_io::{Dense, Matrix};
use serde_json::json;
use train::{
    CellData, Observer, Outcome, Run, Silent, StepReport, TrainConfig, Trained, seeded_init, train,
};

const GENES: usize = 200;

#[derive(Module, Debug)]
struct Autoencoder {
    encoder: Linear,
    decoder: Linear,
    dropout: Dropout,
    /// Whether parts of a batch run side by side.
    #[module(skip)]
    independent: bool,
    /// Where the encoder's weight lay in each training pass.
    #[module(skip)]
    places: Arc<Mutex<Vec<usize>>>,
}

impl Autoencoder {
    fn new(independent: bool, device: &Device) -> Self {
        Self {
            // More elements than the kernels take in one piece.
            encoder: LinearConfig::new(GENES, 100).init(device),
            decoder: LinearConfig::new(100, GENES).init(device),
            dropout: DropoutConfig::new(0.1).init(),
            independent,
            places: Arc::default(),
        }
    }
}

impl FusionModel for Autoencoder {
    fn stages(&self) -> Vec<Stage> {
        let stage = |name: &str| Stage {
            name: name.into(),
            modalities: vec!["rna".into()],
        };
        vec![stage("first"), stage("second")]
    }

    fn losses(&self, batch: &CellBatch, _: &Stage) -> LossTerms {
        let weight = self.encoder.weight.val();
        if weight.is_autodiff() {
            let flex = weight.inner().try_into_primitive::<Flex>().unwrap();
            let place = flex.bytes().as_ptr() as usize;
            self.places.lock().unwrap().push(place);
        }
        let z = self.embed(batch);
        let z = match self.independent && z.is_autodiff() {
            true => ttt_layer::dropout(z, 0.1),
            false => self.dropout.forward(z),
        };
        let difference = self.decoder.forward(z) - batch.modality("rna");
        LossTerms::new().with("mse", 1.0, difference.square().mean())
    }

    fn independent_parts(&self) -> bool {
        self.independent
    }

    fn embed(&self, batch: &CellBatch) -> Tensor<2> {
        gelu(self.encoder.forward(batch.modality("rna")))
    }

    fn describe(&self) -> ModelGraph {
        ModelGraph::default()
    }
}

/// Dropout draws from one generator per backend, so that one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn data() -> CellData {
    let n = 40;
    let value = |i: usize| ((i * 7919 % 1013) as f32 / 1013.0).powi(3);
    let dense = Dense::new(n, GENES, (0..n * GENES).map(value).collect()).unwrap();
    CellData::new(IndexMap::from([("rna".to_owned(), Matrix::Dense(dense))])).unwrap()
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 3,
        batch_size: 8,
        micro_batch: 3,
        learning_rate: 1e-2,
        warmup_epochs: 1,
        clip_norm: 0.1,
        ..TrainConfig::default()
    }
}

/// Stops after some steps; 0 never does.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn on_step(&mut self, _: &StepReport) {
        self.0 = self.0.wrapping_sub(1);
    }
    fn should_stop(&mut self) -> bool {
        self.0 == 0
    }
}

fn run(
    independent: bool,
    config: &TrainConfig,
    checkpoints: Option<&Path>,
    resume: bool,
    observer: &mut dyn Observer,
) -> Trained<Autoencoder> {
    let device = Device::flex();
    let model = seeded_init(&device.clone().autodiff(), 3, |device| {
        Ok::<_, ()>(Autoencoder::new(independent, device))
    });
    let run = Run {
        config,
        seed: 3,
        device: &device,
        checkpoints,
        resume,
        context: json!({}),
    };
    train(model.unwrap(), &data(), &run, observer).unwrap()
}

/// All parameters.
fn bytes(model: &Autoencoder) -> Vec<u8> {
    struct Bytes(Vec<u8>);
    impl ModuleVisitor for Bytes {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().into_data().as_bytes());
        }
    }
    let mut bytes = Bytes(Vec::new());
    model.visit(&mut bytes);
    bytes.0
}

#[test]
fn a_resumed_run_ends_with_the_same_bytes() {
    let _guard = alone();
    let config = config();
    for independent in [false, true] {
        let run = |folder: Option<&Path>, resume, observer: &mut dyn Observer| {
            run(independent, &config, folder, resume, observer)
        };
        let whole = run(None, false, &mut Silent);
        assert_eq!(whole.outcome, Outcome::Finished);
        let losses: Vec<_> = whole
            .history
            .epochs
            .iter()
            .filter_map(|e| e.validation_loss)
            .collect();
        assert!(losses[2] < losses[0], "{losses:?}");
        // 30 training cells make 3 or 4 steps per epoch: inside an epoch, at the end of the stage, in
        // the second stage.
        for steps in [2, 5, 11] {
            let folder = tempfile::tempdir().unwrap();
            let stopped = run(Some(folder.path()), false, &mut StopAfter(steps));
            assert_eq!(stopped.outcome, Outcome::Interrupted);
            assert_ne!(bytes(&stopped.model), bytes(&whole.model));
            let resumed = run(Some(folder.path()), true, &mut Silent);
            assert_eq!(resumed.outcome, Outcome::Finished);
            assert!(
                bytes(&resumed.model) == bytes(&whole.model),
                "{steps} steps, independent: {independent}"
            );
            assert_eq!(resumed.history, whole.history);
        }
    }
}

#[test]
fn threads_change_nothing() {
    let _guard = alone();
    let config = TrainConfig {
        epochs: 1,
        ..config()
    };
    for independent in [false, true] {
        let [one, two, three] = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| bytes(&run(independent, &config, None, false, &mut Silent).model))
        });
        assert!(one == two && one == three, "independent: {independent}");
    }
}

#[test]
fn parameters_stay_where_they_are() {
    let _guard = alone();
    let config = TrainConfig {
        epochs: 1,
        ..config()
    };
    for independent in [false, true] {
        let trained = run(independent, &config, None, false, &mut Silent);
        let places = trained.model.places.lock().unwrap();
        assert!(places.len() > 20);
        let moves = places.windows(2).filter(|w| w[0] != w[1]).count();
        // The second stage starts from loaded weights: in a new buffer, which its first step copies.
        assert!(moves <= 2, "independent: {independent}: {places:x?}");
    }
}

#[test]
fn what_is_frozen_stays_side_by_side_too() {
    let _guard = alone();
    let config = config();
    let device = Device::flex();
    let run = Run {
        checkpoints: None,
        ..Run::new(&config, 3, &device, Path::new(""))
    };
    let mut model = Autoencoder::new(true, &device.clone().autodiff());
    model.encoder = model.encoder.no_grad();
    let weight = |layer: &Linear| layer.weight.val().into_data().try_to_vec::<f32>().unwrap();
    let (encoder, decoder) = (weight(&model.encoder), weight(&model.decoder));
    let trained = train(model, &data(), &run, &mut Silent).unwrap().model;
    assert_eq!(weight(&trained.encoder), encoder);
    assert_ne!(weight(&trained.decoder), decoder);
}
