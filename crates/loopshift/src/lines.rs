//! Lines and columns of byte offsets, as Python and editors count them.

/// Where the lines of a text start.
#[derive(Debug)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// The lines of `text`, ended by LF, CRLF or CR.
    pub fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            let ends = *byte == b'\n' || *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n');
            if ends {
                starts.push(at + 1);
            }
        }
        Lines { text, starts }
    }

    /// The line and the column of `offset`, both from 1; the column counts characters. An offset that is no boundary of a
    /// character counts as the one before.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let rest = self.text.get(start..).unwrap_or("");
        let column = rest
            .char_indices()
            .take_while(|(at, c)| start + at + c.len_utf8() <= offset)
            .count();
        (line, column + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn all_line_ends_and_wide_characters() {
        let lines = Lines::new("a\r\nbé\rc\nd");
        assert_eq!(lines.place(0), (1, 1));
        assert_eq!(lines.place(3), (2, 1));
        assert_eq!(lines.place(4), (2, 2));
        assert_eq!(lines.place(5), (2, 2), "inside é");
        assert_eq!(lines.place(6), (2, 3));
        assert_eq!(lines.place(7), (3, 1));
        assert_eq!(lines.place(9), (4, 1));
        assert_eq!(lines.place(10), (4, 2), "the end");
        assert_eq!(Lines::new("").place(0), (1, 1));
    }
}
