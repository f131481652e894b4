//! A linear layer that takes sparse rows.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay, Param};
use burn::nn::{Initializer, Linear};
use burn::tensor::{Device, Tensor};

use crate::{CsrTensor, dense_linear, sparse_linear};

/// Configuration of [`SparseLinear`], with the defaults of burn's `LinearConfig`.
#[derive(Config, Debug)]
pub struct SparseLinearConfig {
    /// Number of input features.
    pub d_input: usize,
    /// Number of output features.
    pub d_output: usize,
    /// Whether a bias is added.
    #[config(default = true)]
    pub bias: bool,
    /// Start of weight and bias; by default uniform in `±sqrt(1 / d_input)`.
    #[config(default = "Initializer::KaimingUniform{gain:1.0/3.0f64.sqrt(), fan_out_only:false}")]
    pub initializer: Initializer,
}

impl SparseLinearConfig {
    /// Initialises the layer with the numbers that a [`Linear`] layer of these settings gets from
    /// the same seed.
    pub fn init(&self, device: &Device) -> SparseLinear {
        let fans = [Some(self.d_input), Some(self.d_output)];
        let [fan_in, fan_out] = fans;
        let shape = [self.d_input, self.d_output];
        let weight = self.initializer.init_with(shape, fan_in, fan_out, device);
        let bias = || {
            let shape = [self.d_output];
            self.initializer.init_with(shape, fan_in, fan_out, device)
        };
        SparseLinear {
            weight,
            bias: self.bias.then(bias),
        }
    }
}

/// `y = x W + b` for sparse or dense rows `x`: burn's [`Linear`] with an entrance for counts.
///
/// Parameters have the names, shapes and start of [`Linear`], so that a record of one loads into the
/// other.
///
/// ```
/// use burn::tensor::Device;
/// use sparse_ops::{CsrTensor, SparseLinearConfig};
///
/// let device = Device::flex();
/// let layer = SparseLinearConfig::new(4, 8).init(&device);
/// let x = CsrTensor::from_slices([2, 4], &[0, 1, 3], &[2, 0, 3], &[1.0f32, 2.0, 1.0], &device)?;
/// let (sparse, dense) = (layer.forward(&x), layer.forward_dense(x.to_dense()));
/// assert_eq!(sparse.dims(), [2, 8]);
/// assert!((sparse - dense).abs().max().into_scalar::<f32>() < 1e-6);
/// # Ok::<(), sparse_ops::SparseError>(())
/// ```
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct SparseLinear {
    /// `[d_input, d_output]`
    pub weight: Param<Tensor<2>>,
    /// `[d_output]`
    pub bias: Option<Param<Tensor<1>>>,
}

impl SparseLinear {
    /// # Shapes
    ///
    /// - input: `[rows, d_input]`
    /// - output: `[rows, d_output]`
    ///
    /// # Panics
    ///
    /// As [`sparse_linear`].
    pub fn forward(&self, x: &CsrTensor) -> Tensor<2> {
        sparse_linear(x, self.weight.val(), self.bias.as_ref().map(|b| b.val()))
    }

    /// The same for dense rows, as [`Linear`].
    ///
    /// # Shapes
    ///
    /// - input: `[rows, d_input]`
    /// - output: `[rows, d_output]`
    ///
    /// # Panics
    ///
    /// When the shapes do not fit.
    pub fn forward_dense(&self, x: Tensor<2>) -> Tensor<2> {
        dense_linear(x, self.weight.val(), self.bias.as_ref().map(|b| b.val()))
    }
}

impl From<Linear> for SparseLinear {
    /// The same parameters with the same identities.
    fn from(Linear { weight, bias }: Linear) -> Self {
        Self { weight, bias }
    }
}

impl From<SparseLinear> for Linear {
    /// The same parameters with the same identities.
    fn from(SparseLinear { weight, bias }: SparseLinear) -> Self {
        Self { weight, bias }
    }
}

impl ModuleDisplay for SparseLinear {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new()
            .with_new_line_after_attribute(false)
            .optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let [d_input, d_output] = self.weight.shape().dims();
        content
            .add("d_input", &d_input)
            .add("d_output", &d_output)
            .add("bias", &self.bias.is_some())
            .optional()
    }
}
