//! Edits: small replacements of source ranges that compose.
//!
//! A rule never prints code it does not change. It describes edits, and everything between them
//! stays as it was. Edits of different rules meet in one statement (a timeout around a `gather`
//! around a queue), so an edit may hold the *rendered* text of another range ([`Piece::Source`])
//! and a block may be put around statements ([`Wrap`]) whatever else happens inside them.

use std::borrow::Cow;

use ruff_text_size::TextRange;

/// One change of the text of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Replaces `range` by `pieces`. An empty range inserts. Edits strictly inside `range` take
    /// part only where a [`Piece::Source`] of `pieces` covers them.
    Replace {
        /// The range to replace.
        range: TextRange,
        /// What stands there afterwards.
        pieces: Vec<Piece>,
    },
    /// Puts a block around whole statements.
    Wrap(Wrap),
    /// Removes whole statements with their line, and `pass` takes their place where a block would be empty.
    /// A comment at the end of the line goes with it; comment lines above stay.
    DeleteStatement {
        /// The range of the statement, or of several that follow each other in one block.
        range: TextRange,
    },
}

/// A block to put around whole statements of one suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// From the start of the first statement to the end of the last, as the syntax tree has them.
    pub range: TextRange,
    /// Lines before the header, at its own indentation, each without indentation and line end.
    pub before: Vec<Vec<Piece>>,
    /// The header, with its colon: `async with anyio.create_task_group() as tg:`.
    pub header: Vec<Piece>,
    /// Lines at the end of the block, inside it.
    pub last: Vec<Vec<Piece>>,
    /// Lines after the block, at the header's indentation: `except ValueError:` and its indented body, for example.
    /// Leading spaces of a line are kept, counted in units of four that are replaced by the file's own indentation.
    pub after: Vec<Vec<Piece>>,
}

/// A part of the text that an edit writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Text(Cow<'static, str>),
    /// What the source at this range becomes, with the edits inside it.
    Source(TextRange),
    /// A name that must be imported: the local name it has in the module, with the import added where it is missing.
    Import(Import),
    /// The name of a small function or class that is put into the module, once.
    Helper(&'static Helper),
    /// No text, but the small function or class is put into the module: another one names it.
    Needs(&'static Helper),
}

/// An imported name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Import {
    /// `anyio`, `anyio.to_thread`, `functools`.
    pub module: Cow<'static, str>,
    /// `Some("partial")` for `from functools import partial`; `None` for `import functools`.
    pub name: Option<Cow<'static, str>>,
}

/// A definition that migrated code needs and that stands in no library.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Helper {
    /// The name it is given where that is free: `_outcome`.
    pub name: &'static str,
    /// Its text, at no indentation, with a line end after the last line. `{name}` stands for its name, and
    /// `{@module}` or `{@module:name}` for imported names, `{#Other}` for the helper `_Other`, which the edits ask for,
    /// too ([`Helper::needs`]); braces are doubled, as in [`pieces`].
    pub source: &'static str,
}

impl Edit {
    /// The range that this edit speaks for.
    pub fn range(&self) -> TextRange {
        match self {
            Edit::Replace { range, .. } | Edit::DeleteStatement { range } => *range,
            Edit::Wrap(wrap) => wrap.range,
        }
    }

