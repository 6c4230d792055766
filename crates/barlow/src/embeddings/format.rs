//! Formats of a table of representations.

use std::path::{Path, PathBuf};

use crate::exit::Usage;

/// Which, told by the name of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns `path`, `label` (null without one) and `vector` (a list of floats).
    Parquet,
    /// `[n, dim]` f32; names and labels in a second file.
    Npy,
    /// `vectors`, `[n, dim]` f32, and `labels`, `[n]` i64 with -1 for none; names in a second file.
    Safetensors,
    /// `path,label,0,1,...`, a line each.
    Csv,
}

impl Format {
    /// The format that the end of a name stands for.
    ///
    /// # Errors
    /// If it stands for none.
    pub(crate) fn of(path: &Path) -> Result<Self, Usage> {
        let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("parquet") => Ok(Self::Parquet),
            Some("npy") => Ok(Self::Npy),
            Some("safetensors") => Ok(Self::Safetensors),
            Some("csv") => Ok(Self::Csv),
            _ => Err(Usage::new(format!("the name `{}` stands for no format", path.display()))
                .hint("let it end in .parquet, .npy, .safetensors or .csv")),
        }
    }

    /// Whether the file itself holds the images' names.
    pub(crate) fn has_names(self) -> bool {
        matches!(self, Self::Parquet | Self::Csv)
    }

    /// The second file, `path,label` a line: `photos.npy` has `photos.npy.images.csv`.
    pub(crate) fn names_of(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".images.csv");
        name.into()
    }
}
