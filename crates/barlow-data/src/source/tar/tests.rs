use std::sync::Arc;

use super::*;
use crate::loader::{Loader, LoaderConfig, ViewBatch};
use crate::source::{Directory, open};
use crate::views::{RangeConfig, ViewConfig, ViewPipeline, ViewPipelineConfig};

/// A grey PNG of one pixel.
fn png(value: u8) -> Vec<u8> {
    use ::image::ImageEncoder;
    let mut bytes = Vec::new();
    ::image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(&[value], 1, 1, ::image::ExtendedColorType::L8)
        .unwrap();
    bytes
}

/// An archive that another program's library wrote.
pub(super) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, data) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn open_plain(pattern: &str) -> Result<Tar, SourceError> {
    Tar::open(pattern, &OpenOptions::default())
}

fn member_names(tar: &Tar) -> Vec<String> {
    (0..tar.paths.len()).map(|id| String::from_utf8(tar.paths.path(id)).unwrap()).collect()
}

#[test]
fn a_folder_and_its_shards_are_the_same_samples() {
    let folder = Folder::new();
    let files: Vec<String> = (0..60)
        .map(|id| format!("class {}/{}/image {id}.png", [2, 10, 1][id % 3], id % 7))
        .collect();
    for (value, file) in files.iter().enumerate() {
        folder.write(&format!("images/{file}"), &png(value as u8));
    }
    // Dealt out over three shards in no order, once by folders and once with labels beside.
    for (name, with_labels) in [("plain", false), ("labelled", true)] {
        for shard in 0..3 {
            let mut members = Vec::new();
            for (value, file) in files.iter().enumerate().filter(|(id, _)| id * 7 % 5 % 3 == shard)
            {
                let class = file.split('/').next().unwrap();
                members.push((file.clone(), png(value as u8)));
                if with_labels {
                    members.push((file.replace(".png", ".cls"), class.into()));
                }
            }
            let members: Vec<_> =
                members.iter().rev().map(|(name, data)| (name.as_str(), &data[..])).collect();
            folder.write(&format!("{name}-{shard}.tar"), &archive(&members));
        }
    }
    let directory = Directory::open(&folder.0.path().join("images"), &OpenOptions::default());
    let directory = Arc::new(directory.unwrap());
    for name in ["plain", "labelled"] {
        let tar = open_plain(&folder.at(&format!("{name}-{{0..2}}.tar"))).unwrap();
        assert_eq!((tar.len(), tar.remarks()), (60, vec![]));
        assert_eq!(tar.classes(), directory.classes());
        for id in 0..60 {
            assert_eq!(tar.load(id).unwrap(), directory.load(id).unwrap(), "{}", tar.name(id));
            assert_eq!(tar.label(id), directory.label(id));
            let below = |name: String, root: &str| name.rsplit(root).next().unwrap().to_owned();
            assert_eq!(below(tar.name(id), ".tar:"), below(directory.name(id), "images/"));
        }
        assert_eq!(first_batch(Arc::new(tar)), first_batch(directory.clone()));
    }
}

/// Ids, labels and views of the first batch of a run.
fn first_batch(source: Arc<dyn Source>) -> (Vec<u64>, Vec<Option<usize>>, Vec<ViewBatch>) {
    let pipeline = ViewPipeline::new(ViewPipelineConfig {
        image_size: 8,
        channels: 1,
        mean: vec![0.5],
        std: vec![0.25],
        resize: None,
        range: RangeConfig::Full,
        evaluation_shuffle: None,
        views: vec![ViewConfig::official_a(), ViewConfig::official_b()],
    });
    let config = LoaderConfig {
        batch_size: 16,
        workers: 2,
        seed: 3,
        prefetch: 1,
        max_bad_image_fraction: 0.0,
    };
    let loader = Loader::new(source, Arc::new(pipeline.unwrap()), config).unwrap();
    let batch = loader.batches(0, 1).next().unwrap().unwrap();
    (batch.ids, batch.labels, batch.views)
}

