//! Views of any strides, made row-major.

/// The elements of a view in row-major order.
///
/// `bytes` are those of the storage from the view's first element to its last in the storage.
pub(super) fn row_major(
    bytes: Vec<u8>,
    item_bytes: usize,
    shape: &[usize],
    strides: &[u64],
) -> Vec<u8> {
    if shape.contains(&0) || is_row_major(shape, strides) {
        return bytes;
    }
    let count: usize = shape.iter().product();
    let mut ordered = Vec::with_capacity(count * item_bytes);
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    for _ in 0..count {
        ordered.extend_from_slice(&bytes[at * item_bytes..(at + 1) * item_bytes]);
        // To the next index: the last dimension turns fastest, like the wheels of a counter.
        for dimension in (0..shape.len()).rev() {
            let stride = strides[dimension] as usize;
            index[dimension] += 1;
            if index[dimension] < shape[dimension] {
                at += stride;
                break;
            }
            at -= (shape[dimension] - 1) * stride;
            index[dimension] = 0;
        }
    }
    ordered
}

/// Whether the elements follow each other; a dimension of one may have any stride.
fn is_row_major(shape: &[usize], strides: &[u64]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&extent, &stride)| {
        let is_in_place = extent == 1 || stride == expected;
        expected *= extent as u64;
        is_in_place
    })
}
