//! Text under construction, that knows which of its lines may be indented.

use ruff_text_size::TextRange;

use crate::layout::Layout;

/// Text, with the lines that must stay where they are and the places where something was taken out.
#[derive(Default)]
pub(crate) struct Out {
    pub(crate) text: String,
    /// Starts of lines inside strings.
    frozen: Vec<usize>,
    /// Where code was removed: a line that is blank now goes, and white space at the end of a line.
    removed: Vec<usize>,
}

impl Out {
    /// Appends a part of the source as it stands.
    pub(crate) fn push_source(&mut self, layout: &Layout, range: TextRange) {
        let base = self.text.len();
        for &line in layout.line_starts_in(range) {
            if layout.string_around(line).is_some() {
                self.frozen.push(base + (line - range.start()).to_usize());
            }
        }
        self.text.push_str(&layout.source[range]);
    }

    /// Appends text without a line end.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends a line end; `in_string` says that the next line must not be indented.
    pub(crate) fn newline(&mut self, newline: &str, in_string: bool) {
        self.text.push_str(newline);
        if in_string {
            self.frozen.push(self.text.len());
        }
    }

    /// Takes back an indentation that a blank line needs none of.
    pub(crate) fn take_back(&mut self, indentation: &str) {
        if self.text.ends_with(indentation) {
            self.text.truncate(self.text.len() - indentation.len());
        }
    }

    /// Notes that something was removed here.
    pub(crate) fn mark_removed(&mut self) {
        self.removed.push(self.text.len());
    }

    /// Appends `inner` with all its lines but the first `step` deeper. The step comes after `base`, the indentation that
    /// these lines share, so that tabs and spaces are never mixed in a new order.
    pub(crate) fn append(&mut self, inner: &Out, base: &str, step: &str) {
        let mut copied = 0;
        let mut frozen = inner.frozen.iter().copied().peekable();
        let mut removed = inner.removed.iter().copied().peekable();
        let ends = if step.is_empty() {
            Vec::new()
        } else {
            crate::layout::line_starts(&inner.text)
        };
        let stops = ends.iter().skip(1).map(ruff_text_size::TextSize::to_usize);
        for stop in stops.chain([inner.text.len()]) {
            // Everything up to this line start, with the marks in it.
            self.copy_marks(copied, stop, &mut frozen, &mut removed);
            self.text.push_str(&inner.text[copied..stop]);
            copied = stop;
            if step.is_empty() || inner.is_frozen(stop) {
                continue;
            }
            let line = inner.line_at(stop);
            if line.trim_matches([' ', '\t', '\x0c']).is_empty() {
                continue;
            }
            if !base.is_empty() && line.starts_with(base) {
                self.copy_marks(copied, stop + base.len(), &mut frozen, &mut removed);
                self.text.push_str(base);
                copied += base.len();
            }
            self.text.push_str(step);
        }
    }

    fn copy_marks(
        &mut self,
        from: usize,
        to: usize,
        frozen: &mut std::iter::Peekable<impl Iterator<Item = usize>>,
        removed: &mut std::iter::Peekable<impl Iterator<Item = usize>>,
    ) {
        let base = self.text.len();
        while let Some(at) = frozen.next_if(|&at| at <= to) {
            self.frozen.push(base + at - from);
        }
        while let Some(at) = removed.next_if(|&at| at <= to) {
            self.removed.push(base + at - from);
        }
    }

    fn is_frozen(&self, at: usize) -> bool {
        self.frozen.binary_search(&at).is_ok()
    }

    fn line_at(&self, start: usize) -> &str {
        let rest = &self.text[start..];
        rest.split(['\n', '\r']).next().unwrap_or(rest)
    }

    /// Whether there is no code in this, only blank and comment lines.
    pub(crate) fn is_codeless(&self) -> bool {
        self.text
            .split(['\n', '\r'])
            .map(str::trim)
            .all(|line| line.is_empty() || line.starts_with('#'))
    }

    /// The finished text: lines that removals left blank are gone, and so is white space before a line end where
    /// something was removed. Where whole lines went, as many blank lines stay as the larger of the runs above and below
    /// had; at the start of a block only those above, at its end only those below.
    pub(crate) fn finish(self) -> String {
        if self.removed.is_empty() {
            return self.text;
        }
        let starts: Vec<usize> = crate::layout::line_starts(&self.text)
            .iter()
            .map(ruff_text_size::TextSize::to_usize)
            .collect();
        let mut lines: Vec<Line> = starts
            .iter()
            .enumerate()
            .map(|(at, &start)| {
                let end = starts.get(at + 1).copied().unwrap_or(self.text.len());
                Line::new(&self.text[start..end])
            })
            .collect();
        let line_of = |at: usize| starts.partition_point(|&it| it <= at) - 1;
        for &at in &self.removed {
            let index = line_of(at);
            let line = &mut lines[index];
            if line.body.trim().is_empty() {
                line.state = State::Gone;
            } else if self.text[at..starts[index] + line.body.len()]
                .trim()
                .is_empty()
            {
                line.body = line.body.trim_end();
            }
        }
        merge_blank_runs(&mut lines);
        let mut out = String::with_capacity(self.text.len());
        for line in lines.iter().filter(|it| it.state == State::Kept) {
            out.push_str(line.body);
            out.push_str(line.end);
        }
        out
    }
}

#[derive(PartialEq, Clone, Copy)]
enum State {
    Kept,
    /// Removed; its body still tells its indentation.
    Gone,
    /// A blank line that is one too many.
    Surplus,
}

struct Line<'a> {
    body: &'a str,
    end: &'a str,
    state: State,
}

impl<'a> Line<'a> {
    fn new(text: &'a str) -> Self {
        let body = text.trim_end_matches(['\n', '\r']);
        Line {
            body,
            end: &text[body.len()..],
            state: State::Kept,
        }
    }

    fn is_blank(&self) -> bool {
        self.body.trim().is_empty()
    }

    fn width(&self) -> usize {
        self.body.len() - self.body.trim_start().len()
    }
}

fn merge_blank_runs(lines: &mut [Line]) {
    let mut at = 0;
    while at < lines.len() {
        if lines[at].state != State::Gone {
            at += 1;
            continue;
        }
        // The whole run of blank and removed lines around this one.
        let first = (0..at)
            .rev()
            .take_while(|&it| lines[it].is_blank())
            .last()
            .unwrap_or(at);
        let last = (at..lines.len())
            .take_while(|&it| lines[it].is_blank())
            .last()
            .unwrap_or(at);
        let gone = |it: &usize| lines[*it].state == State::Gone;
        let first_gone = (first..=last).find(gone).unwrap_or(at);
        let last_gone = (first..=last).rev().find(gone).unwrap_or(at);
        let above = first_gone - first;
        // The empty piece after the last line end is no line.
        let at_end = last + 1 == lines.len();
        let below = (last_gone + 1..=last)
            .filter(|&it| !lines[it].end.is_empty())
            .count();
        let width = lines[first_gone].width();
        let starts_block = first
            .checked_sub(1)
            .is_none_or(|it| lines[it].width() < width);
        let ends_block = lines.get(last + 1).is_none_or(|it| it.width() < width);
        let keep = if first == 0 || at_end {
            0
        } else if starts_block {
            above
        } else if ends_block {
            below
        } else {
            above.max(below)
        };
        let mut kept = 0;
        for line in &mut lines[first..=last] {
            if line.state == State::Gone || line.end.is_empty() {
                continue;
            }
            if kept == keep {
                line.state = State::Surplus;
            }
            kept += usize::from(kept < keep);
        }
        at = last + 1;
    }
}
