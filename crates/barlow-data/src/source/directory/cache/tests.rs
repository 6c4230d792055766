use std::fs::{File, FileTimes};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::source::Progress;

/// A folder whose folders were last changed some hours ago.
fn settle(folder: &Path, hours: u64) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            settle(&path, hours);
        }
    }
    let time = SystemTime::now() - Duration::from_secs(3600 * hours);
    File::open(folder).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

struct Tree {
    folder: tempfile::TempDir,
    options: OpenOptions,
}

impl Tree {
    fn new(files: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache_folder = Some(folder.path().join("cache"));
        let tree = Self { folder, options: OpenOptions { cache_folder, ..OpenOptions::default() } };
        for file in files {
            tree.add(file);
        }
        settle(&tree.root(), 2);
        tree
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn add(&self, file: &str) {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn paths(&self) -> Vec<String> {
        let (found, trouble) = find(&self.root(), &self.options).unwrap();
        assert_eq!(trouble, None);
        let path = |id| String::from_utf8(found.paths.path(id)).unwrap();
        (0..found.paths.len()).map(path).collect()
    }

    /// The one file that is kept.
    fn kept(&self) -> PathBuf {
        let cache = self.options.cache_folder.as_ref().unwrap();
        fs::read_dir(cache).unwrap().next().unwrap().unwrap().path()
    }

    /// Whether the listing is read from the cache: whether a change to the kept file shows.
    fn is_read(&self) -> bool {
        let key = key(&fs::canonicalize(self.root()).unwrap(), &self.options);
        let mut found = decode(&fs::read(self.kept()).unwrap(), &key).unwrap();
        found.seen.other_files = 77;
        store(&self.kept(), &key, &found).unwrap();
        find(&self.root(), &self.options).unwrap().0.seen.other_files == 77
    }
}

#[test]
fn a_listing_holds_until_any_folder_changes() {
    let tree = Tree::new(&["a/1.png", "a/b/2.png", "c/3.png", "c/notes.txt", "empty/x.txt"]);
    let first = tree.paths();
    assert_eq!(first, ["a/1.png", "a/b/2.png", "c/3.png"]);
    assert_eq!(tree.paths(), first);
    assert!(tree.is_read());
    // A file in a folder without images, a folder that is new, a file that is gone.
    tree.add("empty/4.png");
    assert_eq!(tree.paths(), ["a/1.png", "a/b/2.png", "c/3.png", "empty/4.png"]);
    settle(&tree.root(), 1);
    tree.paths();
    tree.add("new/5.png");
    assert_eq!(tree.paths().len(), 5);
    settle(&tree.root(), 1);
    tree.paths();
    assert!(tree.is_read());
    fs::remove_file(tree.root().join("a/b/2.png")).unwrap();
    assert_eq!(tree.paths(), ["a/1.png", "c/3.png", "empty/4.png", "new/5.png"]);
}

#[test]
fn a_folder_that_has_just_changed_is_not_kept() {
    let tree = Tree::new(&["a/1.png"]);
    tree.add("a/2.png");
    assert_eq!(tree.paths().len(), 2);
    assert!(!tree.options.cache_folder.as_ref().unwrap().exists());
}

#[test]
fn other_patterns_are_another_listing() {
    let mut tree = Tree::new(&["a/1.png", "b/2.png", "b/deep/3.png"]);
    assert_eq!(tree.paths().len(), 3);
    tree.options.exclude = vec!["b".to_owned()];
    assert_eq!(tree.paths(), ["a/1.png"]);
    assert_eq!(tree.paths(), ["a/1.png"]);
    tree.options.include = vec!["3.*".to_owned()];
    tree.options.exclude.clear();
    assert_eq!(tree.paths(), ["b/deep/3.png"]);
}

#[test]
fn a_damaged_listing_is_made_anew() {
    let tree = Tree::new(&["a/1.png"]);
    tree.paths();
    let bytes = fs::read(tree.kept()).unwrap();
    for damaged in [&bytes[..bytes.len() - 1], &[], b"something else"] {
        fs::write(tree.kept(), damaged).unwrap();
        assert_eq!(tree.paths(), ["a/1.png"]);
        assert_eq!(fs::read(tree.kept()).unwrap(), bytes);
    }
}

#[test]
fn progress_grows_to_the_number_of_images_with_and_without_a_cache() {
    let mut tree = Tree::new(&["a/1.png", "b/2.png", "b/c/3.png"]);
    let (last, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, counted) = (Arc::clone(&last), Arc::clone(&calls));
    tree.options.progress = Progress::new(move |images| {
        seen.fetch_max(images, Ordering::Relaxed);
        counted.fetch_add(1, Ordering::Relaxed);
    });
    tree.paths();
    assert_eq!((last.swap(0, Ordering::Relaxed), calls.load(Ordering::Relaxed)), (3, 3));
    tree.paths();
    assert_eq!(last.load(Ordering::Relaxed), 3);
}
