//! A table whose columns line up, and whose cells cannot move a cursor.

use std::fmt::Display;

use super::paint::{Ink, Paint};
use super::shown;

/// A table: headings and rows of the same length.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// One cell; its text is made safe on the way in.
pub(crate) struct Cell {
    text: String,
    ink: Option<Ink>,
    to_the_right: bool,
}

impl Cell {
    /// The same, in this ink.
    pub(crate) fn ink(mut self, ink: Ink) -> Self {
        self.ink = Some(ink);
        self
    }

    /// A number: set to the right, so that places line up.
    pub(crate) fn number(number: impl Display) -> Self {
        Self { text: number.to_string(), ink: None, to_the_right: true }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: shown(text.as_ref()), ink: None, to_the_right: false }
    }
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, one line a row.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let widths = self.widths();
        let mut text = String::new();
        let headings = self.headings.iter().map(|&heading| Cell::from(heading).ink(Ink::Bold));
        let numbers = self.rows.first();
        let headings: Vec<Cell> = headings
            .enumerate()
            .map(|(column, mut cell)| {
                let below = numbers.and_then(|row| row.get(column));
                cell.to_the_right = below.is_some_and(|below| below.to_the_right);
                cell
            })
            .collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            push_row(&mut text, row, &widths, paint);
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> =
            self.headings.iter().map(|text| text.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        widths
    }
}

fn push_row(text: &mut String, row: &[Cell], widths: &[usize], paint: Paint) {
    for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
        let gap = " ".repeat(width - cell.text.chars().count().min(width));
        let shown = match cell.ink {
            Some(ink) => paint.ink(ink, &cell.text),
            None => cell.text.clone(),
        };
        let last = column + 1 == row.len();
        match (cell.to_the_right, last) {
            (true, _) => *text += &format!("{gap}{shown}"),
            (false, true) => *text += &shown,
            (false, false) => *text += &format!("{shown}{gap}"),
        }
        if !last {
            *text += "  ";
        }
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::paint::ColorWhen;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "NAME", "URL"]);
        table.row([Cell::number(7), "a\x1bb".into(), "http://x".into()]);
        table.row([Cell::number(1234), Cell::from("é").ink(Ink::Green), "".into()]);
        table
    }

    #[test]
    fn columns_line_up_and_lines_end_where_their_text_does() {
        let want = "  ID  NAME      URL\n   7  a\\u{1b}b  http://x\n1234  é\n";
        assert_eq!(table().render(Paint::new(ColorWhen::Never, true)), want);
    }

    #[test]
    fn colour_does_not_change_the_columns() {
        let painted = table().render(Paint::new(ColorWhen::Always, true));
        let bare = painted.replace("\x1b[1m", "").replace("\x1b[32m", "").replace("\x1b[0m", "");
        let bare: Vec<_> = bare.lines().map(str::trim_end).collect();
        let plain = table().render(Paint::new(ColorWhen::Never, true));
        assert_eq!(bare, plain.lines().collect::<Vec<_>>());
    }
}
