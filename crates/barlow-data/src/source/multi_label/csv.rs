//! Comma-separated lists with several labels an image, in two forms that their headers tell apart.

use super::excerpt::quoted;
use super::listed::{Listed, Listing};
use super::marks::Mark;
use crate::source::list::lines::{Malformed, csv_cells, numbered};

/// What a line should be, for messages.
pub(super) const EXPECTED: &str = "a header `path,labels`, `path,labels,ignored` or \
     `path,CLASS,CLASS,...`, each image once, labels as `a;b`, and 1 (present), 0 (absent) or -1 \
     (ignored) for a class";

/// Which column holds what.
#[derive(Debug)]
struct Columns {
    path: usize,
    labels: Labels,
    /// How many columns there are, also those that are passed over.
    count: usize,
}

#[derive(Debug)]
enum Labels {
    /// Names in a cell or two.
    Names { present: usize, ignored: Option<usize> },
    /// A cell for each class: the class of each column, none for that of paths.
    Cells(Vec<Option<u16>>),
}

/// Reads a list in either form; see [`MultiLabelSpec::Csv`](super::MultiLabelSpec::Csv).
pub(super) fn read(bytes: &[u8]) -> Result<Listed, Malformed> {
    let mut listing = Listing::default();
    let mut columns = None;
    for line in numbered(bytes) {
        let (line, text) = line?;
        let malformed = |reason| Malformed { line, reason };
        let cells = csv_cells(text).map_err(malformed)?;
        let Some(columns) = &columns else {
            columns = Some(header(&cells, &mut listing).map_err(malformed)?);
            continue;
        };
        let row = row(&cells, columns, &mut listing).map_err(malformed)?;
        listing.add(line, &cells[columns.path], &row)?;
    }
    Ok(match columns {
        Some(Columns { labels: Labels::Cells(_), .. }) => listing.unsorted(),
        _ => listing.sorted(),
    })
}

fn header(cells: &[String], listing: &mut Listing) -> Result<Columns, String> {
    let find = |name: &str| {
        let is_it = |(_, cell): &(usize, &String)| cell.trim().eq_ignore_ascii_case(name);
        let mut found = cells.iter().enumerate().filter(is_it).map(|(column, _)| column);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(format!("two columns `{name}`")),
            (column, None) => Ok(column),
        }
    };
    let path = find("path")?.ok_or("the header names no column `path`")?;
    let labels = match (find("labels")?, find("ignored")?) {
        (Some(present), ignored) => Labels::Names { present, ignored },
        (None, Some(_)) => return Err("a column `ignored` and no column `labels`".to_owned()),
        (None, None) => Labels::Cells(classes(cells, path, listing)?),
    };
    Ok(Columns { path, labels, count: cells.len() })
}

/// The classes that columns are named after.
fn classes(
    cells: &[String],
    path: usize,
    listing: &mut Listing,
) -> Result<Vec<Option<u16>>, String> {
    let mut classes = vec![None; cells.len()];
    for (column, cell) in cells.iter().enumerate().filter(|&(column, _)| column != path) {
        let class = listing.class(cell.trim())?;
        // A class that was met before has a smaller number than the columns before it.
        if usize::from(class) + usize::from(column > path) != column {
            return Err(format!("two columns {}", quoted(cell.trim())));
        }
        classes[column] = Some(class);
    }
    Ok(classes)
}

fn row(cells: &[String], columns: &Columns, listing: &mut Listing) -> Result<Vec<Mark>, String> {
    if cells.len() != columns.count {
        return Err(format!("{} cells under {} columns", cells.len(), columns.count));
    }
    match &columns.labels {
        Labels::Names { present, ignored } => {
            let ignored = ignored.map_or("", |column| cells[column].as_str());
            let ignored = names(ignored).map(|name| (name, false));
            listing.row(names(&cells[*present]).map(|name| (name, true)).chain(ignored))
        }
        Labels::Cells(classes) => {
            let mut row = Vec::new();
            for (cell, class) in cells.iter().zip(classes) {
                let Some(class) = *class else { continue };
                match cell.trim() {
                    "1" => row.push(Mark { class, is_present: true }),
                    "-1" | "" => row.push(Mark { class, is_present: false }),
                    "0" => {}
                    other => return Err(format!("{} is no entry of a class", quoted(other))),
                }
            }
            Ok(row)
        }
    }
}

/// The names in a cell as `a;b`.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(';').map(str::trim).filter(|name| !name.is_empty())
}
