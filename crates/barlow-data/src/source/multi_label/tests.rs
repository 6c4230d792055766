use std::fmt::Write;

use super::*;

mod refused;

const CLASSES: [&str; 5] = ["class 2", "class 10", "dog, small", "katze", "r & b"];
const IMAGES: usize = 40;

/// 1, 0 or -1 for an image and class: each in each class, in no order of a short period.
fn value(image: usize, class: usize) -> i8 {
    ((image * image + 5 * class * image + image / 7) % 3) as i8 - 1
}

fn expected() -> Vec<i8> {
    (0..IMAGES).flat_map(|image| (0..CLASSES.len()).map(move |class| value(image, class))).collect()
}

/// The classes of an image that have a value.
fn having(image: usize, wanted: i8) -> Vec<&'static str> {
    let has = |&(class, _): &(usize, &&str)| value(image, class) == wanted;
    CLASSES.iter().enumerate().filter(has).map(|(_, &name)| name).collect()
}

fn open(path: &Path) -> MultiLabelSet {
    MultiLabelSet::open(path.to_str().unwrap(), &OpenOptions::default()).unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

/// A VOC year with these names and the objects of each.
fn write_voc(folder: &Path, split: &str, images: &[(String, String)]) {
    let names: Vec<&str> = images.iter().map(|(name, _)| name.as_str()).collect();
    write(folder, &format!("ImageSets/Main/{split}.txt"), &names.join("\n"));
    for (name, objects) in images {
        let text = format!("<annotation>\n{objects}</annotation>\n");
        write(folder, &format!("Annotations/{name}.xml"), &text);
    }
}

fn object(name: &str, is_difficult: bool) -> String {
    let name = name.replace('&', "&amp;");
    let difficult = u8::from(is_difficult);
    format!("<object><name>{name}</name><difficult>{difficult}</difficult></object>\n")
}

#[test]
fn all_forms_of_one_set_give_its_labels_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut names = "\u{feff}Path,labels,ignored\r\n".to_owned();
    let mut columns = format!("\"{}\",path\n", CLASSES.join("\",\""));
    let mut objects = String::new();
    let mut annotations = Vec::new();
    for image in 0..IMAGES {
        let (present, ignored) = (having(image, 1), having(image, 0));
        let name = format!("{image:03}");
        let path = format!("JPEGImages/{name}.jpg");
        write!(names, "{path},\"{}\",\" {} ;\"\r\n", present.join("; "), ignored.join(";"))
            .unwrap();
        for class in 0..CLASSES.len() {
            let entry = match value(image, class) {
                1 => "1",
                -1 => "0",
                _ => ["-1", ""][image % 2],
            };
            write!(columns, "{entry},").unwrap();
        }
        writeln!(columns, "{path}").unwrap();
        writeln!(
            objects,
            "{}",
            serde_json::json!({ "path": path, "labels": present, "ignored": ignored })
        )
        .unwrap();
        let difficult = ignored.iter().chain(&present[..present.len() / 2]);
        let text = present.iter().map(|class| object(class, false));
        let text = text.chain(difficult.map(|class| object(class, true))).collect();
        annotations.push((name, text));
    }
    write_voc(folder, "trainval", &annotations);
    let sets = [
        open(&write(folder, "names.csv", &names)),
        open(&write(folder, "columns.csv", &columns)),
        open(&write(folder, "list.JSONL", &objects)),
        MultiLabelSet::open(&format!("voc:{}", folder.display()), &OpenOptions::default()).unwrap(),
    ];
    for set in &sets {
        assert_eq!(set.classes(), CLASSES);
        assert_eq!((set.len(), set.images().len(), set.is_empty()), (IMAGES, IMAGES, false));
        assert_eq!(set.matrix(), expected());
        for class in 0..CLASSES.len() {
            let column: Vec<i8> = (0..IMAGES).map(|image| value(image, class)).collect();
            assert_eq!(set.column(class), column);
        }
        assert_eq!(set.row(7), expected()[7 * CLASSES.len()..][..CLASSES.len()]);
        assert_eq!(set.images().name(3), folder.join("JPEGImages/003.jpg").to_str().unwrap());
        assert_eq!(set.images().fingerprint(), sets[0].images().fingerprint());
    }
}

/// The devkit's own table for such objects: `CLASS_SPLIT.txt` has 1, 0 (all difficult) or -1.
#[test]
fn a_voc_split_has_the_labels_of_its_class_files() {
    let folder = tempfile::tempdir().unwrap();
    let images = [
        ("000005", object("chair", true) + &object("chair", false) + &object("cow", true)),
        ("000007", object("cow", true) + &object("cow", true)),
        ("000009", String::new()),
        ("2008_000001", object("cow", false)),
    ];
    let images = images.map(|(name, objects)| (name.to_owned(), objects));
    write_voc(folder.path(), "test", &images);
    let spec = format!("voc:{}:test", folder.path().display());
    let set = MultiLabelSet::open(&spec, &OpenOptions::default()).unwrap();
    assert_eq!(set.classes(), ["chair", "cow"]);
    assert_eq!(set.column(0), [1, -1, -1, -1]);
    assert_eq!(set.column(1), [0, 0, -1, 1]);
}

