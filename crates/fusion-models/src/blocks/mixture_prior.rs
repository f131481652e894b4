//! A mixture of normals with learned means as the prior of latent vectors.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::normal;

/// Unit-variance normals around learned means, one per component.
///
/// ```text
/// KL_ik = KL( N(m_i, diag e^v_i) || N(mu_k, I) ) = 1/2 [ sum_t (e^v_it - v_it - 1) + |m_i - mu_k|^2 ]
/// ```
///
/// The squared distances come from one product of matrices, so that no tensor of cells x components x width is made. Source: inClust+
/// (public code), after VaDE (Jiang et al., IJCAI 2017) with unit variances.
#[derive(Module, Debug)]
pub struct MixturePrior {
    /// `[components, n_latent]`
    pub means: Param<Tensor<2>>,
}

impl MixturePrior {
    /// Means drawn from `N(0, std^2)`; published 0, where all components are the same until the classifier tells them apart.
    pub fn new(n_components: usize, n_latent: usize, std: f64, device: &Device) -> Self {
        let means = match std > 0.0 {
            true => normal([n_components, n_latent], std, device),
            false => Param::from_tensor(Tensor::zeros([n_components, n_latent], device)),
        };
        Self { means }
    }

    /// Number of components.
    pub fn n_components(&self) -> usize {
        self.means.val().dims()[0]
    }

    /// Divergence from each component, `[rows, components]`, of normals with means, standard deviations and log variances `[rows, n_latent]`; the last two are one
    /// number in two ways, both of which the caller has.
    pub fn divergences(&self, mean: Tensor<2>, std: Tensor<2>, log_var: Tensor<2>) -> Tensor<2> {
        let mu = self.means.val();
        let spread = (std.square() - log_var - 1.0).sum_dim(1);
        let own = mean.clone().square().sum_dim(1);
        let centre = mu.clone().square().sum_dim(1).transpose();
        let distance = own - mean.matmul(mu.transpose()) * 2.0 + centre;
        (spread + distance) * 0.5
    }
}
