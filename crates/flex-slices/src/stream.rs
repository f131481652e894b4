//! Random numbers of a thread.

use std::cell::Cell;

thread_local! {
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs `work` with a stream of random words of its own, which [`next_word`] takes from on this thread.
///
/// The generator of a device is one for all threads, so that what two of them draw depends on which is first. Streams may lie within each
/// other: the inner one counts until it ends.
///
/// ```
/// use flex_slices::{next_word, with_stream};
/// let words = |seed| with_stream(seed, || [next_word(), next_word()]);
/// assert_eq!(words(1), words(1));
/// assert_ne!(words(1), words(2));
/// assert_eq!(next_word(), None);
/// ```
pub fn with_stream<R>(seed: u64, work: impl FnOnce() -> R) -> R {
    struct Restore(Option<u64>);
    impl Drop for Restore {
        fn drop(&mut self) {
            STATE.set(self.0);
        }
    }
    let _restore = Restore(STATE.replace(Some(seed)));
    work()
}

/// The next word of the stream around the caller; nothing outside of any.
///
/// Source: splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
pub fn next_word() -> Option<u64> {
    let state = STATE.get()?.wrapping_add(0x9E37_79B9_7F4A_7C15);
    STATE.set(Some(state));
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    Some(z ^ (z >> 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_lie_within_each_other() {
        let outer = with_stream(1, || [next_word(), next_word()]);
        let cut = with_stream(1, || {
            let first = next_word();
            assert_ne!(with_stream(2, next_word), first);
            let failed = std::panic::catch_unwind(|| with_stream(3, || panic!("on purpose")));
            assert!(failed.is_err());
            [first, next_word()]
        });
        assert_eq!(outer, cut);
        assert_eq!(next_word(), None);
    }
}
