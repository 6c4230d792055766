//! `train.log`: what the screen said, with times.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{RunDirectoryError, at};

/// The log of a run; each line begins with the time in UTC.
#[derive(Debug)]
pub struct TrainLog {
    path: PathBuf,
    file: File,
}

impl TrainLog {
    pub(super) fn open(path: &Path) -> Result<Self, RunDirectoryError> {
        let mut file =
            File::options().read(true).append(true).create(true).open(path).map_err(at(path))?;
        // A killed process may have left half a line; the next must not continue it.
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0)).map_err(at(path))? > 0 {
            file.seek(SeekFrom::End(-1)).map_err(at(path))?;
            file.read_exact(&mut last).map_err(at(path))?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n").map_err(at(path))?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a message; each of its lines gets the time, and control characters (which paths and
    /// class names may hold) are written as escapes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, message: &str) -> Result<(), RunDirectoryError> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = utc(since_1970.as_secs());
        let mut text = String::new();
        for line in message.lines() {
            let line = escape(line);
            writeln!(text, "{time} {line}").expect("a string takes every text");
        }
        self.file.write_all(text.as_bytes()).map_err(at(&self.path))
    }
}

fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for character in line.chars() {
        if character.is_control() && character != '\t' {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`.
///
/// # Source
/// Days to date: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`,
/// for dates after 1970.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_date_command() {
        // `date -u -d @N +%FT%TZ`
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_795_293_883, "2026-11-21T20:44:43Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), expected);
        }
    }

    #[test]
    fn each_line_has_a_time_and_control_characters_are_escaped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train.log");
        std::fs::write(&path, "torn").unwrap();
        TrainLog::open(&path).unwrap().append("first\nsecond \u{1b}[31m").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "torn");
        assert_eq!(&lines[1][19..], "Z first");
        assert_eq!(&lines[2][19..], "Z second \\u{1b}[31m");
    }
}
