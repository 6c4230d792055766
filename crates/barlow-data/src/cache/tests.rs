use std::sync::atomic::AtomicUsize;

use barlow_random::Key;
use barlow_testing::mutate::mutated;
use tempfile::TempDir;

use super::*;
use crate::Image;

/// Images of every depth and several numbers of channels, which counts how often it is asked.
#[derive(Debug)]
struct Counting {
    images: usize,
    loads: AtomicUsize,
}

impl Counting {
    fn new(images: usize) -> Arc<Self> {
        Arc::new(Self { images, loads: AtomicUsize::new(0) })
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::Relaxed)
    }
}

/// Image `id`: depth, size and channels go by the id, samples by chance.
fn drawn(id: usize) -> DecodedImage {
    let mut stream = Key { position: id as u64, ..Key::default() }.stream();
    let (width, height, channels) = (1 + id % 3, 1 + id % 2, [1, 3, 4, 2, 7][id % 5]);
    let mut bits = || stream.bits();
    let samples = width * height * channels;
    match id % 3 {
        0 => DecodedImage::U8(Image {
            width,
            height,
            channels,
            pixels: (0..samples).map(|_| bits() as u8).collect(),
        }),
        1 => DecodedImage::U16(Image {
            width,
            height,
            channels,
            pixels: (0..samples).map(|_| bits() as u16).collect(),
        }),
        _ => DecodedImage::F32(Image {
            width,
            height,
            channels,
            pixels: (0..samples).map(|_| (bits() as i32) as f32).collect(),
        }),
    }
}

impl Source for Counting {
    fn len(&self) -> usize {
        self.images
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        // One image is bad in sources that are large enough.
        if id == 100 { Err(ImageError::Truncated { bytes: 5 }) } else { Ok(drawn(id)) }
    }

    fn name(&self, id: usize) -> String {
        format!("number {id}")
    }

    fn label(&self, id: usize) -> Option<usize> {
        Some(id % 2)
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        format!("counting:{}", self.images)
    }

    fn remarks(&self) -> Vec<String> {
        vec!["a remark".to_owned()]
    }
}

fn opened(source: &Arc<Counting>, folder: &Path, max_bytes: u64) -> Cached {
    let config = CacheConfig { folder: folder.to_owned(), max_bytes };
    Cached::open(Arc::clone(source) as _, "{}", &config).unwrap()
}

const PLENTY: u64 = 1 << 30;

/// Bytes of the records of these images.
fn record_bytes(ids: impl IntoIterator<Item = usize>) -> u64 {
    ids.into_iter().map(|id| record::bytes(&drawn(id))).sum()
}

/// Bytes of all files below a folder.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() { bytes_below(&entry.path()) } else { metadata.len() }
        })
        .sum()
}

fn assert_all_equal(cached: &Cached) {
    for id in 0..cached.len() {
        assert_eq!(cached.load(id).unwrap(), drawn(id), "image {id}");
    }
}

/// A cache of `images` images in one segment: its folder, the segment's path and its bytes.
fn small_cache(images: usize) -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let cached = opened(&Counting::new(images), folder.path(), PLENTY);
    assert_all_equal(&cached);
    let (path, _) = segment::list(cached.folder()).unwrap().remove(0);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, record_bytes(0..images));
    (folder, path, bytes)
}

#[test]
fn images_of_every_depth_are_equal_and_later_runs_do_not_ask_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::new(90);
    let first = opened(&source, folder.path(), PLENTY);
    assert_all_equal(&first);
    assert_all_equal(&first);
    let added_bytes = record_bytes(0..90);
    let expected = CacheReport { images: 90, hits: 90, misses: 90, damaged: 0, added_bytes };
    assert_eq!((source.loads(), first.report()), (90, expected));

    let second = opened(&source, folder.path(), PLENTY);
    assert_all_equal(&second);
    let expected = CacheReport { images: 90, hits: 90, misses: 0, damaged: 0, added_bytes: 0 };
    assert_eq!((source.loads(), second.report()), (90, expected));
    assert_eq!(bytes_below(folder.path()), added_bytes);
}

#[test]
fn all_but_the_images_is_the_sources_own() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::new(9);
    let cached = opened(&source, folder.path(), PLENTY);
    assert_eq!((cached.len(), cached.name(3), cached.label(3)), (9, source.name(3), Some(1)));
    assert_eq!(cached.classes(), source.classes());
    assert_eq!(cached.fingerprint(), source.fingerprint());
    assert_eq!(cached.remarks(), ["a remark"]);
}

#[test]
fn a_bad_image_is_the_sources_error_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::new(101);
    let cached = opened(&source, folder.path(), PLENTY);
    for _ in 0..2 {
        assert!(matches!(cached.load(100), Err(ImageError::Truncated { bytes: 5 })));
    }
    assert_eq!((source.loads(), bytes_below(folder.path())), (2, 0));
}

