use super::*;
use crate::source::{OpenOptions, open};

/// A grey PNG of one pixel.
fn png(value: u8) -> Vec<u8> {
    use ::image::ImageEncoder;
    let mut bytes = Vec::new();
    ::image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(&[value], 1, 1, ::image::ExtendedColorType::L8)
        .unwrap();
    bytes
}

/// A folder with these files, the pixel of each its position.
fn folder_of(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (value, file) in files.iter().enumerate() {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, png(value as u8)).unwrap();
    }
    folder
}

fn names(source: &Directory) -> Vec<String> {
    let paths = &source.files.paths;
    (0..paths.len()).map(|id| String::from_utf8(paths.path(id)).unwrap()).collect()
}

#[test]
fn images_come_in_natural_order_with_their_folders_as_classes() {
    let files = [
        "class 2/a1.png",
        "class 2/a2.JPG",
        "class 2/a10.jpeg",
        "class 10/deep/er/x.png",
        "ünïcode 猫/1.png",
    ];
    let folder = folder_of(&files);
    fs::write(folder.path().join("class 2/notes.txt"), "no image").unwrap();
    fs::write(folder.path().join("class 2/.hidden.png"), png(9)).unwrap();
    fs::create_dir_all(folder.path().join(".git")).unwrap();
    fs::write(folder.path().join(".git/x.png"), png(9)).unwrap();
    let source = Directory::open(folder.path(), &OpenOptions::default()).unwrap();
    assert_eq!(names(&source), files);
    assert_eq!(source.classes(), ["class 2", "class 10", "ünïcode 猫"]);
    let labels: Vec<_> = (0..5).map(|id| source.label(id).unwrap()).collect();
    assert_eq!(labels, [0, 0, 0, 1, 2]);
    for id in 0..5 {
        assert_eq!(source.load(id).unwrap().to_8_bit().pixels, [id as u8], "{}", source.name(id));
    }
    assert_eq!(source.remarks(), ["passed over 1 files that are no images by their names"]);
}

#[test]
fn an_image_in_the_root_means_no_labels() {
    let folder = folder_of(&["cats/1.png", "dogs/1.png", "stray.png"]);
    let source = Directory::open(folder.path(), &OpenOptions::default()).unwrap();
    assert_eq!((source.len(), source.classes().len(), source.label(0)), (3, 0, None));
}

#[test]
fn the_first_images_keep_the_classes_of_the_whole() {
    let folder = folder_of(&["a/1.png", "a/2.png", "b/1.png"]);
    let options = OpenOptions { max_images: Some(2), ..OpenOptions::default() };
    let first = open(folder.path().to_str().unwrap(), &options).unwrap();
    assert_eq!((first.len(), first.classes()), (2, &["a".to_owned(), "b".to_owned()][..]));
    let whole = Directory::open(folder.path(), &OpenOptions::default()).unwrap();
    assert_ne!(first.fingerprint(), whole.fingerprint());
}

#[test]
fn an_empty_directory_says_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    fs::write(folder.path().join("inner/a.svg"), "<svg/>").unwrap();
    let message = Directory::open(folder.path(), &OpenOptions::default()).unwrap_err().to_string();
    assert!(message.contains("saw 1 other files and 1 directories"), "{message}");
    let file = folder.path().join("inner/a.svg");
    assert!(matches!(
        Directory::open(&file, &OpenOptions::default()),
        Err(SourceError::WrongFileType { .. })
    ));
    let missing = folder.path().join("missing");
    let message = Directory::open(&missing, &OpenOptions::default()).unwrap_err().to_string();
    assert!(message.contains("missing"), "{message}");
}

#[test]
fn the_fingerprint_follows_names_sizes_and_labels_but_not_the_place() {
    let files = ["a/1.png", "b/2.png"];
    let fingerprint = |folder: &tempfile::TempDir| {
        Directory::open(folder.path(), &OpenOptions::default()).unwrap().fingerprint()
    };
    let (one, same) = (folder_of(&files), folder_of(&files));
    assert_eq!(fingerprint(&one), fingerprint(&same));
    assert_ne!(fingerprint(&one), fingerprint(&folder_of(&["a/1.png", "c/2.png"])));
    fs::write(same.path().join("a/1.png"), "longer or shorter").unwrap();
    assert_ne!(fingerprint(&one), fingerprint(&same));
}

#[cfg(unix)]
mod links {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn files_are_followed_and_directories_visited_once_by_their_real_names() {
        let folder = folder_of(&["real/1.png"]);
        let outside = folder_of(&["x.png"]);
        let at = |name: &str| folder.path().join(name);
        symlink(at("real"), at("alias")).unwrap();
        symlink(folder.path(), at("real/loop")).unwrap();
        symlink(at("real/1.png"), at("real/2.png")).unwrap();
        symlink(outside.path(), at("z")).unwrap();
        symlink(outside.path(), at("zz")).unwrap();
        symlink(at("nowhere"), at("real/3.png")).unwrap();
        let source = Directory::open(folder.path(), &OpenOptions::default()).unwrap();
        assert_eq!(names(&source), ["real/1.png", "real/2.png", "real/3.png", "z/x.png"]);
        assert_eq!(source.load(1).unwrap(), source.load(0).unwrap());
        assert_eq!(source.load(2).unwrap_err().kind(), "io");
        assert_eq!(source.remarks(), ["followed 6 symbolic links"]);
    }

    #[test]
    fn an_unreadable_directory_is_named() {
        let folder = folder_of(&["open/1.png", "closed/1.png"]);
        let closed = folder.path().join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let opened = Directory::open(folder.path(), &OpenOptions::default());
        let can_read_anyway = fs::read_dir(&closed).is_ok();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        if can_read_anyway {
            println!("skipped: this user may read every directory");
            return;
        }
        let message = opened.unwrap_err().to_string();
        assert!(message.contains("closed"), "{message}");
    }
}
