use super::*;

#[test]
fn paths_start_at_the_list_and_missing_files_are_bad_images() {
    use ::image::ImageEncoder;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    let mut png = Vec::new();
    ::image::codecs::png::PngEncoder::new(&mut png)
        .write_image(&[5], 1, 1, ::image::ExtendedColorType::L8)
        .unwrap();
    fs::write(folder.path().join("inner/a.png"), &png).unwrap();
    let absolute = folder.path().join("inner/a.png");
    let list = folder.path().join("images.txt");
    fs::write(&list, format!("inner/a.png\n{}\ngone.png\n", absolute.display())).unwrap();
    let source = List::open(&list, &OpenOptions::default()).unwrap();
    assert_eq!((source.len(), source.classes().len(), source.label(0)), (3, 0, None));
    assert_eq!(source.load(0).unwrap().to_8_bit().pixels, [5]);
    assert_eq!(source.load(1).unwrap().to_8_bit().pixels, [5]);
    assert_eq!(source.load(2).unwrap_err().kind(), "io");
    assert!(source.name(2).ends_with("gone.png"));
}

#[test]
fn classes_are_the_distinct_labels_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("images.csv");
    fs::write(&list, "path,label\na,10\nb,9\nc,\nd,katze\ne,10\n").unwrap();
    let source = List::open(&list, &OpenOptions::default()).unwrap();
    assert_eq!(source.classes(), ["9", "10", "katze"]);
    let labels: Vec<_> = (0..5).map(|id| source.label(id)).collect();
    assert_eq!(labels, [Some(1), Some(0), None, Some(2), Some(1)]);
}

#[test]
fn an_unusable_list_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("images.jsonl");
    fs::write(&list, "{\"path\":\"a\"}\nb.png\n").unwrap();
    let message = List::open(&list, &OpenOptions::default()).unwrap_err().to_string();
    assert!(message.contains("line 2") && message.contains("images.jsonl"), "{message}");
    fs::write(&list, "\n\n").unwrap();
    assert!(matches!(
        List::open(&list, &OpenOptions::default()),
        Err(SourceError::EmptyList { .. })
    ));
    fs::remove_file(&list).unwrap();
    assert!(matches!(List::open(&list, &OpenOptions::default()), Err(SourceError::Read { .. })));
    fs::create_dir(&list).unwrap();
    assert!(matches!(
        List::open(&list, &OpenOptions::default()),
        Err(SourceError::WrongFileType { .. })
    ));
}
