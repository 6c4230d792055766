//! `barlow embed`: every format holds the same, in order, and a run that was cut off goes on.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use safetensors::SafeTensors;
use support::{images, trained};

const DIM: usize = 32;

fn embed<'a>(data: &'a str, out: &'a str) -> Vec<&'a str> {
    vec!["embed", "--weights=run/encoder.safetensors", "--data", data, "--out", out]
}

type Rows = Vec<(String, String, Vec<f32>)>;

fn from_csv(path: &Path) -> Rows {
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let mut cells = line.split(',').map(str::to_owned);
        let (path, label) = (cells.next().unwrap(), cells.next().unwrap());
        (path, label, cells.map(|cell| cell.parse().unwrap()).collect())
    };
    text.lines().skip(1).map(row).collect()
}

fn from_parquet(path: &Path) -> Rows {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let row = |row: parquet::errors::Result<parquet::record::Row>| {
        let row = row.unwrap();
        let label = row.get_string(1).cloned().unwrap_or_default();
        let list = row.get_list(2).unwrap();
        let vector = list.elements().iter().map(|value| match value {
            parquet::record::Field::Float(value) => *value,
            other => panic!("{other:?}"),
        });
        (row.get_string(0).unwrap().clone(), label, vector.collect())
    };
    reader.get_row_iter(None).unwrap().map(row).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn every_format_holds_the_same_rows_in_the_order_of_the_source() {
    let playground = trained();
    let folder = playground.path("photos");
    images::write(&folder, 7, true);
    fs::write(folder.join("cats/broken.png"), b"no image").unwrap();
    for format in ["csv", "parquet", "npy", "safetensors"] {
        let ended = playground.run(&embed("photos", &format!("t.{format}")));
        ended.assert(0, &["broken.png` is skipped"]);
        assert!(ended.stdout.contains("7 representations of length 32"), "{}", ended.stdout);
        assert!(ended.stdout.contains("1 of 8 images skipped"), "{}", ended.stdout);
    }
    let rows = from_csv(&playground.path("t.csv"));
    let names: Vec<&str> = rows.iter().map(|row| row.0.rsplit('/').next().unwrap()).collect();
    let expected = ["000", "002", "004", "006", "001", "003", "005"].map(|n| format!("{n}.png"));
    assert_eq!(names, expected);
    let labels: Vec<&str> = rows.iter().map(|row| row.1.as_str()).collect();
    assert_eq!(labels, ["cats", "cats", "cats", "cats", "dogs", "dogs", "dogs"]);
    assert!(rows.iter().all(|row| row.2.len() == DIM));
    assert_eq!(from_parquet(&playground.path("t.parquet")), rows);

    let values: Vec<f32> = rows.iter().flat_map(|row| row.2.clone()).collect();
    let npy = fs::read(playground.path("t.npy")).unwrap();
    assert_eq!(npy.len(), 128 + 4 * values.len());
    let header = String::from_utf8_lossy(&npy[10..128]).into_owned();
    assert_eq!(header.trim_end(), "{'descr': '<f4', 'fortran_order': False, 'shape': (7, 32), }");
    assert_eq!(floats(&npy[128..]), values);

    let bytes = fs::read(playground.path("t.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(floats(file.tensor("vectors").unwrap().data()), values);
    let labels = file.tensor("labels").unwrap();
    let labels: Vec<i64> =
        labels.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    assert_eq!(labels, [0, 0, 0, 0, 1, 1, 1]);
    for name in ["t.npy.images.csv", "t.safetensors.images.csv"] {
        let text = fs::read_to_string(playground.path(name)).unwrap();
        let lines: Vec<String> = rows.iter().map(|row| format!("{},{}", row.0, row.1)).collect();
        assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), lines);
    }
}

#[test]
fn a_program_of_ones_own_gets_the_same_vectors() {
    let playground = trained();
    let folder = playground.path("own");
    images::write(&folder, 3, false);
    playground.run(&[&embed("own", "own.csv")[..], &["--precision=f32"]].concat()).assert(0, &[]);
    let encoder = barlow::ImageEncoder::open(playground.path("run/encoder.safetensors")).unwrap();
    assert_eq!(encoder.facts().encoder.representation_dim(), DIM);
    for (name, _, expected) in from_csv(&playground.path("own.csv")) {
        let found = encoder.embed_file(playground.path(&name)).unwrap();
        assert_eq!(found, expected, "{name}");
    }
    let error = encoder.embed_file(playground.path("own.csv")).unwrap_err();
    assert!(format!("{error:#}").contains("cannot be decoded"), "{error:#}");
}

#[test]
fn names_with_commas_and_images_without_labels_survive() {
    let playground = trained();
    let folder = playground.path("odd");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a, \"b\".png"), images::png(1)).unwrap();
    playground.run(&embed("odd", "odd.csv")).assert(0, &[]);
    let text = fs::read_to_string(playground.path("odd.csv")).unwrap();
    assert!(text.lines().nth(1).unwrap().starts_with("\"odd/a, \"\"b\"\".png\",,"), "{text}");
    playground.run(&embed("odd", "odd.parquet")).assert(0, &[]);
    assert_eq!(from_parquet(&playground.path("odd.parquet"))[0].1, "");
}

