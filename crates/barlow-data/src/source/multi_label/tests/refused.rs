//! What is refused, and that the message names the file and the line.

use super::*;

/// The messages of an error and of what caused it.
fn message(spec: &str) -> String {
    let error = MultiLabelSet::open(spec, &OpenOptions::default()).unwrap_err();
    let mut text = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(cause) = next {
        write!(text, ": {cause}").unwrap();
        next = cause.source();
    }
    text
}

fn lists(cases: &[(&str, usize, &str)], extension: &str) {
    let folder = tempfile::tempdir().unwrap();
    for &(text, line, reason) in cases {
        let list = write(folder.path(), &format!("list.{extension}"), text);
        let message = message(list.to_str().unwrap());
        assert!(message.starts_with(&format!("line {line} of `")), "{text:?}: {message}");
        assert!(message.contains(reason), "{text:?}: {message}");
    }
}

#[test]
fn malformed_csv_lists_are_refused_by_line() {
    let many: Vec<_> = (0..=MAX_CLASSES).map(|class| format!(",c{class}")).collect();
    let cases = [
        ("a.png,cat\n", 1, "no column `path`"),
        ("path,Path,a\n", 1, "two columns `path`"),
        ("path,labels,labels\n", 1, "two columns `labels`"),
        ("path,ignored,a\n", 1, "no column `labels`"),
        ("a,path,b,a\n", 1, "two columns `a`"),
        ("path,a,a\n", 1, "two columns `a`"),
        ("path,a,,b\n", 1, "no name"),
        (&format!("path{}\n", many.concat()), 1, "`c10000` is one more than 10000"),
        ("path,a\nx,1\n\ny,2\n", 4, "`2` is no entry"),
        ("path,a\nx,+1\n", 2, "`+1` is no entry"),
        ("path,a\nx,\u{1b}[31m\n", 2, "`\\u{1b}[31m` is no entry"),
        ("path,a\nx\n", 2, "1 cells under 2 columns"),
        ("path,labels\nx,a,b\n", 2, "3 cells under 2 columns"),
        ("path,labels\nx,\"a\n", 2, "not closed"),
        ("path,labels\n,a\n", 2, "no path"),
        ("path,labels\r\nx,a\r\ny,a\r\nx,b\r\n", 4, "`x` is on line 2 already"),
        ("path,labels,ignored\nx,a;b,b\n", 2, "`b` is both present and ignored"),
    ];
    lists(&cases, "csv");
}

#[test]
fn malformed_json_lists_are_refused_by_line() {
    let many: Vec<_> = (0..=MAX_CLASSES).collect();
    let deep = "[".repeat(100_000);
    let cases = [
        ("a.png", 1, "expected value"),
        ("{\"path\": \"a\", \"label\": \"b\"}", 1, "missing field `labels`"),
        ("{\"path\": \"a\", \"labels\": \"b\"}", 1, "expected a sequence"),
        ("\n{\"path\": \"a\", \"labels\": [null]}", 2, "null is neither"),
        ("{\"path\": \"a\", \"labels\": [\" \"]}", 1, "no name"),
        ("{\"path\": \"\", \"labels\": []}", 1, "no path"),
        ("{\"path\": \"a\", \"labels\": [1], \"ignored\": [\"1\"]}", 1, "both present and ignored"),
        ("{\"path\": \"a\", \"labels\": []}\n{\"labels\": [], \"path\": \"a\"}", 2, "on line 1"),
        (&format!("{{\"path\": \"a\", \"labels\": {many:?}}}"), 1, "one more than 10000"),
        (&format!("{{\"path\": \"a\", \"labels\": {deep}"), 1, "recursion limit"),
    ];
    lists(&cases, "jsonl");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.jsonl"), b"\xff").unwrap();
    assert!(message(folder.path().join("a.jsonl").to_str().unwrap()).contains("utf-8"));
}

#[test]
fn sets_without_images_or_classes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("", "lists no images"),
        ("path,labels\n", "lists no images"),
        ("path\nx\n", "names no class"),
        ("path,labels\nx,\n", "names no class"),
    ] {
        let list = write(folder.path(), "a.csv", text);
        let message = message(list.to_str().unwrap());
        assert!(message.contains(expected) && message.contains("a.csv"), "{text:?}: {message}");
    }
    assert!(message("photos").contains("cannot be understood"));
    assert!(message(folder.path().join("b.csv").to_str().unwrap()).contains("cannot read"));
    let list = write(folder.path(), "a.csv", "path,labels\nx,a\n");
    let open = |options: &OpenOptions| MultiLabelSet::open(list.to_str().unwrap(), options);
    let options = OpenOptions { include: vec!["y".to_owned()], ..OpenOptions::default() };
    let error = open(&options).unwrap_err();
    assert!(matches!(error, MultiLabelError::Source(SourceError::NothingLeft { excluded: 1, .. })));
    let options = OpenOptions { fraction: Some(1.5), ..OpenOptions::default() };
    let error = open(&options).unwrap_err();
    assert!(matches!(error, MultiLabelError::Source(SourceError::FractionOutOfRange { .. })));
}

#[test]
fn a_voc_folder_that_is_none_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let voc = |split: &str| message(&format!("voc:{}:{split}", folder.display()));
    assert!(voc("test").contains("has no file `ImageSets/Main/test.txt`"));
    let list = |text: &str| write(folder, "ImageSets/Main/test.txt", text);
    let good = || format!("<annotation>{}</annotation>", object("cat", false));
    write(folder, "Annotations/a.xml", &good());
    for (names, line) in [("a\nb  1\n", 2), ("../a\n", 1), ("a\n\na\n", 3)] {
        list(names);
        let message = voc("test");
        let path = folder.join("ImageSets/Main/test.txt");
        let start = format!("line {line} of `{}`", path.display());
        assert!(message.starts_with(&start), "{names:?}: {message}");
    }
    list("a\nb\n");
    assert!(voc("test").contains("b.xml"));
    write(folder, "Annotations/b.xml", "<annotation>\n<object/>\n</annotation>");
    let malformed = voc("test");
    let path = folder.join("Annotations/b.xml");
    assert!(malformed.starts_with(&format!("line 2 of `{}`", path.display())), "{malformed}");
    fs::File::create(&path).unwrap().set_len((4 << 20) + 1).unwrap();
    assert!(voc("test").contains("4194305 bytes"));
    fs::write(&path, good() + &" ".repeat((4 << 20) - good().len())).unwrap();
    let set =
        MultiLabelSet::open(&format!("voc:{}:test", folder.display()), &OpenOptions::default());
    assert_eq!(set.unwrap().matrix(), [1, 1]);
}
