//! The shape of the lines of one file: indentation, line ends, and what stands beside a statement on its line.

use crate::parse::ParsedModule;
use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// What stands before a statement on its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Before {
    /// Only indentation.
    LineStart,
    /// Another statement that ends here, and `;`.
    Semicolon(TextSize),
    /// The colon of the block, that ends here.
    Colon(TextSize),
    /// A backslash that joins the line to the one above.
    Backslash,
}

/// What stands after a statement on its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    /// Nothing more than `;` and a comment, that end here.
    LineEnd(TextSize),
    /// `;` and another statement that starts here.
    Statement(TextSize),
}

pub(crate) struct Layout<'a> {
    pub(crate) source: &'a str,
    pub(crate) tokens: &'a Tokens,
    line_starts: Vec<TextSize>,
    /// Strings that hold a line end, whole f-strings included; outermost only, sorted.
    strings: Vec<TextRange>,
    /// One step of indentation.
    pub(crate) unit: &'a str,
    /// The line end of the first line.
    pub(crate) newline: &'static str,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(source: &'a str, parsed: &'a ParsedModule) -> Self {
        let tokens = parsed.tokens();
        Layout {
            source,
            tokens,
            line_starts: line_starts(source),
            strings: multiline_strings(source, tokens),
            unit: indentation_unit(source, tokens),
            newline: newline_of(source),
        }
    }

    /// Where the line of `offset` starts.
    pub(crate) fn line_start(&self, offset: TextSize) -> TextSize {
        let after = self.line_starts.partition_point(|&it| it <= offset);
        self.line_starts[after.saturating_sub(1)]
    }

    /// The starts of the lines in `range`, without its own start and with its end.
    pub(crate) fn line_starts_in(&self, range: TextRange) -> &[TextSize] {
        let from = self.line_starts.partition_point(|&it| it <= range.start());
        let to = self.line_starts.partition_point(|&it| it <= range.end());
        &self.line_starts[from..to]
    }

    /// The start of the line after that of `offset`, or the end of the file.
    pub(crate) fn next_line(&self, offset: TextSize) -> TextSize {
        let after = self.line_starts.partition_point(|&it| it <= offset);
        let end = TextSize::of(self.source);
        self.line_starts.get(after).copied().unwrap_or(end)
    }

    /// The multi-line string that `offset` is inside of.
    pub(crate) fn string_around(&self, offset: TextSize) -> Option<TextRange> {
        let after = self.strings.partition_point(|it| it.start() < offset);
        let range = *self.strings.get(after.checked_sub(1)?)?;
        (offset < range.end()).then_some(range)
    }

    /// The indentation of the line of `offset`; where that line starts inside a string, of the line where the string starts.
    pub(crate) fn indentation(&self, offset: TextSize) -> &'a str {
        let mut start = self.line_start(offset);
        while let Some(string) = self.string_around(start) {
            start = self.line_start(string.start());
        }
        let line = &self.source[start.to_usize()..];
        let width = line.len() - line.trim_start_matches([' ', '\t', '\x0c']).len();
        let indentation = &line[..width];
        // A form feed starts the count of columns anew.
        indentation.rsplit('\x0c').next().unwrap_or(indentation)
    }

    /// What stands before the statement that starts at `start`.
    pub(crate) fn before(&self, start: TextSize) -> Before {
        let before = &self.tokens[..self.tokens.partition_point(|it| it.start() < start)];
        let previous_end = before.last().map_or(TextSize::default(), Ranged::end);
        if self.source[TextRange::new(previous_end.min(start), start)].contains('\\') {
            return Before::Backslash;
        }
        let mut tokens = before.iter().rev().filter(|it| {
            !matches!(
                it.kind(),
                TokenKind::Indent
                    | TokenKind::Dedent
                    | TokenKind::Comment
                    | TokenKind::NonLogicalNewline
            )
        });
        match tokens.next().map(|it| (it.kind(), it.end())) {
            Some((TokenKind::Semi, _)) => {
                let previous = tokens.find(|it| it.kind() != TokenKind::Semi);
                Before::Semicolon(previous.map_or(start, Ranged::end))
            }
            Some((TokenKind::Colon, end)) => Before::Colon(end),
            _ => Before::LineStart,
        }
    }

    /// What stands after the statement that ends at `end`.
    pub(crate) fn after(&self, end: TextSize) -> After {
        let from = self.tokens.partition_point(|it| it.end() <= end);
        let mut line_end = end;
        for token in self.tokens[from..].iter().filter(|it| it.start() >= end) {
            match token.kind() {
                TokenKind::Semi | TokenKind::Comment => line_end = token.end(),
                TokenKind::Newline
                | TokenKind::NonLogicalNewline
                | TokenKind::EndOfFile
                | TokenKind::Dedent => break,
                _ => return After::Statement(token.start()),
            }
        }
        After::LineEnd(line_end)
    }

    /// The end of what belongs to a statement that ends at `end`: `;` and a comment after it and, for a statement with
    /// blocks, the comment lines below that are deeper than `indentation`.
    pub(crate) fn statement_end(
        &self,
        end: TextSize,
        indentation: &str,
        has_blocks: bool,
    ) -> TextSize {
        let After::LineEnd(mut last) = self.after(end) else {
            return end;
        };
        let mut at = self.next_line(last);
        while has_blocks && at < TextSize::of(self.source) {
            let next = self.next_line(at);
            let line = &self.source[TextRange::new(at, next)];
            let text = line.trim_start_matches([' ', '\t', '\x0c']);
            let width = line.len() - text.len();
            if text.starts_with('#') && width > indentation.len() && line.starts_with(indentation) {
                last = at + TextSize::of(line.trim_end_matches(['\r', '\n']));
            } else if !text.trim_end().is_empty() {
                break;
            }
            if next == at {
                break;
            }
            at = next;
        }
        last
    }
}

