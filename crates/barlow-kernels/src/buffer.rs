//! Memory that is used again: a training step asks for the same sizes every time.
//!
//! Fresh memory costs a page fault for every 4 KiB, which for large activations is as dear as
//! computing them. Buffers go back to a store when dropped and come out of it unclean.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use crate::Element;

/// Alignment of every buffer: a cache line and a vector register.
const ALIGNMENT: usize = 64;

/// Memory owned by nobody, by size in bytes.
static STORE: Mutex<BTreeMap<usize, Vec<Block>>> = Mutex::new(BTreeMap::new());

struct Block(NonNull<u8>);

// SAFETY: a block is plain memory that its holder alone may touch.
unsafe impl Send for Block {}

/// An array whose memory is aligned to 64 bytes and used again after it.
pub struct Buffer<T> {
    start: NonNull<T>,
    length: usize,
    bytes: usize,
}

// SAFETY: a buffer owns its memory like a `Vec`, and elements are plain numbers.
unsafe impl<T: Send> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Buffer<T> {}

impl<T: Element> Buffer<T> {
    /// Holds `length` values of whatever was there before (always valid numbers).
    ///
    /// # Panics
    /// If so many values fit no memory.
    pub fn dirty(length: usize) -> Self {
        let bytes = length.checked_mul(size_of::<T>()).expect("a size that fits memory");
        let bytes = size_class(bytes);
        let stored = {
            let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
            store.get_mut(&bytes).and_then(Vec::pop)
        };
        let block = stored.unwrap_or_else(|| allocate(bytes));
        Self { start: block.0.cast(), length, bytes }
    }

    /// Holds `length` zeros.
    ///
    /// # Panics
    /// If so many values fit no memory.
    pub fn zeroed(length: usize) -> Self {
        let mut buffer = Self::dirty(length);
        buffer.fill(T::default());
        buffer
    }
}

/// Gives the memory of all dropped buffers back to the system.
pub fn release_dropped() {
    let store = std::mem::take(&mut *STORE.lock().unwrap_or_else(PoisonError::into_inner));
    for (bytes, blocks) in store {
        for block in blocks {
            // SAFETY: `allocate` made the block with this layout, and the store owned it.
            unsafe { dealloc(block.0.as_ptr(), layout(bytes)) };
        }
    }
}

/// Sizes are rounded up by at most an eighth, so that nearly equal ones share memory.
fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(ALIGNMENT);
    let step = (bytes.next_power_of_two() / 16).max(ALIGNMENT);
    bytes.next_multiple_of(step)
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, ALIGNMENT)
        .expect("the size fits memory, or it was not allocated")
}

fn allocate(bytes: usize) -> Block {
    // SAFETY: the size is not 0.
    let start = unsafe { alloc_zeroed(layout(bytes)) };
    Block(NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout(bytes))))
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
        store.entry(self.bytes).or_default().push(Block(self.start.cast()));
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the memory holds `length` values, zeros at first, and is ours alone.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_hold_what_they_are_asked_for_and_waste_at_most_an_eighth() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, 123_456_789]) {
            let class = size_class(bytes);
            assert!(class >= bytes && class.is_multiple_of(ALIGNMENT), "{bytes}: {class}");
            assert!(class - bytes <= bytes / 8 + ALIGNMENT, "{bytes}: {class}");
            assert_eq!(size_class(class), class);
        }
    }

    #[test]
    fn buffers_are_aligned_and_hold_their_values() {
        for length in [0, 1, 31, 1000, 100_000] {
            let mut buffer = Buffer::<f32>::zeroed(length);
            assert_eq!(buffer.as_ptr().addr() % ALIGNMENT, 0);
            buffer.iter_mut().enumerate().for_each(|(i, v)| *v = i as f32);
            assert!(buffer.iter().enumerate().all(|(i, v)| v.to_bits() == (i as f32).to_bits()));
        }
    }
}