    /// The parts of the text that this edit writes, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        let (whole, lines) = match self {
            Edit::Replace { pieces, .. } => (Some(pieces), None),
            Edit::DeleteStatement { .. } => (None, None),
            Edit::Wrap(wrap) => {
                let lines = wrap.before.iter().chain([&wrap.header]);
                (None, Some(lines.chain(&wrap.last).chain(&wrap.after)))
            }
        };
        whole
            .into_iter()
            .chain(lines.into_iter().flatten())
            .flatten()
    }

    /// The same edit with other parts, or without those for which there is none.
    #[must_use]
    pub fn with_pieces(&self, of: impl Fn(&Piece) -> Option<Piece>) -> Self {
        let line = |pieces: &Vec<Piece>| -> Vec<Piece> { pieces.iter().filter_map(&of).collect() };
        let lines = |all: &[Vec<Piece>]| -> Vec<Vec<Piece>> { all.iter().map(line).collect() };
        match self {
            Edit::Replace { range, pieces } => Edit::Replace {
                range: *range,
                pieces: line(pieces),
            },
            Edit::DeleteStatement { range } => Edit::DeleteStatement { range: *range },
            Edit::Wrap(wrap) => Edit::Wrap(Wrap {
                range: wrap.range,
                before: lines(&wrap.before),
                header: line(&wrap.header),
                last: lines(&wrap.last),
                after: lines(&wrap.after),
            }),
        }
    }

    /// Replaces `range` by the template `text` (see [`pieces`]) with `args`.
    pub fn replace(range: TextRange, text: &'static str, args: &[Piece]) -> Self {
        Edit::Replace {
            range,
            pieces: pieces(text, args),
        }
    }

    /// Inserts the template `text` at `offset`.
    pub fn insert(offset: ruff_text_size::TextSize, text: &'static str, args: &[Piece]) -> Self {
        Edit::replace(TextRange::empty(offset), text, args)
    }

    /// Removes `range`, and all edits in it.
    pub fn delete(range: TextRange) -> Self {
        Edit::Replace {
            range,
            pieces: Vec::new(),
        }
    }
}

impl From<TextRange> for Piece {
    fn from(range: TextRange) -> Self {
        Piece::Source(range)
    }
}

impl From<&'static str> for Piece {
    fn from(text: &'static str) -> Self {
        Piece::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Piece::Text(Cow::Owned(text))
    }
}

/// The pieces of a template: `{0}` to `{9}` stand for `args`, `{@anyio}` for the imported module `anyio`,
/// `{@functools:partial}` for `partial` imported from `functools`, `{{` and `}}` for braces; the rest is text.
///
/// # Panics
/// On a template that is not well formed. Templates are part of the program, never input.
pub fn pieces(template: &'static str, args: &[Piece]) -> Vec<Piece> {
    parse_template(template, |name| {
        args[name.parse::<usize>().expect("a number in the template")].clone()
    })
}

impl Helper {
    /// The helpers that its text names, as `{#Other}` writes them.
    pub fn needs(&self) -> impl Iterator<Item = &'static str> {
        named(self.source)
    }

    /// The helpers that it derives from: those must stand before it.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &'static str> {
        let header = self.source.lines().find(|line| line.starts_with("class "));
        named(header.unwrap_or(""))
    }

    /// Its text, for the name it got. `other` knows the names that other helpers got.
    ///
    /// # Panics
    /// On a template that is not well formed, as [`pieces`].
    pub(crate) fn pieces(&self, name: &str, other: impl Fn(&str) -> String) -> Vec<Piece> {
        parse_template(self.source, |placeholder| {
            Piece::from(match placeholder.strip_prefix('#') {
                Some(needed) => other(needed),
                None => {
                    assert!(
                        placeholder == "name",
                        "{{{placeholder}}} in the helper {}",
                        self.name
                    );
                    name.to_owned()
                }
            })
        })
    }

    /// Its name as templates write it, without the underscore in front.
    pub fn short_name(&self) -> &'static str {
        self.name.trim_start_matches('_')
    }
}

/// The helpers that a template names.
fn named(template: &'static str) -> impl Iterator<Item = &'static str> {
    let parts = template.split("{#").skip(1);
    parts.filter_map(|part| part.split('}').next())
}

fn parse_template(template: &'static str, mut arg: impl FnMut(&str) -> Piece) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(doubled) = rest.strip_prefix(brace) {
            text.push_str(brace);
            rest = doubled;
            continue;
        }
        assert!(brace == "{", "a single }} in the template {template:?}");
        let end = rest
            .find('}')
            .unwrap_or_else(|| panic!("no end of {{ in the template {template:?}"));
        let name = &rest[..end];
        rest = &rest[end + 1..];
        if !text.is_empty() {
            out.push(Piece::Text(Cow::Owned(std::mem::take(&mut text))));
        }
        out.push(match name.strip_prefix('@') {
            Some(import) => Piece::Import(match import.split_once(':') {
                Some((module, name)) => Import {
                    module: module.into(),
                    name: Some(name.into()),
                },
                None => Import {
                    module: import.into(),
                    name: None,
                },
            }),
            None => arg(name),
        });
    }
    text.push_str(rest);
    if !text.is_empty() {
        out.push(Piece::Text(Cow::Owned(text)));
    }
    out
}