/// The starts of all lines; `\n`, `\r\n` and `\r` end one.
pub(crate) fn line_starts(source: &str) -> Vec<TextSize> {
    let bytes = source.as_bytes();
    let mut starts = vec![TextSize::default()];
    for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        if bytes[at] == b'\n' || bytes.get(at + 1) != Some(&b'\n') {
            starts.push(TextSize::new(at as u32 + 1));
        }
    }
    starts
}

fn newline_of(source: &str) -> &'static str {
    let bytes = source.as_bytes();
    match memchr::memchr2(b'\n', b'\r', bytes) {
        Some(at) if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') => "\r\n",
        Some(at) if bytes[at] == b'\r' => "\r",
        _ => "\n",
    }
}

fn multiline_strings(source: &str, tokens: &Tokens) -> Vec<TextRange> {
    let mut strings = Vec::new();
    let mut depth = 0usize;
    let mut start = TextSize::default();
    for token in tokens {
        let range = match token.kind() {
            TokenKind::FStringStart | TokenKind::TStringStart => {
                if depth == 0 {
                    start = token.start();
                }
                depth += 1;
                continue;
            }
            TokenKind::FStringEnd | TokenKind::TStringEnd => {
                depth = depth.saturating_sub(1);
                TextRange::new(start, token.end())
            }
            TokenKind::String => token.range(),
            _ => continue,
        };
        if depth == 0 && memchr::memchr2(b'\n', b'\r', source[range].as_bytes()).is_some() {
            strings.push(range);
        }
    }
    strings
}

/// The step that most blocks of the file are indented by; the first of equals, and four spaces where there is no block.
fn indentation_unit<'a>(source: &'a str, tokens: &Tokens) -> &'a str {
    let mut open: Vec<&str> = vec![""];
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for token in tokens {
        match token.kind() {
            TokenKind::Indent => {
                let text = &source[token.range()];
                let text = text.rsplit('\x0c').next().unwrap_or(text);
                let outer = open.last().copied().unwrap_or("");
                if let Some(step) = text.strip_prefix(outer).filter(|it| !it.is_empty()) {
                    match counts.iter_mut().find(|it| it.0 == step) {
                        Some(count) => count.1 += 1,
                        None => counts.push((step, 1)),
                    }
                }
                open.push(text);
            }
            TokenKind::Dedent => {
                open.pop();
            }
            _ => {}
        }
    }
    let most = counts.iter().map(|it| it.1).max();
    counts
        .iter()
        .find(|it| Some(it.1) == most)
        .map_or("    ", |it| it.0)
}
