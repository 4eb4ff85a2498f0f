//! Aligned columns of text.

use unicode_width::UnicodeWidthStr;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// The rows as lines, each column as wide as its widest cell, with two spaces in front and between. No line ends in spaces.
pub(crate) fn lines(aligns: &[Align], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..aligns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for ((cell, align), width) in row.iter().zip(aligns).zip(&widths) {
            let space = " ".repeat(width - cell.width());
            line.push_str("  ");
            match align {
                Align::Left => line.extend([cell.as_str(), &space]),
                Align::Right => line.extend([space.as_str(), cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{Align, lines};

    #[test]
    fn columns_align() {
        let rows = [["gevent", "7"], ["日本", "12"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            lines(&[Align::Left, Align::Right], &rows),
            ["  gevent   7", "  日本    12"]
        );
    }
}