#[test]
fn other_keys_and_other_sources_have_other_folders() {
    let folder = tempfile::tempdir().unwrap();
    let config = CacheConfig { folder: folder.path().to_owned(), max_bytes: PLENTY };
    let at = |images, key| Cached::open(Counting::new(images), key, &config).unwrap().folder;
    // Python: hashlib.sha256(struct.pack("<Q", 10) + b"counting:9" + b"{}").hexdigest()[:16]
    assert_eq!(at(9, "{}"), folder.path().join("72b2e6cbb2f9768d"));
    assert_ne!(at(9, "{}"), at(9, "{ }"));
    assert_ne!(at(9, "{}"), at(8, "{}"));
    assert_ne!(at(91, "1"), at(9, "11"));
}

#[test]
fn a_segment_cut_at_any_byte_gives_what_is_whole_and_the_source_the_rest() {
    const IMAGES: usize = 7;
    let (folder, path, bytes) = small_cache(IMAGES);
    for end in 0..=bytes.len() {
        fs::write(&path, &bytes[..end]).unwrap();
        let source = Counting::new(IMAGES);
        let cached = opened(&source, folder.path(), 0);
        let whole = (0..=IMAGES).rfind(|&n| record_bytes(0..n) <= end as u64).unwrap();
        assert_eq!(cached.report().images, whole, "cut at {end}");
        assert_all_equal(&cached);
        assert_eq!(source.loads(), IMAGES - whole, "cut at {end}");
    }
}

#[test]
fn a_segment_cut_while_it_is_in_use_is_loaded_again() {
    const IMAGES: usize = 7;
    let (folder, path, bytes) = small_cache(IMAGES);
    for end in 0..bytes.len() {
        fs::write(&path, &bytes).unwrap();
        let source = Counting::new(IMAGES);
        let cached = opened(&source, folder.path(), 0);
        File::options().write(true).open(&path).unwrap().set_len(end as u64).unwrap();
        assert_all_equal(&cached);
        let whole = (0..=IMAGES).rfind(|&n| record_bytes(0..n) <= end as u64).unwrap();
        let lost = IMAGES - whole;
        assert_eq!((source.loads(), cached.report().damaged), (lost, lost as u64), "cut at {end}");
    }
}

#[test]
fn no_flipped_bit_reaches_an_image() {
    const IMAGES: usize = 5;
    let (folder, path, bytes) = small_cache(IMAGES);
    for bit in 0..8 * bytes.len() {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        let source = Counting::new(IMAGES);
        let cached = opened(&source, folder.path(), 0);
        assert_all_equal(&cached);
        let hit = (0..IMAGES).find(|&id| (bit as u64 / 8) < record_bytes(0..=id)).unwrap();
        let is_header = bit as u64 / 8 - record_bytes(0..hit) < record::HEADER_BYTES as u64;
        // Behind a damaged header nothing is found; damaged samples cost one image.
        let (lost, damaged) = if is_header { (IMAGES - hit, 0) } else { (1, 1) };
        assert_eq!((source.loads(), cached.report().damaged), (lost, damaged), "bit {bit}");
    }
}

#[test]
fn a_damaged_image_is_added_again_and_found_by_later_runs() {
    let (folder, path, mut bytes) = small_cache(4);
    let samples_of_image_2 = record_bytes(0..2) as usize + record::HEADER_BYTES;
    bytes[samples_of_image_2] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let source = Counting::new(4);
    let repairing = opened(&source, folder.path(), PLENTY);
    assert_all_equal(&repairing);
    assert_all_equal(&repairing);
    assert_eq!((source.loads(), repairing.report().damaged), (1, 1));
    assert_eq!(repairing.report().added_bytes, record_bytes([2]));
    let later = opened(&source, folder.path(), PLENTY);
    assert_all_equal(&later);
    assert_eq!((source.loads(), later.report().damaged), (1, 0));
}

#[test]
fn two_thousand_damaged_segments_give_the_same_images() {
    const IMAGES: usize = 12;
    let (folder, path, bytes) = small_cache(IMAGES);
    let mut sums = [0; 2];
    for seed in 0..2000 {
        fs::write(&path, mutated(&bytes, seed)).unwrap();
        let source = Counting::new(IMAGES);
        let cached = opened(&source, folder.path(), 0);
        assert_all_equal(&cached);
        assert_eq!(source.loads() as u64, cached.report().misses, "seed {seed}");
        sums[0] += source.loads();
        sums[1] += cached.report().hits as usize;
    }
    // Damage is neither ignored nor everywhere.
    assert!(sums.iter().all(|&sum| sum > 2000), "{sums:?}");
}

#[test]
fn lengths_beyond_the_file_are_not_believed() {
    let (folder, path, bytes) = small_cache(1);
    let cached = opened(&Counting::new(1), folder.path(), 0);
    let pixels = vec![0; 1 << 20];
    let large = DecodedImage::U8(Image { width: 1 << 10, height: 1 << 10, channels: 1, pixels });
    // A whole header of a large image, put in the place of the small one after it was found.
    let mut forged = Record::new(0, &large).unwrap().header.to_vec();
    forged.resize(bytes.len(), 0);
    fs::write(&path, &forged).unwrap();
    assert_eq!(cached.load(0).unwrap(), drawn(0));
    assert_eq!(cached.report().damaged, 1);
    assert_eq!(opened(&Counting::new(1), folder.path(), 0).report().images, 0);
}