#[test]
fn columns_keep_their_order_and_names_are_sorted_by_value() {
    let folder = tempfile::tempdir().unwrap();
    let set = open(&write(folder.path(), "a.csv", "b10,path,a,b9\n1,x.png,0,\n\n 0 ,y.png,-1, 1"));
    assert_eq!(set.classes(), ["b10", "a", "b9"]);
    assert_eq!(set.matrix(), [1, -1, 0, -1, 0, 1]);
    let names = "n,ignored,labels,path\n1,b10,b9;b9,x.png\n2,,,y.png\n3,a,,z.png\n";
    let set = open(&write(folder.path(), "b.csv", names));
    assert_eq!(set.classes(), ["a", "b9", "b10"]);
    assert_eq!(set.matrix(), [-1, 1, 0, -1, -1, -1, 0, -1, -1]);
    let set = open(&write(folder.path(), "c.jsonl", r#"{"path": "x", "labels": [10, "9", 9]}"#));
    assert_eq!(set.classes(), ["9", "10"]);
    assert_eq!(set.matrix(), [1, 1]);
}

#[test]
fn images_are_read_below_the_list_and_missing_ones_are_bad_images() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "inner/a.pgm", "P5 1 1 255 A");
    let list = write(folder.path(), "a.csv", "path,labels\ninner/a.pgm,x\ngone.png,x\n");
    let images = Arc::clone(open(&list).images());
    assert_eq!(images.load(0).unwrap().to_8_bit().pixels, b"A");
    assert_eq!(images.load(1).unwrap_err().kind(), "io");
    assert!(images.name(1).ends_with("gone.png"));
    assert_eq!((images.label(0), images.classes().len()), (None, 0));
}

#[test]
fn labels_follow_the_images_that_options_leave() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..100).map(|i| format!("{}/{i}.png,c{i}\n", i % 2)).collect();
    let list = write(folder.path(), "a.csv", &format!("path,labels\n{}", lines.concat()));
    let options = OpenOptions {
        exclude: vec!["1/*".to_owned()],
        fraction: Some(0.5),
        max_images: Some(20),
        seed: 3,
        ..OpenOptions::default()
    };
    let set = MultiLabelSet::open(list.to_str().unwrap(), &options).unwrap();
    assert_eq!((set.len(), set.images().len(), set.classes().len()), (20, 20, 100));
    let mut numbers = Vec::new();
    for id in 0..20 {
        let name = set.images().name(id);
        let number = Path::new(&name).file_stem().unwrap().to_str().unwrap().to_owned();
        let row = set.row(id);
        assert_eq!(row.iter().filter(|&&value| value == 1).count(), 1);
        let class = row.iter().position(|&value| value == 1).unwrap();
        assert_eq!(set.classes()[class], format!("c{number}"));
        numbers.push(number.parse::<usize>().unwrap());
    }
    assert!(numbers.is_sorted() && numbers.iter().all(|number| number % 2 == 0), "{numbers:?}");
    assert_ne!(numbers, (0..40).step_by(2).collect::<Vec<_>>());
}

#[test]
fn pages_of_one_file_have_its_labels() {
    let folder = tempfile::tempdir().unwrap();
    let mut pages = std::io::Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut pages).unwrap();
    for page in 0..3 {
        encoder.write_image::<tiff::encoder::colortype::Gray8>(1, 1, &[page]).unwrap();
    }
    fs::write(folder.path().join("b.tif"), pages.into_inner()).unwrap();
    let text = "path,labels\na.png,x\nb.tif,y\nc.png,x;y\n";
    let list = write(folder.path(), "a.csv", text);
    let mut options = OpenOptions::default();
    options.decode.pages = crate::decode::Pages::Samples;
    let set = MultiLabelSet::open(list.to_str().unwrap(), &options).unwrap();
    assert_eq!(set.column(0), [1, -1, -1, -1, 1]);
    assert_eq!(set.column(1), [-1, 1, 1, 1, 1]);
    assert_eq!(set.images().load(2).unwrap().to_8_bit().pixels, [1]);
}

#[test]
fn sets_meet_by_the_names_of_classes() {
    let folder = tempfile::tempdir().unwrap();
    let train = open(&write(folder.path(), "a.csv", "path,d,c,b,a\nx,1,1,1,1\n"));
    let mut test =
        open(&write(folder.path(), "b.csv", "path,labels,ignored\nx,a,d\ny,b;d,\nz,,\n"));
    test.align(train.classes()).unwrap();
    assert_eq!(test.classes(), ["d", "c", "b", "a"]);
    assert_eq!(test.matrix(), [0, -1, -1, 1, 1, -1, 1, -1, -1, -1, -1, -1]);
    assert_eq!(test.column(0), [0, 1, -1]);
    let before = (test.classes().to_vec(), test.matrix());
    let names = ["a", "b"].map(str::to_owned);
    match test.align(&names).unwrap_err() {
        MultiLabelError::UnknownClasses { unknown } => assert_eq!(unknown, ["d", "c"]),
        other => panic!("{other}"),
    }
    let many = vec!["a".to_owned(); MAX_CLASSES + 1];
    assert!(matches!(test.align(&many), Err(MultiLabelError::TooManyClasses { found: 10_001 })));
    assert_eq!((test.classes().to_vec(), test.matrix()), before);
}
