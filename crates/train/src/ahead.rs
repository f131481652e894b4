//! Batches that are made while the step before runs.

use std::sync::mpsc::sync_channel;
use std::thread;

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use fusion_core::{CellBatch, Draw};

use crate::CellData;

/// Calls `work` with the batches of `parts` in their order. On the CPU the next one is made on a thread of its own, since single steps leave
/// cores idle; at most `n_ready` wait. The tensors of other devices stay with the thread that works on them.
pub(crate) fn batches_ahead<'a, R>(
    data: &CellData,
    parts: impl Iterator<Item = (&'a [usize], Draw)> + Send,
    device: &Device,
    n_ready: usize,
    work: impl FnOnce(&mut dyn Iterator<Item = CellBatch>) -> R,
) -> R {
    let mut batches = parts.map(|(rows, draw)| data.batch(rows, draw, device));
    if !on_cpu(device) {
        return work(&mut batches);
    }
    thread::scope(|scope| {
        let (send, ready) = sync_channel(n_ready.saturating_sub(1));
        // Where the work ends before its batches do, nobody takes the next one.
        scope.spawn(move || batches.all(|batch| send.send(batch).is_ok()));
        work(&mut ready.into_iter())
    })
}

/// Whether tensors of a device are in memory that all threads work on.
pub(crate) fn on_cpu(device: &Device) -> bool {
    let inner = device.clone().inner();
    matches!(inner.as_dispatch(), DispatchDevice::Flex(_))
}

#[cfg(test)]
mod tests {
    use sc_io::{Dense, Matrix};

    use super::*;

    #[test]
    fn batches_come_in_order_and_need_not_all_be_taken() {
        let values = Dense::new(6, 1, (0..6).map(|v| v as f32).collect()).unwrap();
        let data = CellData::new([("rna".to_owned(), Matrix::Dense(values))].into()).unwrap();
        let rows: Vec<usize> = (0..6).rev().collect();
        for device in [Device::flex(), Device::flex().autodiff()] {
            let parts = || rows.chunks(2).map(|rows| (rows, Draw::new(0)));
            let all: Vec<Vec<usize>> =
                batches_ahead(&data, parts(), &device, 1, |b| b.map(|b| b.rows).collect());
            assert_eq!(all, [vec![5, 4], vec![3, 2], vec![1, 0]]);
            let first = batches_ahead(&data, parts(), &device, 1, |b| b.next());
            assert_eq!(first.map(|b| b.rows), Some(vec![5, 4]));
        }
    }
}
