use std::fs::FileTimes;
use std::time::Duration;

use super::*;
use crate::source::tar::tests::archive;

/// Writes a shard that was last changed some hours ago.
fn write(path: &Path, members: &[(&str, &[u8])], hours: u64) {
    fs::write(path, archive(members)).unwrap();
    let time = SystemTime::now() - Duration::from_secs(3600 * hours);
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn an_index_comes_back_as_it_was_until_the_shard_changes() {
    let folder = tempfile::tempdir().unwrap();
    let shard = folder.path().join("a.tar");
    let cache = folder.path().join("cache");
    let options = OpenOptions { cache_folder: Some(cache.clone()), ..OpenOptions::default() };
    let found = || {
        let (index, trouble) = find(&shard, &options).unwrap();
        assert_eq!(trouble, None);
        (index.paths.path(0), index.places.clone(), index.labels.clone(), index.classes.clone())
    };
    let members: &[(&str, &[u8])] =
        &[("a.png", b"a"), ("a.cls", b"x"), ("b.png", b""), ("c.txt", b"")];
    write(&shard, members, 0);
    find(&shard, &options).unwrap();
    assert!(!cache.exists(), "the index of a shard that has just changed was kept");
    write(&shard, members, 2);
    let first = found();
    let file = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    assert_eq!(first, found());
    // What is read is the cache: an index of no trouble, replaced by one of some.
    let (mut index, _) = find(&shard, &options).unwrap();
    index.trouble = Some("is from the cache".to_owned());
    let metadata = fs::metadata(&shard).unwrap();
    let mut key = Vec::new();
    put_bytes(&mut key, fs::canonicalize(&shard).unwrap().as_os_str().as_encoded_bytes());
    put_number(&mut key, metadata.len());
    put_number(&mut key, nanoseconds(metadata.modified().unwrap()));
    stored::write(&file, MAGIC, &encode(&key, &index)).unwrap();
    let (again, _) = find(&shard, &options).unwrap();
    assert_eq!((again.trouble, again.seen), (index.trouble, index.seen));
    write(&shard, members, 1);
    assert_eq!(find(&shard, &options).unwrap().0.trouble, None);
    write(&shard, &[("z.png", b"z")], 1);
    assert_eq!(found().0, b"z.png");
    fs::write(&file, b"damaged").unwrap();
    assert_eq!(found().0, b"z.png");
}

#[test]
fn a_cache_that_cannot_be_written_is_a_remark() {
    let folder = tempfile::tempdir().unwrap();
    let shard = folder.path().join("a.tar");
    write(&shard, &[("a.png", b"a")], 1);
    let options = OpenOptions { cache_folder: Some(shard.clone()), ..OpenOptions::default() };
    let (index, trouble) = find(&shard, &options).unwrap();
    assert_eq!(index.paths.len(), 1);
    assert!(trouble.unwrap().contains("cannot be kept"));
}
