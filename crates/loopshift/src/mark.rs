//! `# TODO(loopshift: rule): reason` comments above what was declined: written, kept, refreshed and removed.

use std::collections::BTreeMap;

use loopshift_python::ast::PythonVersion;
use loopshift_python::ast::token::TokenKind;
use loopshift_python::parse::parse_module;
use loopshift_python::{Ranged, TextSize};

const START: &str = "# TODO(loopshift: ";

/// A declined use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Where it is, as an offset in the text.
    pub offset: usize,
    /// The rule that declined it.
    pub rule: String,
    /// Why.
    pub reason: String,
}

/// Whether marks are written, or only kept where they still hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each note has its mark afterwards.
    Write,
    /// Marks that a note still calls for stay.
    Keep,
}

/// Whether there may be marks in a text.
pub fn has_marks(text: &str) -> bool {
    text.contains(START)
}

/// The text with the marks for `notes`, which refer to offsets of `text`, and no others. A mark stands above the
/// logical line of its use, with its indentation and its line end. A text that does not parse stays as it is.
pub fn mark(text: &str, notes: &[Note], mode: Mode) -> String {
    if notes.is_empty() && !has_marks(text) {
        return text.to_owned();
    }
    let Ok(parsed) = parse_module(text, PythonVersion::latest()) else {
        return text.to_owned();
    };
    let mut starts: Vec<usize> = Vec::new();
    let mut marks: Vec<usize> = Vec::new();
    let mut at_start = true;
    for token in parsed.tokens() {
        match token.kind() {
            TokenKind::Comment => {
                let start = token.start().to_usize();
                let line = line_start(text, start);
                let comment = text.get(start..token.end().to_usize()).unwrap_or_default();
                if is_mark(comment) && is_blank(text, line, start) {
                    marks.push(line);
                }
            }
            TokenKind::Newline => at_start = true,
            TokenKind::NonLogicalNewline
            | TokenKind::Indent
            | TokenKind::Dedent
            | TokenKind::EndOfFile => {}
            _ if at_start => {
                starts.push(first_line(text, token.start()));
                at_start = false;
            }
            _ => {}
        }
    }
    let mut wanted = wanted(text, &starts, notes);
    if mode == Mode::Keep {
        keep_existing(text, &starts, &marks, &mut wanted);
    }
    print(text, &marks, &wanted)
}

