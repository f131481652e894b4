//! Where tensors live.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// The device that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The CPU, through burn's `flex` backend.
    #[default]
    Cpu,
    /// A GPU through WGSL (Vulkan, Metal, DirectX); feature `wgpu`.
    Wgpu,
    /// An NVIDIA GPU through CUDA; feature `cuda`.
    Cuda,
    /// The CPU, through burn's older `ndarray` backend; feature `ndarray`.
    Ndarray,
}

/// A device that this build does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this build has no device '{name}'; build with `--features {name}`, or take the device 'cpu'"
)]
pub struct DeviceError {
    name: &'static str,
}

impl DeviceChoice {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
            Self::Ndarray => "ndarray",
        }
    }

    /// The device, without autodiff.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(Default::default())),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated)]
            Self::Ndarray => Ok(Device::ndarray()),
            #[allow(unreachable_patterns)]
            other => Err(DeviceError { name: other.name() }),
        }
    }
}
