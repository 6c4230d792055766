//! The lines of a list file: plain paths, comma-separated values or JSON objects.

use std::path::Path;

/// One listed image.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct Entry {
    pub(in crate::source) path: String,
    pub(in crate::source) label: Option<String>,
}

/// A line that cannot be understood.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct Malformed {
    /// From 1.
    pub(in crate::source) line: usize,
    pub(in crate::source) reason: String,
}

/// How a list file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Paths,
    Csv,
    JsonLines,
}

/// Which column of a CSV line holds what.
#[derive(Debug, Clone, Copy)]
struct Columns {
    path: usize,
    label: Option<usize>,
    /// Whether further columns are passed over, as they are under a header.
    has_header: bool,
}

impl Form {
    pub(super) fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("csv") => Self::Csv,
            Some(extension) if extension.eq_ignore_ascii_case("jsonl") => Self::JsonLines,
            _ => Self::Paths,
        }
    }

    /// What a line should be, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Paths => "a path",
            Self::Csv => "`path` or `path,label`",
            Self::JsonLines => "`{\"path\": \"...\", \"label\": \"...\"}`",
        }
    }

    /// All entries of a file; empty lines are passed over.
    pub(super) fn entries(self, bytes: &[u8]) -> Result<Vec<Entry>, Malformed> {
        let mut entries = Vec::new();
        let mut columns = None;
        for line in numbered(bytes) {
            let (number, line) = line?;
            let entry = match self {
                Self::Paths => Ok(Some(Entry { path: line.to_owned(), label: None })),
                Self::Csv => csv_entry(line, &mut columns),
                Self::JsonLines => json_entry(line).map(Some),
            };
            entries.extend(entry.map_err(|reason| Malformed { line: number, reason })?);
        }
        Ok(entries)
    }
}

/// The lines of a file that are not empty, with their numbers from 1; ends are `\n` or `\r\n`, a byte
/// order mark is passed over.
pub(in crate::source) fn numbered(
    bytes: &[u8],
) -> impl Iterator<Item = Result<(usize, &str), Malformed>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|&byte| byte == b'\n').enumerate().map(|(index, line)| {
        let malformed = |error| Malformed { line: index + 1, reason: format!("{error}") };
        let line = std::str::from_utf8(line).map_err(malformed)?;
        Ok((index + 1, line.strip_suffix('\r').unwrap_or(line)))
    });
    lines.filter(|line| !matches!(line, Ok((_, text)) if text.trim().is_empty()))
}

/// The entry of a CSV line; nothing for the header, which is the first line if a cell says `path`.
fn csv_entry(line: &str, columns: &mut Option<Columns>) -> Result<Option<Entry>, String> {
    let mut cells = csv_cells(line)?;
    let find = |name: &str| cells.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
    let is_first = columns.is_none();
    let columns = *columns.get_or_insert_with(|| match find("path") {
        Some(path) => Columns { path, label: find("label"), has_header: true },
        None => Columns { path: 0, label: Some(1), has_header: false },
    });
    if is_first && columns.has_header {
        return Ok(None);
    }
    if !columns.has_header && cells.len() > 2 {
        return Err(format!("{} columns and no header", cells.len()));
    }
    let label = columns.label.and_then(|column| cells.get_mut(column)).map(std::mem::take);
    match cells.get_mut(columns.path).map(std::mem::take) {
        Some(path) if !path.is_empty() => {
            Ok(Some(Entry { path, label: label.filter(|label| !label.is_empty()) }))
        }
        _ => Err("no path".to_owned()),
    }
}

/// The cells of a line, quoted ones without their quotes (RFC 4180, without line breaks in cells).
pub(in crate::source) fn csv_cells(line: &str) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let mut cell = String::new();
        let after = if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let Some((text, tail)) = quoted.split_once('"') else {
                    return Err("a quote is not closed".to_owned());
                };
                cell.push_str(text);
                match tail.strip_prefix('"') {
                    Some(tail) => quoted = tail,
                    None => break quoted = tail,
                }
                cell.push('"');
            }
            quoted
        } else {
            let (text, tail) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            cell.push_str(text);
            tail
        };
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(tail) => rest = tail,
            None if after.is_empty() => return Ok(cells),
            None => return Err("text after a closing quote".to_owned()),
        }
    }
}

fn json_entry(line: &str) -> Result<Entry, String> {
    #[derive(serde::Deserialize)]
    struct Line {
        path: String,
        label: Option<serde_json::Value>,
    }
    let Line { path, label } = serde_json::from_str(line).map_err(|error| format!("{error}"))?;
    let label = match label {
        None => None,
        Some(serde_json::Value::String(text)) => Some(text),
        Some(number @ serde_json::Value::Number(_)) => Some(number.to_string()),
        Some(other) => return Err(format!("the label {other} is neither text nor a number")),
    };
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    Ok(Entry { path, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, label: Option<&str>) -> Entry {
        Entry { path: path.to_owned(), label: label.map(str::to_owned) }
    }

    #[test]
    fn each_form_gives_its_entries() {
        let ab = || vec![entry("a.png", Some("cat")), entry("b, c.png", Some("7"))];
        for (form, text, expected) in [
            (
                Form::Paths,
                "a b.png\r\n\n#c.png",
                vec![entry("a b.png", None), entry("#c.png", None)],
            ),
            (Form::Csv, "a.png,cat\n\"b, c.png\",7\n", ab()),
            (Form::Csv, "\u{feff}Path,Label\r\na.png,cat\r\n\"b, c.png\",\"7\"\r\n", ab()),
            (Form::Csv, "n,label,path\n1,cat,a.png\n2,7,\"b, c.png\"", ab()),
            (Form::Csv, "a.png\nb\"c.png,\n", vec![entry("a.png", None), entry("b\"c.png", None)]),
            (Form::Csv, "\"say \"\"a\"\".png\",x", vec![entry("say \"a\".png", Some("x"))]),
            (
                Form::JsonLines,
                "{\"path\":\"a.png\",\"label\":\"cat\",\"more\":[]}\n\n{\"label\":7,\"path\":\"b, c.png\"}",
                ab(),
            ),
            (Form::JsonLines, "{\"path\":\"a\",\"label\":null}", vec![entry("a", None)]),
        ] {
            assert_eq!(form.entries(text.as_bytes()).as_ref(), Ok(&expected), "{form:?} {text:?}");
        }
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number() {
        for (form, text, line) in [
            (Form::Paths, b"a\nb\xff\n".as_slice(), 2),
            (Form::Csv, b"a,b\n\nc,d,e", 3),
            (Form::Csv, b"a,b\n\"c,d", 2),
            (Form::Csv, b"\"a\"b,c", 1),
            (Form::Csv, b"path,label\n,d", 2),
            (Form::JsonLines, b"{\"path\":\"a\"}\n{\"label\":\"a\"}", 2),
            (Form::JsonLines, b"{\"path\":\"a\",\"label\":[1]}", 1),
            (Form::JsonLines, b"a.png", 1),
        ] {
            let error = form.entries(text).unwrap_err();
            assert_eq!(error.line, line, "{form:?}: {error:?}");
        }
    }
}
