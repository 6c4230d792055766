//! What images say of classes where it is not "absent": rows of few entries.

/// One class that is present in an image, or ignored there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) class: u16,
    pub(super) is_present: bool,
}

impl Mark {
    /// 1 if present, 0 if ignored.
    pub(super) fn value(self) -> i8 {
        i8::from(self.is_present)
    }
}

/// The marks of images, a row each, by class within a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    marks: Vec<Mark>,
    /// Where in `marks` each row ends.
    ends: Vec<usize>,
}

impl Marks {
    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a row; each class is in it once.
    pub(super) fn push(&mut self, row: &[Mark]) {
        let start = self.marks.len();
        self.marks.extend_from_slice(row);
        self.marks[start..].sort_unstable_by_key(|mark| mark.class);
        self.ends.push(self.marks.len());
    }

    pub(super) fn row(&self, id: usize) -> &[Mark] {
        &self.marks[self.start(id)..self.ends[id]]
    }

    /// 1 present, -1 absent, 0 ignored.
    pub(super) fn value(&self, id: usize, class: usize) -> i8 {
        let row = self.row(id);
        let found = row.binary_search_by_key(&class, |mark| usize::from(mark.class));
        found.map_or(-1, |at| row[at].value())
    }

    /// These rows, in this order.
    pub(super) fn pick(&self, ids: &[usize]) -> Self {
        let mut picked = Self::default();
        for &id in ids {
            picked.push(self.row(id));
        }
        picked
    }

    /// Gives each class the number that stands at its place; no two may get the same.
    pub(super) fn renumber(&mut self, numbers: &[u16]) {
        for mark in &mut self.marks {
            mark.class = numbers[usize::from(mark.class)];
        }
        for id in 0..self.len() {
            let start = self.start(id);
            self.marks[start..self.ends[id]].sort_unstable_by_key(|mark| mark.class);
        }
    }

    fn start(&self, id: usize) -> usize {
        id.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}
