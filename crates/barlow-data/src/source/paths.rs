//! Millions of paths in little memory: one arena of names, folders by number.

use std::cmp::Ordering;
use std::collections::HashMap;

use rayon::slice::ParallelSliceMut;

use super::natural;
use super::stored::{Fields, put_bytes, put_number};

/// Paths, numbered; each is a folder (empty, or with its final slash) and a name.
///
/// A path takes 16 bytes and its name; its folder is kept once.
#[derive(Debug, Clone, Default)]
pub(super) struct PathTable {
    folders: Vec<Box<[u8]>>,
    names: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where in `names` the name begins.
    start: u64,
    bytes: u32,
    folder: u32,
}

/// The numbers of a table's folders, for adding whole paths.
pub(super) type FolderNumbers = HashMap<Box<[u8]>, u32>;

impl PathTable {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes in a folder and gives its number.
    pub(super) fn add_folder(&mut self, folder: &[u8]) -> u32 {
        self.folders.push(folder.into());
        self.folders.len() as u32 - 1
    }

    /// Takes in a path: a name in a folder that was taken in before.
    pub(super) fn add(&mut self, folder: u32, name: &[u8]) {
        let start = self.names.len() as u64;
        self.entries.push(Entry { start, bytes: name.len() as u32, folder });
        self.names.extend_from_slice(name);
    }

    /// Takes in a whole path, cut behind its last slash.
    pub(super) fn add_path(&mut self, path: &[u8], numbers: &mut FolderNumbers) {
        let cut = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (folder, name) = path.split_at(cut);
        let known = numbers.get(folder).copied();
        let number = known.unwrap_or_else(|| {
            let number = self.add_folder(folder);
            numbers.insert(folder.into(), number);
            number
        });
        self.add(number, name);
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &[u8]> {
        self.folders.iter().map(|folder| &**folder)
    }

    /// The number of a path's folder.
    pub(super) fn folder_number(&self, id: usize) -> usize {
        self.entries[id].folder as usize
    }

    pub(super) fn name(&self, id: usize) -> &[u8] {
        let Entry { start, bytes, .. } = self.entries[id];
        &self.names[start as usize..][..bytes as usize]
    }

    pub(super) fn folder(&self, id: usize) -> &[u8] {
        &self.folders[self.folder_number(id)]
    }

    /// The whole path.
    pub(super) fn path(&self, id: usize) -> Vec<u8> {
        [self.folder(id), self.name(id)].concat()
    }

    /// The names of the folders that lead to a path, and its own.
    pub(super) fn components(&self, id: usize) -> impl Iterator<Item = &[u8]> {
        let folder = self.folder(id).strip_suffix(b"/");
        let folders = folder.into_iter().flat_map(|folder| folder.split(|&byte| byte == b'/'));
        folders.chain([self.name(id)])
    }

    /// The numbers of all paths in natural order; equal ones stay in theirs.
    pub(super) fn natural_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.par_sort_by(|&a, &b| self.compare(a, b));
        order
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        if self.entries[a].folder == self.entries[b].folder {
            natural::compare(self.name(a), self.name(b))
        } else {
            natural::compare_paths(self.components(a), self.components(b))
        }
    }

    /// Only these paths, in this order, in no more memory than they need.
    pub(super) fn pick(&mut self, ids: &[usize]) {
        let bytes = ids.iter().map(|&id| self.entries[id].bytes as usize).sum();
        let mut picked = Self {
            folders: Vec::new(),
            names: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(ids.len()),
        };
        for &id in ids {
            picked.add(self.entries[id].folder, self.name(id));
        }
        picked.folders = std::mem::take(&mut self.folders);
        picked.folders.shrink_to_fit();
        *self = picked;
    }

    /// Bytes of memory that the table takes.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.names.capacity()
            + self.folders.iter().map(|folder| folder.len() + size_of::<Box<[u8]>>()).sum::<usize>()
    }

    /// Writes the table for [`PathTable::from_fields`].
    pub(super) fn put(&self, body: &mut Vec<u8>) {
        put_number(body, self.folders.len() as u64);
        for folder in &self.folders {
            put_bytes(body, folder);
        }
        put_number(body, self.len() as u64);
        for &Entry { bytes, folder, .. } in &self.entries {
            body.extend_from_slice(&bytes.to_le_bytes());
            body.extend_from_slice(&folder.to_le_bytes());
        }
        for id in 0..self.len() {
            body.extend_from_slice(self.name(id));
        }
    }

    /// The table that [`PathTable::put`] wrote; nothing if it cannot be one.
    pub(super) fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let folders = fields.number()?;
        let folders =
            (0..folders).map(|_| fields.bytes().map(Into::into)).collect::<Option<_>>()?;
        let mut table = Self { folders, ..Self::default() };
        let len = usize::try_from(fields.number()?).ok()?;
        let numbers = fields.take(len.checked_mul(8)?)?;
        table.entries.reserve_exact(len);
        let mut start = 0;
        for pair in numbers.chunks_exact(8) {
            let [bytes, folder] =
                [0, 4].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|i| pair[at + i])));
            if folder as usize >= table.folders.len() {
                return None;
            }
            table.entries.push(Entry { start, bytes, folder });
            start += u64::from(bytes);
        }
        table.names = fields.take(usize::try_from(start).ok()?)?.to_vec();
        Some(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(paths: &[&str]) -> PathTable {
        let (mut table, mut numbers) = (PathTable::default(), FolderNumbers::default());
        for path in paths {
            table.add_path(path.as_bytes(), &mut numbers);
        }
        table
    }

    fn paths(table: &PathTable) -> Vec<String> {
        (0..table.len()).map(|id| String::from_utf8(table.path(id)).unwrap()).collect()
    }

    #[test]
    fn paths_come_back_as_they_went_in() {
        let given = ["a.png", "b/c.png", "/d.png", "/e//f.png", "b/g", "", "../h"];
        let mut table = table(&given);
        assert_eq!(paths(&table), given);
        assert_eq!(table.folders().count(), 5);
        let mut body = Vec::new();
        table.put(&mut body);
        let read = PathTable::from_fields(&mut Fields::new(&body)).unwrap();
        assert_eq!(paths(&read), given);
        table.pick(&[3, 1]);
        assert_eq!(paths(&table), ["/e//f.png", "b/c.png"]);
    }

    #[test]
    fn folders_and_files_of_one_folder_are_sorted_together() {
        let table = table(&["b.png", "a/10.png", "a-1/1.png", "a/2.png", "a/9/x.png", "a.png"]);
        let order = table.natural_order();
        let sorted: Vec<_> = order.iter().map(|&id| paths(&table)[id].clone()).collect();
        assert_eq!(sorted, ["a/2.png", "a/9/x.png", "a/10.png", "a-1/1.png", "a.png", "b.png"]);
    }

    #[test]
    fn a_path_of_a_large_data_set_takes_a_few_bytes_more_than_its_name() {
        let (mut table, mut numbers) = (PathTable::default(), FolderNumbers::default());
        for id in 0..10_000 {
            let path = format!("train/n{:08}/n{:08}_{id:06}.JPEG", id / 100, id / 100);
            table.add_path(path.as_bytes(), &mut numbers);
        }
        let order = table.natural_order();
        table.pick(&order);
        let name = "n00000000_000000.JPEG".len();
        assert!(table.held_bytes() <= 10_000 * (16 + name + 1), "{}", table.held_bytes());
    }
}