#[test]
fn names_up_to_the_first_dot_make_samples_and_labels_come_from_beside() {
    let folder = Folder::new();
    folder.write(
        "a.tar",
        &archive(&[
            ("./b.seg.png", &png(9)),
            ("./b.PNG", &png(1)),
            ("./b.json", br#"{"cls": 10}"#),
            ("x/b.jpg.png", &png(2)),
            ("x/b.cls", b"9\n"),
            ("x/b.json", br#"{"label": "no"}"#),
            ("c.txt", b"a caption"),
            ("d.png", &png(3)),
            ("d.cls", &[b'7'; 5000]),
            ("d.png", &png(9)),
            (".hidden.png", &png(9)),
            ("README", b""),
            ("x/._e.png", b"resource fork"),
        ]),
    );
    let tar = open_plain(&folder.at("a.tar")).unwrap();
    assert_eq!(member_names(&tar), ["b.PNG", "d.png", "x/b.jpg.png"]);
    assert_eq!(tar.classes(), ["9", "10"]);
    assert_eq!([0, 1, 2].map(|id| tar.label(id)), [Some(1), None, Some(0)]);
    for (id, value) in [(0, 1), (1, 3), (2, 2)] {
        assert_eq!(tar.load(id).unwrap().to_8_bit().pixels, [value]);
    }
    let expected = Seen {
        nameless: 3,
        duplicates: 1,
        further_images: 1,
        imageless: 1,
        unread_labels: 1,
        refused: 0,
    };
    assert_eq!(tar.seen, expected);
    assert_eq!(tar.remarks().len(), 5);
}

#[test]
fn missing_shards_are_named_all_at_once() {
    let folder = Folder::new();
    folder.write("s-1.tar", &archive(&[("a.png", &png(0))]));
    let error = open_plain(&folder.at("s-{0..3}.tar")).unwrap_err();
    let SourceError::MissingFiles { missing, .. } = &error else { panic!("{error}") };
    let expected = ["s-0.tar", "s-2.tar", "s-3.tar"].map(|name| PathBuf::from(folder.at(name)));
    assert_eq!(missing[..], expected);
    assert!(error.to_string().starts_with("3 of"), "{error}");
}

#[test]
fn a_cut_shard_keeps_the_members_before_the_cut_and_says_so_once() {
    let folder = Folder::new();
    let members: Vec<(String, Vec<u8>)> =
        (0..5).map(|id| (format!("{id}.png"), png(id as u8))).collect();
    let members: Vec<_> = members.iter().map(|(name, data)| (name.as_str(), &data[..])).collect();
    let whole = archive(&members);
    // Each member is a header and one block of data; two blocks of zeros end the archive.
    assert_eq!(whole.len(), 5 * 1024 + 1024);
    for cut in (0..whole.len()).step_by(31) {
        folder.write("a.tar", &whole[..cut]);
        let bytes_of_data = members[0].1.len();
        let complete = (0..5).filter(|id| id * 1024 + 512 + bytes_of_data <= cut).count();
        match open_plain(&folder.at("a.tar")) {
            Ok(tar) => {
                assert_eq!(tar.len(), complete, "cut at {cut}");
                let has_mark = cut >= 5 * 1024 + 512;
                assert_eq!(tar.remarks().len(), usize::from(!has_mark), "cut at {cut}");
                assert!((0..complete).all(|id| tar.load(id).is_ok()));
            }
            Err(error) => {
                assert_eq!(complete, 0, "cut at {cut}: {error}");
                assert!(matches!(error, SourceError::NoImageMembers { .. }), "{error}");
            }
        }
    }
}

#[test]
fn a_damaged_header_ends_a_shard_and_other_files_are_no_shards() {
    let folder = Folder::new();
    let mut bytes = archive(&[("a.png", &png(1)), ("b.png", &png(2)), ("c.png", &png(3))]);
    bytes[1024 + 3] ^= 1;
    folder.write("a.tar", &bytes);
    let tar = open_plain(&folder.at("a.tar")).unwrap();
    assert_eq!(member_names(&tar), ["a.png"]);
    let expected = "is damaged at byte 1024: the check sum of a header is wrong";
    assert!(tar.remarks()[0].ends_with(expected), "{:?}", tar.remarks());
    let gzip: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\0";
    for (bytes, part) in [(gzip, "compressed by gzip"), (&[7; 2000], "at byte 0")] {
        folder.write("a.tar", bytes);
        let message = open_plain(&folder.at("a.tar")).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    folder.write("a.tar", &[0; 10_240]);
    let error = open_plain(&folder.at("a.tar")).unwrap_err();
    assert!(matches!(error, SourceError::NoImageMembers { members: 0, .. }), "{error}");
}

#[test]
fn joined_archives_are_told() {
    let folder = Folder::new();
    let joined = [archive(&[("a.png", &png(1))]), archive(&[("b.png", &png(2))])].concat();
    folder.write("a.tar", &joined);
    let tar = open_plain(&folder.at("a.tar")).unwrap();
    assert_eq!(tar.len(), 1);
    assert!(tar.remarks()[0].contains("goes on after its end mark"), "{:?}", tar.remarks());
}

#[test]
fn a_member_over_the_limit_and_a_changed_shard_are_bad_images() {
    let folder = Folder::new();
    folder.write("a.tar", &archive(&[("a.png", &png(1)), ("b.png", &[7; 3000])]));
    let mut options = OpenOptions::default();
    options.decode.max_file_bytes = 2999;
    let tar = Tar::open(&folder.at("a.tar"), &options).unwrap();
    assert!(tar.load(0).is_ok());
    assert!(matches!(tar.load(1), Err(ImageError::FileTooLarge { bytes: 3000, allowed: 2999 })));
    folder.write("a.tar", &archive(&[("z.png", &png(2))]));
    let error = tar.load(0).unwrap_err();
    assert_eq!(error.kind(), "io");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the shard has changed since it was indexed");
    std::fs::File::create(folder.at("a.tar")).unwrap();
    assert_eq!(tar.load(0).unwrap_err().kind(), "io");
}

#[test]
fn patterns_fractions_and_limits_choose_among_members() {
    let folder = Folder::new();
    let members: Vec<(String, Vec<u8>)> =
        (0..40).map(|id| (format!("{}/{id}.png", ["cat", "dog"][id % 2]), png(id as u8))).collect();
    let members: Vec<_> = members.iter().map(|(name, data)| (name.as_str(), &data[..])).collect();
    folder.write("a.tar", &archive(&members));
    let spec = folder.at("a.tar");
    let options = OpenOptions { exclude: vec!["dog/*".to_owned()], ..OpenOptions::default() };
    let cats = open(&spec, &options).unwrap();
    assert_eq!((cats.len(), cats.classes()), (20, &["cat".to_owned()][..]));
    assert_eq!(cats.remarks(), ["the patterns leave out 20 images"]);
    let options = OpenOptions { fraction: Some(0.5), max_images: Some(15), ..Default::default() };
    let some = open(&spec, &options).unwrap();
    let labels: Vec<_> = (0..15).filter_map(|id| some.label(id)).collect();
    assert_eq!(labels, [[0; 10].as_slice(), &[1; 5]].concat());
    let options = OpenOptions { include: vec!["bird".to_owned()], ..OpenOptions::default() };
    assert!(matches!(open(&spec, &options), Err(SourceError::NothingLeft { excluded: 40, .. })));
    for fraction in [0.0, -0.1, 1.1, f64::NAN] {
        let options = OpenOptions { fraction: Some(fraction), ..OpenOptions::default() };
        let error = open(&spec, &options).unwrap_err();
        assert!(matches!(error, SourceError::FractionOutOfRange { .. }), "{error}");
    }
}

#[test]
fn the_fingerprint_follows_names_sizes_and_labels_but_not_the_shards() {
    let folder = Folder::new();
    let (one, two) = (png(1), png(2));
    let print = |shards: &[&[(&str, &[u8])]]| {
        for (number, members) in shards.iter().enumerate() {
            folder.write(&format!("{number}.tar"), &archive(members));
        }
        open_plain(&folder.at(&format!("{{0..{}}}.tar", shards.len() - 1))).unwrap().fingerprint()
    };
    let whole = print(&[&[("a.png", &one), ("a.cls", b"x"), ("b.png", &two)]]);
    assert_eq!(whole, print(&[&[("b.png", &two)], &[("a.cls", b"x"), ("a.png", &one)]]));
    assert_ne!(whole, print(&[&[("a.png", &one), ("a.cls", b"y"), ("b.png", &two)]]));
    assert_ne!(whole, print(&[&[("a.png", &one), ("a.cls", b"x"), ("c.png", &two)]]));
    assert_ne!(whole, print(&[&[("a.png", &one), ("a.cls", b"x"), ("b.png", &one[1..])]]));
}

#[test]
fn control_characters_in_names_do_not_reach_messages() {
    let folder = Folder::new();
    folder.write("a.tar", &archive(&[("a\u{1b}[2J.png", &png(1))]));
    let name = open_plain(&folder.at("a.tar")).unwrap().name(0);
    assert!(name.ends_with("a.tar:a\\u{1b}[2J.png"), "{name}");
}
