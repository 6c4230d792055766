//! Products of matrices in f32, and the objective that is made of them.
//!
//! Matrices are held in panels of 64 columns, `[columns/64][rows][64]` ([`panels`]): a panel is what
//! the innermost product ([`tile`]) wants to its right, and any panels serve to its left. Sums over
//! long depths are cut into parts by shape and added in order ([`partial`]).

mod barlow_twins;
mod cross;
mod gram;
mod matrix;
mod panels;
mod partial;
mod standardise;
mod tile;
mod transpose;

#[cfg(test)]
mod tests;

pub use barlow_twins::{BarlowTwins, ProductForm};
pub use matrix::PanelMatrix;

/// Columns of a panel.
const PANEL: usize = 64;
