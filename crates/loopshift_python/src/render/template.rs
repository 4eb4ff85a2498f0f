//! Writing the text of edits: line ends, indentation and the strings in it.

use super::out::Out;
use crate::layout::Layout;

/// Writes the text of one edit, piece by piece, at an indentation.
///
/// Lines after the first get the indentation `base`; four leading spaces of theirs are one step of the file's own
/// indentation. Lines that start inside a triple-quoted string are written as they are.
pub(crate) struct Writer<'l> {
    layout: &'l Layout<'l>,
    base: &'l str,
    /// What the current line has more than `base`.
    extra: String,
    quote: Option<(char, bool)>,
    comment: bool,
    at_line_start: bool,
}

impl<'l> Writer<'l> {
    /// A writer in the middle of a line.
    pub(crate) fn new(layout: &'l Layout<'l>, base: &'l str) -> Self {
        Writer {
            layout,
            base,
            extra: String::new(),
            quote: None,
            comment: false,
            at_line_start: false,
        }
    }

    /// A writer for a line of which only `base` is written.
    pub(crate) fn at_line_start(layout: &'l Layout<'l>, base: &'l str) -> Self {
        Writer {
            at_line_start: true,
            ..Writer::new(layout, base)
        }
    }

    /// By how much the current line is deeper than the base.
    pub(crate) fn extra(&self) -> &str {
        &self.extra
    }

    /// Says that something that is no text was written.
    pub(crate) fn skip(&mut self) {
        self.at_line_start = false;
    }

    /// Writes text; `last` says that no piece follows.
    pub(crate) fn text(&mut self, out: &mut Out, text: &str, last: bool) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut lines = text.split('\n').peekable();
        let mut first = true;
        while let Some(line) = lines.next() {
            if !first {
                let in_string = self.quote.is_some();
                out.newline(self.layout.newline, in_string);
                self.comment = false;
                self.extra.clear();
                let blank = line.is_empty() && (lines.peek().is_some() || (in_string && !last));
                self.at_line_start = !in_string && !blank;
                if self.at_line_start {
                    out.push(self.base);
                }
            }
            first = false;
            self.line(out, line);
        }
    }

    fn line(&mut self, out: &mut Out, line: &str) {
        let mut line = line;
        if self.at_line_start && !line.is_empty() {
            let text = line.trim_start_matches(' ');
            let width = line.len() - text.len();
            let steps = width / 4;
            self.extra = self.layout.unit.repeat(steps) + &" ".repeat(width % 4);
            out.push(&self.extra);
            line = text;
            self.at_line_start = text.is_empty();
        }
        self.scan(line);
        out.push(line);
    }

    /// Follows the strings of a line.
    fn scan(&mut self, line: &str) {
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            let mut width = character.len_utf8();
            let tripled = ["\"\"\"", "'''"]
                .into_iter()
                .find(|it| rest.starts_with(it));
            match self.quote {
                Some(_) if character == '\\' => {
                    width += rest[width..].chars().next().map_or(0, char::len_utf8);
                }
                Some((quote, false)) if character == quote => self.quote = None,
                Some((quote, true)) if tripled.is_some_and(|it| it.starts_with(quote)) => {
                    self.quote = None;
                    width = 3;
                }
                None if self.comment => {}
                None if character == '#' => self.comment = true,
                None if matches!(character, '"' | '\'') => {
                    self.quote = Some((character, tripled.is_some()));
                    if tripled.is_some() {
                        width = 3;
                    }
                }
                _ => {}
            }
            rest = &rest[width..];
        }
    }
}
