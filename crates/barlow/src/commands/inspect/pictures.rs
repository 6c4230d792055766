//! What `inspect` draws: cross-correlation matrices, and images beside their nearest.

use std::path::{Path, PathBuf};

use anyhow::Context;
use barlow_data::Image;
use barlow_data::source::{Source, is_spread};
use barlow_data::views::{NeighbourRow, Scratch, neighbour_sheet};
use barlow_eval::{Features, nearest};
use barlow_train::storage::{Disk, write_atomically};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::Part;
use crate::commands::export;
use crate::frozen::Frozen;

const NEIGHBOURS: &str = "neighbours.png";
/// Images on the sheet, and how many nearest each has.
const QUERIES: usize = 12;
const NEAREST: usize = 5;
/// Smaller images are drawn larger.
const SMALLEST_CELL_PX: usize = 64;

fn matrix(layer: &str) -> String {
    format!("cross-correlation-{layer}.png")
}

/// Refuses to replace pictures unasked.
pub(super) fn refuse_existing(folder: &Path, overwrite: bool) -> anyhow::Result<()> {
    let names = [matrix("representation"), matrix("embedding"), NEIGHBOURS.to_owned()];
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    export::refuse_existing(&paths, overwrite)
}

/// Draws all pictures and gives their paths.
pub(super) fn draw(
    folder: &Path,
    parts: &[Part],
    frozen: &Frozen,
    source: &dyn Source,
    features: &Features,
) -> anyhow::Result<Vec<String>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("`{}` cannot be made", folder.display()))?;
    let mut written = Vec::new();
    let mut put = |name: &str, image: &Image| -> anyhow::Result<()> {
        let path = folder.join(name);
        let (width, height) = (image.width as u32, image.height as u32);
        write_atomically(&Disk, &path, |writer| -> anyhow::Result<()> {
            let encoder = PngEncoder::new(writer);
            Ok(encoder.write_image(&image.pixels, width, height, ExtendedColorType::Rgb8)?)
        })
        .with_context(|| format!("`{}` cannot be written", path.display()))?;
        written.push(path.display().to_string());
        Ok(())
    };
    for part in parts {
        put(&matrix(part.layer), &part.cross_correlation.picture())?;
    }
    put(NEIGHBOURS, &neighbours(frozen, source, features)?)?;
    Ok(written)
}

/// Some images, spread over the source, beside their nearest.
fn neighbours(frozen: &Frozen, source: &dyn Source, features: &Features) -> anyhow::Result<Image> {
    let pipeline = frozen.pipeline(&[])?;
    let mut scratch = Scratch::default();
    let mut thumbnail = |id: u64| -> anyhow::Result<Image> {
        Ok(pipeline.original(&source.load(id as usize)?, &mut scratch))
    };
    let found = nearest(features, None, NEAREST)?;
    let len = features.len();
    let mut rows = Vec::new();
    for query in (0..len).filter(|&index| is_spread(index, len, QUERIES)) {
        let mut row = NeighbourRow { query: thumbnail(features.ids[query])?, neighbours: vec![] };
        let own = query * found.k..(query + 1) * found.k;
        for (&id, &similarity) in found.ids[own.clone()].iter().zip(&found.similarities[own]) {
            row.neighbours.push((thumbnail(id)?, similarity));
        }
        rows.push(row);
    }
    let [_, side, _] = pipeline.evaluation_shape();
    Ok(neighbour_sheet(&rows, side.max(SMALLEST_CELL_PX)))
}
