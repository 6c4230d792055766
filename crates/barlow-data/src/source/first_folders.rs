//! Classes by the folders that images lie in.

use super::native;
use super::paths::PathTable;

/// The first-level folders, if every image lies in one: they are the classes.
#[derive(Debug, Default)]
pub(super) struct FirstFolders {
    classes: Vec<String>,
    /// The class of each of the table's folders; empty where an image lies in none.
    of_folder: Vec<u32>,
}

impl FirstFolders {
    /// The classes of paths in natural order, in which the images of one are neighbours.
    pub(super) fn of(paths: &PathTable) -> Self {
        let first: Vec<Option<&[u8]>> = paths
            .folders()
            .map(|folder| folder.split(|&byte| byte == b'/').next().filter(|name| !name.is_empty()))
            .collect();
        let mut classes: Vec<&[u8]> = Vec::new();
        let mut of_folder = vec![0; first.len()];
        for id in 0..paths.len() {
            let folder = paths.folder_number(id);
            let Some(name) = first[folder] else { return Self::default() };
            if classes.last() != Some(&name) {
                classes.push(name);
            }
            of_folder[folder] = classes.len() as u32 - 1;
        }
        Self { classes: classes.into_iter().map(native::printable).collect(), of_folder }
    }

    pub(super) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The class of a path of the table.
    pub(super) fn label(&self, paths: &PathTable, id: usize) -> Option<usize> {
        self.of_folder.get(paths.folder_number(id)).map(|&class| class as usize)
    }
}
