//! The optimiser.

use burn::backend::flex::FlexTensor;
use burn::optim::{
    AdamWConfig, AdamWState, AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer,
};
use burn::tensor::{Device, Tensor};
use flex_slices::{FlexFloat, by_type, dense, slice, slice_mut};

use crate::flex::{primitive, served, tensor};
use crate::kernel::{self, AdamWStep, Real};

/// AdamW (Adam with decoupled weight decay), one pass over memory per step on Flex.
///
/// For every element `p` of a parameter of any shape, its gradient `g` and its moments `m`, `v`
/// (which start at 0), in step `t = 1, 2, ..`:
///
/// ```text
/// m <- β₁ m + (1 - β₁) g
/// v <- β₂ v + (1 - β₂) g²
/// p <- (1 - rate λ) p - rate (m / (1 - β₁ᵗ)) / (sqrt(v / (1 - β₂ᵗ)) + ε)
/// ```
///
/// It is an [`Optimizer`] of burn: [`init`](Self::init) makes a [`ModuleOptimizer`] with parameter
/// groups, schedules and records. The state is that of burn's `AdamW`, so records of one are read by
/// the other.
///
/// # Numerics
///
/// On Flex in `f32` and `f64` a step gives the same bytes as burn 0.22.1's `AdamW`: the same
/// operations in the same order, each rounded by itself, with any number of threads and any
/// instruction set. Other devices and types run burn's `AdamW`.
///
/// As in burn, `β`, `ε`, `λ`, `1 - β` and the corrections `1 - βᵗ` are `f32` for every element type.
/// PyTorch's `AdamW` (Loshchilov and Hutter 2019) computes them in doubles and multiplies by
/// `rate / (1 - β₁ᵗ)` and `1 / sqrt(1 - β₂ᵗ)` instead of dividing the moments; decay and `ε` are in the
/// same places. In `f32`, `1 - 0.999` is 1.3e-5 too small, relatively, and `1 - 0.999ᵗ` loses digits
/// while `t` is small: after the 40 steps of the golden test the parameters differ from PyTorch's
/// in doubles by up to 7e-5 learning rates.
///
/// # Sources
///
/// Loshchilov and Hutter, *Decoupled weight decay regularization*, 2019. No AMSGrad and no cautious
/// decay: take burn's `AdamW` for those.
///
/// # Example
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::optim::GradientsParams;
/// use burn::tensor::{Device, Tensor};
/// use fused_optim::FusedAdamW;
///
/// let device = Device::flex().autodiff();
/// let mut model = LinearConfig::new(3, 2).init(&device);
/// let mut optimizer = FusedAdamW::new().with_weight_decay(1e-4).init();
/// for _ in 0..3 {
///     let loss = model.forward(Tensor::<2>::ones([4, 3], &device)).square().mean();
///     let gradients = GradientsParams::from_grads(loss.backward(), &model);
///     model = optimizer.step(1e-2, model, gradients); // by value: updated in place
/// }
/// let bytes = optimizer.into_bytes().unwrap();
/// let resumed = FusedAdamW::new().with_weight_decay(1e-4).init().from_bytes(bytes).unwrap();
/// # let _ = (model, resumed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedAdamW {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    weight_decay: f32,
}

impl Default for FusedAdamW {
    fn default() -> Self {
        Self::new()
    }
}

