//! Lists of requirements in the text of a file, and how one more is written into them.
//!
//! Every format comes down to entries at ranges of a text. New text is put between them, so order,
//! comments and style stay as they are.

use std::ops::Range;

use super::version::{Constraint, normalised};

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What the program needs to run.
    Runtime,
    /// An extra, a group, what tests or development need.
    Other,
}

/// How the entries of a list are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Quoted, with commas, between brackets: the offsets behind the first and before the last.
    Array(usize, usize),
    /// A line each, and where a first one would go, at the start of a line.
    Lines(usize),
    /// A key and its constraint a line, and where a first one would go.
    Keys(usize),
    /// There is no list yet: this is where the key with a list would go, at the start of a line.
    Missing(usize),
}

/// A requirement that stands in a list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The normalised name.
    pub name: String,
    /// Its constraint; `None` where it is not understood.
    pub constraint: Option<Constraint>,
    /// All of it: the string with its quotes, the line, the key with its value.
    pub range: Range<usize>,
    /// What can be written after or changed: the requirement without quotes, the constraint of a key.
    pub text: Range<usize>,
}

/// A list of requirements.
#[derive(Clone, Debug)]
pub(crate) struct List {
    /// What it is for.
    pub role: Role,
    /// How it is written.
    pub shape: Shape,
    /// What stands in it. What could not be read has an empty name.
    pub entries: Vec<Entry>,
}

/// A replacement in a text.
pub(crate) type Patch = (Range<usize>, String);

impl List {
    /// The entry of a package.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The replacements that put `name` with a lower bound into the list.
    pub(crate) fn add(&self, text: &str, name: &str, bound: &str) -> Vec<Patch> {
        let eol = line_end(text);
        let written = match self.shape {
            Shape::Array(..) => {
                let quote = self
                    .entries
                    .first()
                    .and_then(|first| text.get(first.range.start..=first.range.start))
                    .filter(|quote| ["\"", "'"].contains(quote))
                    .unwrap_or("\"");
                format!("{quote}{name}{bound}{quote}")
            }
            Shape::Lines(_) => format!("{name}{bound}"),
            Shape::Keys(_) => format!("{name} = \"{bound}\""),
            Shape::Missing(at) => {
                return vec![(at..at, format!("dependencies = [\"{name}{bound}\"]{eol}"))];
            }
        };
        let index = self.position(name);
        if let Shape::Array(open, close) = self.shape {
            return self.add_to_array(text, index, &written, open, close);
        }
        // A line of its own, behind the entry before it.
        match index
            .checked_sub(1)
            .and_then(|before| self.entries.get(before))
        {
            Some(before) => {
                let indent = indent_of(text, before.range.start);
                vec![after_line(
                    text,
                    before.range.end,
                    &format!("{indent}{written}"),
                )]
            }
            None => match self.entries.first() {
                Some(first) => {
                    let start = line_start(text, first.range.start);
                    let indent = indent_of(text, first.range.start);
                    vec![(start..start, format!("{indent}{written}{eol}"))]
                }
                None => {
                    let (Shape::Lines(at) | Shape::Keys(at)) = self.shape else {
                        return Vec::new();
                    };
                    let missing = at > 0 && !text[..at].ends_with(['\n', '\r']);
                    let before = if missing { eol } else { "" };
                    vec![(at..at, format!("{before}{written}{eol}"))]
                }
            },
        }
    }

    /// The replacement that takes an entry out of the list, with the comment on its line.
    pub(crate) fn remove(&self, text: &str, name: &str) -> Option<Patch> {
        let index = self.entries.iter().position(|entry| entry.name == name)?;
        let entry = &self.entries[index];
        let (start, end) = (entry.range.start, entry.range.end);
        let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
        let line = line_start(text, start)..line_end;
        let Shape::Array(open, close) = self.shape else {
            return Some((line, String::new()));
        };
        let alone = text[line.start..start].trim().is_empty() && line.start > open;
        let rest = text[end..line.end].trim_start();
        let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        if alone && line.end <= close && (rest.is_empty() || rest.starts_with('#')) {
            return Some((line, String::new()));
        }
        let plain = |from: usize, to: usize| !text[from..to].contains(['#', '\n']);
        let before = index.checked_sub(1).map(|at| self.entries[at].range.end);
        let after = self.entries.get(index + 1).map(|it| it.range.start);
        let range = match (before, after) {
            (Some(before), _) if plain(before, start) => before..end,
            (_, Some(after)) if plain(end, after) => start..after,
            _ => {
                let comma = text[end..close].starts_with(',');
                start..end + usize::from(comma)
            }
        };
        Some((range, String::new()))
    }

