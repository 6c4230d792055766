//! What an encoder's file says of itself.

use serde::{Deserialize, Serialize};

use crate::encoder::EncoderConfig;

/// The metadata key under which a file keeps its [`EncoderFacts`], as sorted JSON.
pub const FACTS_KEY: &str = "barlow";

/// What a user of the encoder must know: its form and the images it expects. No times, no paths:
/// the same weights give the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderFacts {
    /// What the encoder is made of.
    pub encoder: EncoderConfig,
    /// Side of the images it was trained on, pixels.
    pub image_size: usize,
    /// Shorter side before the evaluation's centre crop, pixels.
    pub resize: usize,
    /// Subtracted from each channel (of values 0..1).
    pub mean: Vec<f32>,
    /// Divides each channel.
    pub std: Vec<f32>,
    /// How image files become values 0..1, in words that are not understood here.
    #[serde(default)]
    pub files: serde_json::Value,
    /// What it was trained by.
    pub objective: String,
    /// Epochs done.
    pub epoch: u64,
    /// Version of the program.
    pub version: String,
}