impl FusedAdamW {
    /// With PyTorch's defaults: `β = (0.9, 0.999)`, `ε = 1e-8`, `λ = 1e-2`.
    pub fn new() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 1e-2,
        }
    }

    /// With other shares of the moments that stay per step.
    ///
    /// # Panics
    ///
    /// When one is not in `[0, 1)`.
    pub fn with_betas(mut self, beta_1: f32, beta_2: f32) -> Self {
        for beta in [beta_1, beta_2] {
            assert!(
                (0.0..1.0).contains(&beta),
                "AdamW: beta = {beta} must be at least 0 and below 1"
            );
        }
        (self.beta_1, self.beta_2) = (beta_1, beta_2);
        self
    }

    /// With another `ε`.
    ///
    /// # Panics
    ///
    /// When it is negative or not finite.
    pub fn with_epsilon(mut self, epsilon: f32) -> Self {
        assert!(
            epsilon.is_finite() && epsilon >= 0.0,
            "AdamW: epsilon = {epsilon} must be finite and not negative"
        );
        self.epsilon = epsilon;
        self
    }

    /// With another weight decay `λ`.
    ///
    /// # Panics
    ///
    /// When it is negative or not finite.
    pub fn with_weight_decay(mut self, weight_decay: f32) -> Self {
        assert!(
            weight_decay.is_finite() && weight_decay >= 0.0,
            "AdamW: weight_decay = {weight_decay} must be finite and not negative"
        );
        self.weight_decay = weight_decay;
        self
    }

    /// An optimiser of whole modules.
    pub fn init(self) -> ModuleOptimizer {
        ModuleOptimizer::from(self)
    }

    /// The numbers of step `time`, rounded where burn rounds them.
    fn numbers<T: Real + FlexFloat>(&self, rate: LearningRate, time: usize) -> AdamWStep<T> {
        let of = |x: f32| T::of(f64::from(x));
        let time = time as i32;
        AdamWStep {
            beta_1: of(self.beta_1),
            beta_2: of(self.beta_2),
            gain_1: of(1.0 - self.beta_1),
            gain_2: of(1.0 - self.beta_2),
            correction_1: of(1.0 - self.beta_1.powi(time)),
            correction_2: of(1.0 - self.beta_2.powi(time)),
            epsilon: of(self.epsilon),
            keep: T::of(1.0 - rate * f64::from(self.weight_decay)),
            rate: T::of(rate),
        }
    }

    /// The same optimiser in tensor operations.
    fn in_operations(&self) -> burn::optim::AdamW {
        AdamWConfig::new()
            .with_beta_1(self.beta_1)
            .with_beta_2(self.beta_2)
            .with_epsilon(self.epsilon)
            .with_weight_decay(self.weight_decay)
            .build()
    }
}

/// The buffers of one step.
struct Buffers {
    parameter: FlexTensor,
    gradient: FlexTensor,
    moment_1: FlexTensor,
    moment_2: FlexTensor,
}

fn run<T: Real + FlexFloat>(
    optimizer: &FusedAdamW,
    rate: LearningRate,
    time: usize,
    buffers: &mut Buffers,
) {
    kernel::adamw(
        &optimizer.numbers::<T>(rate, time),
        time == 1,
        slice_mut(&mut buffers.parameter),
        slice::<T>(&buffers.gradient),
        slice_mut(&mut buffers.moment_1),
        slice_mut(&mut buffers.moment_2),
    );
}

impl Optimizer for FusedAdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let dtype = parameter.dtype();
        let like = |x: &Tensor<D>| served(x) && x.dtype() == dtype;
        let moments = state.as_ref().map(|s| &s.momentum);
        if !like(&parameter)
            || !like(&gradient)
            || moments.is_some_and(|m| !like(&m.moment_1) || !like(&m.moment_2))
        {
            return self.in_operations().step(lr, parameter, gradient, state);
        }
        let shape = parameter.shape();
        assert_eq!(shape, gradient.shape(), "AdamW: shape of the gradient");
        let (time, moment_1, moment_2, max_moment_2) = match state {
            Some(AdamWState { momentum: m }) => (
                m.time + 1,
                primitive(m.moment_1),
                primitive(m.moment_2),
                m.max_moment_2,
            ),
            None => {
                let fresh = || FlexTensor::zeros(shape.clone(), dtype);
                (1, fresh(), fresh(), None)
            }
        };
        let mut buffers = Buffers {
            parameter: primitive(parameter),
            gradient: dense(primitive(gradient)),
            moment_1,
            moment_2,
        };
        by_type!(dtype, run(self, lr, time, &mut buffers));
        let mut momentum =
            AdaptiveMomentumState::new(time, tensor(buffers.moment_1), tensor(buffers.moment_2));
        momentum.max_moment_2 = max_moment_2;
        (tensor(buffers.parameter), Some(AdamWState::new(momentum)))
    }

    fn to_device<const D: usize>(mut state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}