#[test]
fn what_is_there_is_replaced_only_if_asked() {
    let playground = trained();
    fs::write(playground.path("mine.csv"), "precious").unwrap();
    let line = embed("synthetic:20", "mine.csv");
    playground.run(&line).assert(1, &["`mine.csv` is there already", "--overwrite"]);
    assert_eq!(fs::read_to_string(playground.path("mine.csv")).unwrap(), "precious");
    playground.run(&[&line[..], &["--overwrite"]].concat()).assert(0, &[]);
    assert_eq!(from_csv(&playground.path("mine.csv")).len(), 20);
    playground
        .run(&embed("synthetic:20", "mine.txt"))
        .assert(2, &["stands for no format", ".parquet, .npy, .safetensors or .csv"]);
}

/// Pieces that are whole.
fn pieces(out: &str) -> usize {
    let Ok(folder) = fs::read_dir(trained().path(&format!("{out}.unfinished"))) else { return 0 };
    folder
        .filter(|e| e.as_ref().unwrap().path().extension() == Some("safetensors".as_ref()))
        .count()
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    let playground = trained();
    let source = "synthetic:9000";
    playground.run(&embed(source, "whole.npy")).assert(0, &[]);
    let line = embed(source, "killed.npy");
    // Killed after the first piece, after the next, and so on; each time the rest is left.
    for wanted in 1..=3 {
        let mut child = playground.start(&line);
        while pieces("killed.npy") < wanted {
            assert!(child.try_wait().unwrap().is_none(), "ended before piece {wanted}");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(!playground.path("killed.npy").exists());
    playground.run(&line).assert(0, &["going on behind"]);
    let [whole, killed] = ["whole", "killed"].map(|name| {
        ["npy", "npy.images.csv"].map(|end| fs::read(playground.path(&format!("{name}.{end}"))))
    });
    for (whole, killed) in whole.into_iter().zip(killed) {
        assert!(whole.unwrap() == killed.unwrap(), "the tables differ");
    }
    assert!(!playground.path("killed.npy.unfinished").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_how_far_it_is_and_goes_on_from_there() {
    let playground = trained();
    playground.run(&embed("synthetic:6000", "calm.csv")).assert(0, &[]);
    let line = embed("synthetic:6000", "stopped.csv");
    let mut command = playground.command(&line);
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(400));
    support::signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("of 6000 images are done; the same command goes on"), "{said}");
    // Other images are another table.
    playground
        .run(&embed("synthetic:5999", "stopped.csv"))
        .assert(1, &["holds the beginning of something else", "--overwrite"]);
    // Begun anew only for something else.
    let replace = [&line[..], &["--overwrite"]].concat();
    playground.run(&replace).assert(0, &["going on behind"]);
    let [calm, stopped] =
        ["calm.csv", "stopped.csv"].map(|n| fs::read(playground.path(n)).unwrap());
    assert!(calm == stopped, "the tables differ");
}
