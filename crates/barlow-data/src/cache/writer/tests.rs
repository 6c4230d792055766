use super::*;
use crate::{DecodedImage, Image};

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_writing_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let full = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
    let mut writer = Writer::new(folder.path().to_owned(), 1 << 20, 0, None);
    writer.segment = Some(Arc::new(full));
    let image = DecodedImage::U8(Image::new(2, 2, 3));
    let record = Record::new(0, &image).unwrap();
    assert!(writer.append(&record).is_none());
    let trouble = writer.trouble().unwrap().kind();
    assert_eq!(trouble, io::ErrorKind::StorageFull);
    assert_eq!(writer.added_bytes(), 0);
    assert!(!writer.has_room(1));
}

#[test]
fn segments_begun_in_the_same_process_have_names_of_their_own_in_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let image = DecodedImage::U8(Image::new(1, 1, 1));
    for id in 0..20 {
        let mut writer = Writer::new(folder.path().to_owned(), 1 << 20, 0, None);
        writer.append(&Record::new(id, &image).unwrap()).unwrap();
    }
    let mut ids = Vec::new();
    for (path, bytes) in segment::list(folder.path()).unwrap() {
        assert_eq!(bytes, 42);
        segment::scan(&File::open(path).unwrap(), 20, |id, _| ids.push(id));
    }
    assert_eq!(ids, (0..20).collect::<Vec<_>>());
}
