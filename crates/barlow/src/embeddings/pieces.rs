//! Representations as they are gathered: pieces in a folder beside the file to be.
//!
//! A piece appears under its name when it is complete, so whatever ends the program, the pieces that
//! are there are whole, and the next run goes on behind the last.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use barlow_eval::Features;
use barlow_weights::tensor_file::{self, Array, Tensors};
use serde_json::Value;

use crate::exit::Advised;

/// Says what the pieces are made of.
const FACTS: &str = "facts.json";
/// Ending of a piece's name, which is the number of source images up to its end.
const ENDING: &str = ".safetensors";

fn folder_of(out: &Path) -> PathBuf {
    let mut folder = out.as_os_str().to_owned();
    folder.push(".unfinished");
    folder.into()
}

/// Pieces of one table.
#[derive(Debug)]
pub(crate) struct Pieces {
    folder: PathBuf,
    /// For each piece, how many images of the source are behind its end.
    ends: Vec<u64>,
}

impl Pieces {
    /// The pieces of the table `out`, those of an earlier run included if it had the same `facts`;
    /// pieces of something else are removed only to `replace` them.
    ///
    /// # Errors
    /// If there are pieces of something else, or the folder cannot be used.
    pub(crate) fn open(out: &Path, facts: &Value, replace: bool) -> anyhow::Result<Self> {
        let folder = folder_of(out);
        let unusable = || format!("`{}` cannot be used", folder.display());
        let earlier = fs::read_to_string(folder.join(FACTS)).ok();
        let is_other = |text: String| serde_json::from_str(&text).ok().as_ref() != Some(facts);
        if replace && earlier.is_some_and(is_other) {
            fs::remove_dir_all(&folder).with_context(unusable)?;
        }
        fs::create_dir_all(&folder).with_context(unusable)?;
        let path = folder.join(FACTS);
        let facts = serde_json::to_string_pretty(facts)?;
        match fs::read_to_string(&path) {
            Ok(earlier) if earlier == facts => {}
            Ok(_) => bail!(Advised::new(
                format!("`{}` holds the beginning of something else", folder.display()),
                "other weights, images or options were used: give those again, or begin anew with \
                 `--overwrite`"
            )),
            Err(_) if fs::read_dir(&folder)?.next().is_none() => fs::write(&path, facts)?,
            Err(error) => return Err(error).with_context(unusable),
        }
        let mut ends: Vec<u64> = fs::read_dir(&folder)?
            .filter_map(|entry| {
                let name = entry.ok()?.file_name();
                name.to_str()?.strip_suffix(ENDING)?.parse().ok()
            })
            .collect();
        ends.sort_unstable();
        Ok(Self { folder, ends })
    }

    /// Whether a run of the table `out` was cut off.
    pub(crate) fn are_there(out: &Path) -> bool {
        folder_of(out).join(FACTS).exists()
    }

    /// Where they lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many images of the source need not be looked at again.
    pub(crate) fn done(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    /// Adds the images of the source up to `end`.
    pub(crate) fn add(&mut self, features: &Features, end: usize) -> anyhow::Result<()> {
        let ids: Vec<u64> = features.ids.clone();
        let arrays = Tensors::from([
            ("ids".to_owned(), Array::from_u64(&[ids.len()], &ids)?),
            (
                "vectors".to_owned(),
                Array::from_f32(&[features.len(), features.dim], &features.values)?,
            ),
        ]);
        let unfinished = self.folder.join("unfinished");
        let mut out = BufWriter::new(File::create(&unfinished)?);
        tensor_file::write(&arrays, None, &mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&unfinished, self.path(end as u64))?;
        self.ends.push(end as u64);
        Ok(())
    }

    fn path(&self, end: u64) -> PathBuf {
        self.folder.join(format!("{end:012}{ENDING}"))
    }

    /// The pieces in order; labels are left to the source.
    pub(crate) fn read(&self) -> impl Iterator<Item = anyhow::Result<Features>> + '_ {
        self.ends.iter().map(|&end| {
            let path = self.path(end);
            let damaged = || format!("`{}` is damaged", path.display());
            let (arrays, _) = tensor_file::read(&path).with_context(damaged)?;
            let (Some(ids), Some(vectors)) = (arrays.get("ids"), arrays.get("vectors")) else {
                return Err(anyhow::anyhow!("an array is missing")).with_context(damaged);
            };
            let ids = ids.to_u64()?;
            let dim = vectors.shape.get(1).copied().unwrap_or_default();
            let labels = vec![None; ids.len()];
            Ok(Features { values: vectors.to_f32()?, dim, ids, labels })
        })
    }

    /// How many images they hold, and the length of a representation.
    pub(crate) fn extent(&self) -> anyhow::Result<[usize; 2]> {
        let mut extent = [0, 0];
        for features in self.read() {
            let features = features?;
            extent = [extent[0] + features.len(), features.dim.max(extent[1])];
        }
        Ok(extent)
    }

    /// Removes the folder.
    pub(crate) fn remove(self) -> anyhow::Result<()> {
        Ok(fs::remove_dir_all(self.folder)?)
    }
}
