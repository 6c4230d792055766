//! Mirrors and quarter turns of square views, in place, for pixels of any kind.

/// Mirrors left and right.
pub(super) fn flip<P>(pixels: &mut [P], width: usize) {
    for row in pixels.chunks_exact_mut(width) {
        row.reverse();
    }
}

/// Mirrors top and bottom.
pub(super) fn flip_vertically<P>(pixels: &mut [P], width: usize) {
    let height = pixels.len() / width;
    let (upper, lower) = pixels.split_at_mut(height / 2 * width);
    for (above, below) in upper.chunks_exact_mut(width).zip(lower.rchunks_exact_mut(width)) {
        above.swap_with_slice(below);
    }
}

/// Turns a square of side `side` by quarters, against the clock.
///
/// # Source
/// Pillow's `Image.rotate` by 90, 180 and 270 degrees.
pub(super) fn turn<P>(pixels: &mut [P], side: usize, quarters: u8) {
    match quarters % 4 {
        0 => {}
        1 => {
            transpose(pixels, side);
            flip_vertically(pixels, side);
        }
        2 => pixels.reverse(),
        _ => {
            transpose(pixels, side);
            flip(pixels, side);
        }
    }
}

fn transpose<P>(pixels: &mut [P], side: usize) {
    for y in 0..side {
        for x in 0..y {
            pixels.swap(y * side + x, x * side + y);
        }
    }
}