    fn add_to_array(
        &self,
        text: &str,
        index: usize,
        written: &str,
        open: usize,
        close: usize,
    ) -> Vec<Patch> {
        let Some(last) = self.entries.last() else {
            return vec![into_empty(text, written, open, close)];
        };
        let own_line = |entry: &Entry| {
            text[line_start(text, entry.range.start)..entry.range.start]
                .trim()
                .is_empty()
        };
        let before = index
            .checked_sub(1)
            .and_then(|before| self.entries.get(before));
        let Some(before) = before else {
            let first = &self.entries[0];
            if own_line(first) {
                let start = line_start(text, first.range.start);
                let indent = indent_of(text, first.range.start);
                let line = format!("{indent}{written},{}", line_end(text));
                return vec![(start..start, line)];
            }
            return vec![(first.range.start..first.range.start, format!("{written}, "))];
        };
        if !own_line(before) {
            return vec![(before.range.end..before.range.end, format!(", {written}"))];
        }
        // The comma may be missing behind the last one only.
        let end = before.range.end;
        let rest = text.get(end..close).unwrap_or_default();
        let is_last = before.range == last.range;
        let has_comma = !is_last || uncommented(rest).contains(',');
        let indent = indent_of(text, before.range.start);
        if has_comma {
            return vec![after_line(text, end, &format!("{indent}{written},"))];
        }
        let (at, line) = after_line(text, end, &format!("{indent}{written}"));
        if at.start > close {
            // The bracket closes on the same line.
            let line = format!(",{}{indent}{written}", line_end(text));
            return vec![(end..end, line)];
        }
        vec![(end..end, ",".to_owned()), (at, line)]
    }

    /// Where a new entry goes: its place where the list is sorted, otherwise the end.
    fn position(&self, name: &str) -> usize {
        let names: Vec<&str> = self
            .entries
            .iter()
            .map(|entry| entry.name.as_str())
            .filter(|name| !name.is_empty() && *name != "python")
            .collect();
        let last = self.entries.len();
        if names.len() < 2 || !names.is_sorted() {
            return last;
        }
        let name = normalised(name);
        self.entries
            .iter()
            .position(|entry| entry.name != "python" && !entry.name.is_empty() && entry.name > name)
            .unwrap_or(last)
    }
}

/// An entry in an array that has none: behind the comments in it, if it has lines of its own.
fn into_empty(text: &str, written: &str, open: usize, close: usize) -> Patch {
    let Some(last) = text[open..close].rfind('\n') else {
        return (open..open, written.to_owned());
    };
    let at = open + last + 1;
    let mut lines = text[open..at].lines().skip(1);
    let indent = (lines.find(|line| !line.trim().is_empty()))
        .map_or("    ", |line| &line[..line.len() - line.trim_start().len()]);
    (at..at, format!("{indent}{written},{}", line_end(text)))
}

/// A text without its comments.
fn uncommented(text: &str) -> String {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .collect()
}

/// A new line behind the one that `offset` is on.
fn after_line(text: &str, offset: usize, line: &str) -> Patch {
    let eol = line_end(text);
    match text[offset..].find('\n') {
        Some(end) => {
            let at = offset + end + 1;
            (at..at, format!("{line}{eol}"))
        }
        None => (text.len()..text.len(), format!("{eol}{line}{eol}")),
    }
}

/// The line end that a text uses.
pub(super) fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The start of the line that `offset` is on.
pub(super) fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

fn indent_of(text: &str, offset: usize) -> &str {
    let line = &text[line_start(text, offset)..offset];
    let end = line.len() - line.trim_start().len();
    &line[..end]
}

/// The text with all patches, which do not overlap.
pub(crate) fn patched(text: &str, mut patches: Vec<Patch>) -> String {
    patches.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in patches {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::patched;

    fn without(name: &str, text: &str) -> String {
        let found = read(name, text);
        let removed = |list: &super::List| list.remove(text, "pytest-asyncio");
        patched(text, found.lists.iter().filter_map(removed).collect())
    }

    #[test]
    fn an_entry_goes_with_its_line_or_comma() {
        let group = |list: &str| format!("[dependency-groups]\ntest = [{list}]\n");
        for (before, after) in [
            ("\"pytest\", \"pytest-asyncio>=1\"", "\"pytest\""),
            ("\"pytest-asyncio\", \"pytest\"", "\"pytest\""),
            ("\"a\", \"pytest-asyncio\", \"b\"", "\"a\", \"b\""),
            ("\"pytest-asyncio\"", ""),
            (
                "\n  \"pytest\",  # all\n  \"pytest-asyncio\",  # loops\n  # more\n  \"x\",\n",
                "\n  \"pytest\",  # all\n  # more\n  \"x\",\n",
            ),
            (
                "\n  \"pytest\",\n  \"pytest-asyncio\"]  # end",
                "\n  \"pytest\",\n  ]  # end",
            ),
        ] {
            assert_eq!(without("pyproject.toml", &group(before)), group(after));
        }
        assert_eq!(
            without(
                "requirements-dev.txt",
                "pytest\nPytest_Asyncio==1.0  # x\nruff\n"
            ),
            "pytest\nruff\n"
        );
        assert_eq!(
            without(
                "tox.ini",
                "[testenv]\ndeps =\n    pytest\n    pytest-asyncio\ncommands = pytest\n"
            ),
            "[testenv]\ndeps =\n    pytest\ncommands = pytest\n"
        );
        assert_eq!(
            without(
                "pyproject.toml",
                "[tool.poetry.group.dev.dependencies]\npytest-asyncio = \"^1\"\npytest = \"*\"\n"
            ),
            "[tool.poetry.group.dev.dependencies]\npytest = \"*\"\n"
        );
    }
}