#[test]
fn records_of_no_image_of_the_source_are_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let cached = opened(&Counting::new(2), folder.path(), 0);
    let mut bytes = Vec::new();
    for id in [0, 2, 1] {
        let image = drawn(id);
        let record = Record::new(id, &image).unwrap();
        bytes.extend([&record.header, &*record.samples].concat());
    }
    fs::write(cached.folder().join("0.images"), bytes).unwrap();
    assert_eq!(opened(&Counting::new(2), folder.path(), 0).report().images, 1);
}

#[test]
fn a_cache_deleted_in_use_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::new(20);
    assert_all_equal(&opened(&source, folder.path(), record_bytes(0..5)));
    let cached = opened(&source, folder.path(), PLENTY);
    assert_eq!(cached.load(1).unwrap(), drawn(1));
    fs::remove_dir_all(cached.folder()).unwrap();
    assert_all_equal(&cached);
    fs::remove_dir_all(cached.folder()).unwrap();
    assert_all_equal(&cached);
    assert_eq!(cached.remarks(), ["a remark"]);
    assert_all_equal(&opened(&source, folder.path(), PLENTY));
}

#[test]
fn several_threads_of_two_runs_share_a_folder() {
    const IMAGES: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::new(IMAGES);
    let runs = [(); 2].map(|()| opened(&source, folder.path(), PLENTY));
    std::thread::scope(|scope| {
        for run in &runs {
            for thread in 0..4 {
                scope.spawn(move || {
                    for place in 0..3 * IMAGES {
                        let id = (place * 37 + thread * 11) % IMAGES;
                        assert_eq!(run.load(id).unwrap(), drawn(id), "image {id}");
                    }
                });
            }
        }
    });
    // However the threads raced, each run added each image once.
    for run in &runs {
        assert_eq!(run.report().added_bytes, record_bytes(0..IMAGES));
    }
    assert_eq!(bytes_below(folder.path()), 2 * record_bytes(0..IMAGES));
    let before = source.loads();
    let third = opened(&source, folder.path(), PLENTY);
    assert_all_equal(&third);
    assert_eq!((source.loads() - before, third.report().damaged), (0, 0));
}

#[test]
fn the_limit_is_kept_to_the_byte() {
    let limit = record_bytes([0, 1, 2]);
    for (max_bytes, kept) in [(limit, 3), (limit - 1, 2), (limit + 1, 3), (0, 0)] {
        let folder = tempfile::tempdir().unwrap();
        let source = Counting::new(3);
        for opening in 0..2 {
            let cached = opened(&source, folder.path(), max_bytes);
            assert_all_equal(&cached);
            assert_eq!(cached.report().images, kept, "opening {opening} within {max_bytes}");
            assert_eq!(cached.remarks(), ["a remark"]);
        }
        assert_eq!(bytes_below(folder.path()), record_bytes(0..kept));
    }
}

#[test]
fn runs_that_write_by_turns_keep_the_limit_together() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::new(10);
    let limit = record_bytes([0, 1, 2, 3]);
    let runs = [(); 2].map(|()| opened(&source, folder.path(), limit));
    for id in 0..10 {
        assert_eq!(runs[id % 2].load(id).unwrap(), drawn(id));
    }
    assert_eq!(bytes_below(folder.path()), limit);
}

#[test]
fn a_folder_that_cannot_be_written_is_one_remark() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::new(5);
    let cached = opened(&source, folder.path(), PLENTY);
    // A file in the folder's place: no user, not even the superuser, can write below it.
    fs::remove_dir(cached.folder()).unwrap();
    fs::write(cached.folder(), "in the way").unwrap();
    assert_all_equal(&cached);
    assert_all_equal(&cached);
    let remarks = cached.remarks();
    assert_eq!((remarks.len(), source.loads()), (2, 10), "{remarks:?}");
    assert!(remarks[1].starts_with("no more images are added to the cache `"), "{remarks:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_made_is_one_remark() {
    let source = Counting::new(5);
    let cached = opened(&source, Path::new("/proc/cache-of-barlow"), PLENTY);
    assert_all_equal(&cached);
    assert_eq!((cached.remarks().len(), source.loads()), (2, 5));
}

#[test]
fn a_file_in_the_folders_place_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let config = CacheConfig { folder: file.clone(), max_bytes: PLENTY };
    let error = Cached::open(Counting::new(1), "", &config).unwrap_err();
    assert!(matches!(&error, CacheError::NotADirectory { path } if path.starts_with(&file)));
    assert!(error.to_string().contains("there is a file in its place"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_in_a_cache_are_not_followed() {
    let (folder, path, _) = small_cache(3);
    let moved = folder.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    let cached = opened(&Counting::new(3), folder.path(), PLENTY);
    assert_eq!(cached.report().images, 0);
}
