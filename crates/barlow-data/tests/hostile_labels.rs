//! Lists and annotations that were made or damaged to do harm are read or refused at once, in memory
//! that is a small multiple of their size. Memory is counted by this test's own allocator.

#[path = "hostile_files/counting.rs"]
mod counting;

use std::fmt::Write;
use std::time::{Duration, Instant};

use barlow_data::source::fuzz;
use barlow_testing::mutate::mutated;

/// A cell of one byte becomes a string of 24, in an array that holds them twice more while it grows.
const BYTES_PER_BYTE: usize = 96;
const OVERHEAD_BYTES: usize = 64 << 10;
/// No input may take longer, on a machine however busy.
const PATIENCE: Duration = Duration::from_secs(10);

type Reader = fn(&[u8]) -> usize;

/// Reads in bounds; what was found.
fn read(name: &str, reader: Reader, bytes: &[u8]) -> usize {
    let begin = Instant::now();
    let (found, peak) = counting::peak(|| reader(bytes));
    assert!(begin.elapsed() < PATIENCE, "{name}: {:?}", begin.elapsed());
    let most = BYTES_PER_BYTE * bytes.len() + OVERHEAD_BYTES;
    assert!(peak <= most, "{name}: {peak} bytes for {}", bytes.len());
    found
}

/// Text of 2 MiB or a little more.
fn repeated(part: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= 2 << 20 {
            break;
        }
        text += &part(number);
    }
    text
}

/// One test, because the count of memory is of the whole process.
#[test]
fn hostile_files_are_read_or_refused_in_little_time_and_memory() {
    read_files_of_nothing_but_structure();
    read_mutated_files();
}

fn read_files_of_nothing_but_structure() {
    let xml = |text: String| format!("<annotation>{text}</annotation>");
    let nested = |part: &dyn Fn(usize) -> String| {
        let open = repeated(part);
        let close = "</a>".repeat(open.matches("<a").count());
        xml(open + &close)
    };
    let object = |i| format!("<object><name>{i}</name></object>");
    let objects = xml(repeated(object));
    let found = objects.matches("<object>").count();
    let mut laughs = "<!DOCTYPE annotation [<!ENTITY a0 \"ha\">".to_owned();
    for i in 1..30 {
        write!(laughs, "<!ENTITY a{i} \"{}\">", format!("&a{};", i - 1).repeat(10))
            .expect("a string takes it");
    }
    laughs = laughs + "]>" + &xml("<object><name>&a29;</name></object>".to_owned());
    for (name, text, expected) in [
        ("deep", nested(&|_| "<a>".to_owned()), 0),
        ("namespaces", nested(&|i| format!("<a xmlns:n{i}='{i}'>")), 0),
        ("attributes", xml(format!("<a{}/>", repeated(|i| format!(" a{i}=''")))), 0),
        ("empty", xml(repeated(|_| "<a/>".to_owned())), 0),
        ("objects", objects, found),
        ("laughs", laughs, 0),
        ("open", repeated(|_| "<annotation>".to_owned()), 0),
        ("text", xml(format!("<object><name>{}</name></object>", repeated(|_| "&lt;".into()))), 1),
    ] {
        assert_eq!(read(name, fuzz::voc_annotation, text.as_bytes()), expected, "{name}");
    }
    let header = "path,labels\n";
    for (name, text, expected) in [
        ("commas", header.to_owned() + &repeated(|_| ",".to_owned()), 0),
        ("classes", header.to_owned() + "a," + &repeated(|i| format!("{i};")), 0),
        ("one class", header.to_owned() + "a," + &repeated(|_| "a;".to_owned()), 1),
        ("lines", header.to_owned() + &repeated(|i| format!("{i},\n")), usize::MAX),
        ("columns", repeated(|_| "path,".to_owned()), 0),
    ] {
        let expected = if expected == usize::MAX { text.lines().count() - 1 } else { expected };
        assert_eq!(read(name, fuzz::multi_label_csv, text.as_bytes()), expected, "{name}");
    }
    let line = |labels: &str| format!("{{\"path\": \"a\", \"labels\": [{labels}1]}}");
    // All classes there may be, then images of none: a table of both would take 400 MB.
    let many: Vec<_> = (0..9_999).map(|class| format!("\"{class}\",")).collect();
    let sparse =
        line(&many.concat()) + &repeated(|i| format!("\n{{\"path\":\"{i}\",\"labels\":[]}}"));
    let images = sparse.lines().count();
    for (name, text, expected) in [
        ("numbers", line(&repeated(|_| "1,".to_owned())), 1),
        ("nested", line(&repeated(|_| "[".to_owned())), 0),
        ("sparse", sparse, images),
    ] {
        assert_eq!(read(name, fuzz::multi_label_json_lines, text.as_bytes()), expected, "{name}");
    }
}

fn read_mutated_files() {
    let object = "<object><name>dog</name><difficult>1</difficult></object>";
    let (text, objects) = ("photographs of 2007, ".repeat(20), object.repeat(5));
    let xml = format!("<annotation><source>{text}</source>{objects}</annotation>");
    let originals: [(&str, Reader, String); 4] = [
        ("xml", fuzz::voc_annotation, xml),
        ("names", fuzz::multi_label_csv, "path,labels,ignored\r\n\"a,b\",x;y,z\r\nc,,\r\n".into()),
        ("columns", fuzz::multi_label_csv, "x,y,\"z z\",path\n1,0,-1,a.png\n,1,1,b.png\n".into()),
        (
            "json",
            fuzz::multi_label_json_lines,
            "{\"path\": \"a\", \"labels\": [\"x\", 7], \"ignored\": [\"z\"]}\n".into(),
        ),
    ];
    for (name, reader, original) in originals {
        assert!(read(name, reader, original.as_bytes()) > 0, "{name}");
        let read_of = |seed| read(name, reader, &mutated(original.as_bytes(), seed));
        let some = (0..2000).filter(|&seed| read_of(seed) > 0).count();
        // Neither are all refused at the door nor do all pass.
        assert!((20..2000).contains(&some), "{name}: something was read of {some}");
    }
}