/// The lines to write above each logical line, by the offset of its first line.
fn wanted(text: &str, starts: &[usize], notes: &[Note]) -> BTreeMap<usize, Vec<String>> {
    let mut notes: Vec<&Note> = notes.iter().collect();
    notes.sort();
    let mut wanted: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for note in notes {
        let before = starts.partition_point(|start| *start <= note.offset);
        let Some(start) = before.checked_sub(1).map(|index| starts[index]) else {
            continue;
        };
        let indent = indentation(text, start);
        let line = format!("{indent}{START}{}): {}", note.rule, one_line(&note.reason));
        let lines = wanted.entry(start).or_default();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    wanted
}

/// Takes out of `wanted` what does not stand above its line already, with these numbers or others.
fn keep_existing(
    text: &str,
    starts: &[usize],
    marks: &[usize],
    wanted: &mut BTreeMap<usize, Vec<String>>,
) {
    let mut existing: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for mark in marks {
        let next = starts.partition_point(|start| start < mark);
        if let Some(start) = starts.get(next) {
            let line = &text[*mark..line_end(text, *mark)];
            existing
                .entry(*start)
                .or_default()
                .push(line.trim_end_matches(['\r', '\n']));
        }
    }
    wanted.retain(|start, lines| {
        let there = existing.get(start).map_or(&[][..], Vec::as_slice);
        lines.retain(|line| there.iter().any(|it| is_renumbered(it, line)));
        !lines.is_empty()
    });
}

/// Whether two lines differ in nothing but numbers: reasons name lines, and lines move.
fn is_renumbered(a: &str, b: &str) -> bool {
    let words = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    words(a) == words(b)
}

/// The text without the lines at `marks`, and with those of `wanted`.
fn print(text: &str, marks: &[usize], wanted: &BTreeMap<usize, Vec<String>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut events: Vec<(usize, Option<&Vec<String>>)> =
        marks.iter().map(|mark| (*mark, None)).collect();
    events.extend(wanted.iter().map(|(start, lines)| (*start, Some(lines))));
    events.sort_by_key(|(offset, _)| *offset);
    for (offset, lines) in events {
        out.push_str(&text[at..offset]);
        at = offset;
        match lines {
            Some(lines) => {
                for line in lines {
                    out.push_str(line);
                    out.push_str(line_ending(text, offset));
                }
            }
            None => at = line_end(text, offset),
        }
    }
    out.push_str(&text[at..]);
    out
}

fn is_mark(comment: &str) -> bool {
    comment
        .strip_prefix(START)
        .and_then(|rest| rest.split_once("): "))
        .is_some_and(|(rule, _)| rule.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
}

/// A reason as a comment holds it: on one line, and never taken for a declaration of the encoding.
fn one_line(reason: &str) -> String {
    let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace("coding:", "coding :")
        .replace("coding=", "coding =")
        .chars()
        .filter(|c| !c.is_control())
        .collect()
}

/// The offset of the line that a logical line begins with: a backslash joins it to the one above.
fn first_line(text: &str, token: TextSize) -> usize {
    let mut start = line_start(text, token.to_usize());
    while start > 0 {
        let above = text[..start].trim_end_matches(['\r', '\n']);
        if !above.ends_with('\\') {
            break;
        }
        start = line_start(text, above.len());
    }
    start
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind(['\n', '\r']).map_or(0, |at| at + 1)
}

/// The offset behind the line end.
fn line_end(text: &str, start: usize) -> usize {
    let Some(end) = text[start..].find(['\n', '\r']) else {
        return text.len();
    };
    let end = start + end;
    end + if text[end..].starts_with("\r\n") {
        2
    } else {
        1
    }
}

/// The line end of the line at `start`, or that of the first line where it has none.
fn line_ending(text: &str, start: usize) -> &str {
    [start, 0]
        .into_iter()
        .map(|start| {
            let line = &text[start..line_end(text, start)];
            &line[line.trim_end_matches(['\r', '\n']).len()..]
        })
        .find(|ending| !ending.is_empty())
        .unwrap_or("\n")
}

fn indentation(text: &str, start: usize) -> &str {
    let line = &text[start..];
    let code = line.trim_start_matches([' ', '\t', '\u{c}']);
    &line[..line.len() - code.len()]
}

fn is_blank(text: &str, start: usize, end: usize) -> bool {
    text[start..end]
        .chars()
        .all(|c| matches!(c, ' ' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str, needle: &str, reason: &str) -> Note {
        Note {
            offset: text.find(needle).expect("the needle is in the text"),
            rule: "gather".to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn written(text: &str, needle: &str) -> String {
        mark(text, &[note(text, needle, "why")], Mode::Write)
    }

    /// Marks twice, and takes the marks away again.
    fn check(text: &str, needle: &str, expected: &str) {
        let marked = written(text, needle);
        assert_eq!(marked, expected);
        assert_eq!(written(&marked, needle), marked, "a second run");
        let kept = mark(&marked, &[note(&marked, needle, "why")], Mode::Keep);
        assert_eq!(kept, marked, "a run that writes no marks");
        assert_eq!(
            mark(&marked, &[], Mode::Keep),
            text,
            "a run that declines nothing"
        );
    }

    #[test]
    fn above_the_statement_with_its_indentation() {
        check(
            "def f():\n\tfoo(\n        USE,\n    )\n",
            "USE",
            "def f():\n\t# TODO(loopshift: gather): why\n\tfoo(\n        USE,\n    )\n",
        );
    }

    #[test]
    fn line_ends_stay() {
        check(
            "a = 1\r\nUSE()\r\n",
            "USE",
            "a = 1\r\n# TODO(loopshift: gather): why\r\nUSE()\r\n",
        );
        check("USE()", "USE", "# TODO(loopshift: gather): why\nUSE()");
        check(
            "a\rUSE()\r",
            "USE",
            "a\r# TODO(loopshift: gather): why\rUSE()\r",
        );
    }

    #[test]
    fn strings_and_joined_lines_are_not_torn() {
        check(
            "x = f\"\"\"\n{USE}\n\"\"\"\n",
            "USE",
            "# TODO(loopshift: gather): why\nx = f\"\"\"\n{USE}\n\"\"\"\n",
        );
        check(
            "x = 1 + \\\n  USE\n",
            "USE",
            "# TODO(loopshift: gather): why\nx = 1 + \\\n  USE\n",
        );
        check(
            "a\n\\\nUSE\n",
            "USE",
            "a\n# TODO(loopshift: gather): why\n\\\nUSE\n",
        );
        check(
            "if a:\n    b\nelse: x; USE\n",
            "USE",
            "if a:\n    b\n# TODO(loopshift: gather): why\nelse: x; USE\n",
        );
    }

    #[test]
    fn text_in_strings_is_no_mark() {
        let text = "x = \"\"\"\n# TODO(loopshift: gather): why\n\"\"\"\n";
        assert_eq!(mark(text, &[], Mode::Write), text);
        let text = "x = 1  # TODO(loopshift: gather): at the end of a line\n";
        assert_eq!(mark(text, &[], Mode::Write), text);
    }

    #[test]
    fn a_changed_reason_replaces_the_old_one() {
        let text = "# TODO(loopshift: gather): old\nUSE\n";
        assert_eq!(
            written(text, "USE"),
            "# TODO(loopshift: gather): why\nUSE\n"
        );
        let kept = mark(text, &[note(text, "USE", "why")], Mode::Keep);
        assert_eq!(
            kept, "USE\n",
            "an old reason is not kept, a new one not written"
        );
    }

    #[test]
    fn a_line_that_moved_is_numbered_anew() {
        let text = "# TODO(loopshift: gather): see line 9 of a.py\nUSE\n";
        let note = note(text, "USE", "see line 12 of a.py");
        assert_eq!(
            mark(text, &[note], Mode::Keep),
            "# TODO(loopshift: gather): see line 12 of a.py\nUSE\n"
        );
    }

    #[test]
    fn two_uses_on_one_line() {
        let text = "USE, OTHER\n";
        let notes = [
            note(text, "OTHER", "second"),
            note(text, "USE", "first"),
            note(text, "USE", "first"),
        ];
        assert_eq!(
            mark(text, &notes, Mode::Write),
            "# TODO(loopshift: gather): first\n# TODO(loopshift: gather): second\nUSE, OTHER\n"
        );
    }

    #[test]
    fn a_reason_is_never_a_coding_line_and_never_two_lines() {
        let text = "USE\n";
        let marked = mark(
            text,
            &[note(text, "USE", "a\n  coding: latin-1")],
            Mode::Write,
        );
        assert_eq!(
            marked,
            "# TODO(loopshift: gather): a coding : latin-1\nUSE\n"
        );
    }

    #[test]
    fn what_does_not_parse_stays() {
        let text = "def (:\nUSE\n";
        assert_eq!(written(text, "USE"), text);
    }
}
