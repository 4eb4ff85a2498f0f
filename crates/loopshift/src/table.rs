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
    let print = |row: &Vec<String>| row.iter().map(|cell| printable(cell)).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(print).collect();
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

/// A text with escapes for what a terminal would not print but obey: names of files may hold anything.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Align, lines, printable};

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2J\n.py"), "a\\u{1b}[2J\\n.py");
        assert_eq!(
            lines(&[Align::Left], &[vec!["a\nb".to_owned()]]),
            ["  a\\nb"]
        );
    }

    #[test]
    fn columns_align() {
        let rows = [["gevent", "7"], ["日本", "12"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            lines(&[Align::Left, Align::Right], &rows),
            ["  gevent   7", "  日本    12"]
        );
    }
}
