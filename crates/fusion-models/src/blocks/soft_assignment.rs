//! Soft clusters by distance to centres.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// Soft assignment of cells to clusters by a Student t kernel around learned centres.
///
/// ```text
/// q[i, k] ~ (1 + |z_i - c_k|² / alpha)^(-(alpha + 1) / 2)          rows sum to 1
/// p[i, k] ~ q[i, k]² / f_k,   f_k = sum_i q[i, k]                  rows sum to 1
/// ```
///
/// `p` is the sharpened target; it is a constant for autodiff. The sums `f` run over all cells, not over a batch: they are
/// part of the state and set by [`with_frequencies`](Self::with_frequencies).
///
/// Shapes: `z [cells, n_latent]`, centres `[n_clusters, n_latent]`, `q` and `p` `[cells, n_clusters]`. Distances are differences
/// squared, so they do not cancel far from the origin.
///
/// Source: Xie, Girshick and Farhadi, "Unsupervised deep embedding for clustering analysis", ICML 2016, equations 1 to 3.
#[derive(Module, Debug)]
pub struct SoftAssignment {
    centres: Param<Tensor<2>>,
    frequencies: Param<Tensor<1>>,
    #[module(skip)]
    alpha: f64,
}

impl SoftAssignment {
    /// Centres at the origin, to be set, and equal frequencies.
    pub fn new(n_clusters: usize, n_latent: usize, alpha: f64, device: &Device) -> Self {
        let ones = Tensor::<1>::ones([n_clusters], device);
        Self {
            centres: Param::from_tensor(Tensor::zeros([n_clusters, n_latent], device)),
            frequencies: Param::from_tensor(ones).set_require_grad(false),
            alpha,
        }
    }

    /// Number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.centres.shape().dims::<2>()[0]
    }

    /// Where the centres are.
    pub fn device(&self) -> Device {
        self.centres.val().device()
    }

    /// `q` of the rows of `z`.
    pub fn assign(&self, z: Tensor<2>) -> Tensor<2> {
        let difference = z.unsqueeze_dim::<3>(1) - self.centres.val().unsqueeze_dim::<3>(0);
        let distance: Tensor<2> = difference.square().sum_dim(2).squeeze_dim(2);
        let kernel = (distance / self.alpha + 1.0).powf_scalar(-(self.alpha + 1.0) / 2.0);
        kernel.clone() / kernel.sum_dim(1)
    }

    /// `p` from `q`, a constant.
    pub fn target(&self, q: Tensor<2>) -> Tensor<2> {
        sharpen(q, self.frequencies.val()).detach()
    }

    /// The same clusters around these centres, `[n_clusters, n_latent]` row by row.
    ///
    /// # Panics
    /// If there are not as many numbers as the centres have.
    pub fn with_centres(self, centres: Vec<f32>) -> Self {
        Self {
            centres: replace(self.centres, centres),
            ..self
        }
    }

    /// The same clusters with the sums of `q` over all cells, `[n_clusters]`.
    ///
    /// # Panics
    /// If there is not one number per cluster.
    pub fn with_frequencies(self, frequencies: Vec<f32>) -> Self {
        Self {
            frequencies: replace(self.frequencies, frequencies),
            ..self
        }
    }
}

/// `p` from `q [cells, n_clusters]` and the sums over the cells `[n_clusters]`.
pub fn sharpen(q: Tensor<2>, frequencies: Tensor<1>) -> Tensor<2> {
    let weight = q.square() / frequencies.unsqueeze_dim::<2>(0);
    weight.clone() / weight.sum_dim(1)
}

fn replace<const D: usize>(param: Param<Tensor<D>>, values: Vec<f32>) -> Param<Tensor<D>> {
    param.map(|old| {
        let data = TensorData::new(values, old.shape());
        Tensor::from_data(data, &old.device()).set_require_grad(old.is_require_grad())
    })
}

/// Divergence of `q` from `p`, mean over the cells: `mean_i sum_k p ln(p / q)`. Both `[cells, n_clusters]`; 0 ln 0 is 0.
pub fn divergence(p: Tensor<2>, q: Tensor<2>) -> Tensor<1> {
    let tiny = f32::MIN_POSITIVE;
    let log_ratio = p.clone().clamp_min(tiny).log() - q.clamp_min(tiny).log();
    (p * log_ratio).sum_dim(1).mean()
}

/// Cross-entropy of `q` against `p`, mean over cells and clusters: `-mean(p ln q + (1 - p) ln(1 - q))`. Logarithms are not taken
/// below those of 1e-38, so a loss is at most 88.
pub fn cross_entropy(p: Tensor<2>, q: Tensor<2>) -> Tensor<1> {
    let log = |x: Tensor<2>| x.clamp_min(f32::MIN_POSITIVE).log();
    let entropy = p.clone() * log(q.clone()) + (-p + 1.0) * log(-q + 1.0);
    -entropy.mean()
}
