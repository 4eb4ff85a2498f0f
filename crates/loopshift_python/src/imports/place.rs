//! Where new imports and helpers go.

use std::collections::BTreeMap;

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::existing::dotted;
use crate::edit::{Edit, Import};
use crate::layout::Layout;
use crate::render::has_blocks;
use crate::stdlib::is_stdlib;

/// Whether the program itself has a module of this name, which is the first part of a dotted one.
pub(crate) type Own<'o> = dyn Fn(&str) -> bool + 'o;

/// The order of groups: `from __future__`, standard library, libraries, the program's own modules, relative imports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Future,
    Stdlib,
    Library,
    Own,
    Relative,
}

fn group_of(module: &str, own: &Own<'_>) -> Group {
    if module.starts_with('.') {
        Group::Relative
    } else if module == "__future__" {
        Group::Future
    } else if is_stdlib(module) {
        Group::Stdlib
    } else if own(module.split('.').next().unwrap_or(module)) {
        Group::Own
    } else {
        Group::Library
    }
}

/// An import statement at the head of the module.
struct Head {
    group: Group,
    is_from: bool,
    module: String,
    line: TextSize,
    next_line: TextSize,
    /// The names of a `from` import that further ones can join, with where they stand.
    names: Vec<(String, TextRange)>,
}

/// How wide a line may become by names that join an import.
const WIDTH: usize = 88;

/// An import to add, in the order of a section.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct NewImport {
    group: Group,
    is_from: bool,
    module: String,
    text: String,
}

/// Whether a statement calls what seems to patch other modules, by its name: `monkey.patch_all()`, `eventlet.monkey_patch()`.
fn patches(stmt: &Stmt) -> bool {
    let Stmt::Expr(it) = stmt else { return false };
    let Expr::Call(call) = &*it.value else {
        return false;
    };
    match &*call.func {
        Expr::Attribute(attribute) => attribute.attr.contains("patch"),
        Expr::Name(name) => name.id.contains("patch"),
        _ => false,
    }
}

/// The places for new lines in one module.
pub(super) struct Places<'l> {
    layout: &'l Layout<'l>,
    own: &'l Own<'l>,
    heads: Vec<Head>,
    /// Whether the file imports each name of a module on a line of its own.
    one_name_a_line: bool,
    /// Where the first import goes if there is none.
    start: TextSize,
    /// Where helpers go.
    pub(super) helpers: TextSize,
    /// Replaced ranges, which nothing may be put into.
    closed: Vec<TextRange>,
}

impl<'l> Places<'l> {
    /// Looks at the head of the module: everything before the first definition, loop or other block that holds no import,
    /// and before `limit`, where the first of the new names is needed while the module is imported.
    pub(super) fn new(
        layout: &'l Layout<'l>,
        body: &[Stmt],
        limit: Option<TextSize>,
        edits: &[Edit],
        own: &'l Own<'l>,
    ) -> Self {
        let mut heads = Vec::new();
        // The imports above a statement that patches others, which nothing may come before; and those above a statement that
        // goes, which were there for it.
        let mut before_all = 0;
        let goes = |stmt: &Stmt| {
            let mut edits = edits.iter();
            edits.any(|it| matches!(it, Edit::DeleteStatement { range } if *range == stmt.range()))
        };
        let mut start = first_place(layout, body);
        let mut helpers = start;
        let below =
            |stmt: &Stmt| layout.next_line(layout.statement_end(stmt.end(), "", has_blocks(stmt)));
        for (at, stmt) in body.iter().enumerate() {
            if limit.is_some_and(|it| stmt.end() > it) {
                break;
            }
            let (module, is_from) = match stmt {
                Stmt::Import(it) => {
                    let first = it.names.first();
                    (first.map_or(String::new(), |it| it.name.to_string()), false)
                }
                Stmt::ImportFrom(it) => (dotted(it), true),
                Stmt::If(_) | Stmt::Try(_) if holds_import(stmt) => {
                    helpers = below(stmt);
                    continue;
                }
                Stmt::Expr(it) if at == 0 && matches!(*it.value, Expr::StringLiteral(_)) => {
                    start = below(stmt);
                    helpers = start;
                    continue;
                }
                _ if has_blocks(stmt) => break,
                _ => {
                    if goes(stmt) || patches(stmt) {
                        before_all = heads.len();
                    }
                    continue;
                }
            };
            helpers = below(stmt);
            heads.push(Head {
                group: group_of(&module, own),
                is_from,
                module: module.to_lowercase(),
                line: layout.line_start(stmt.start()),
                next_line: helpers,
                names: joinable(layout, stmt, edits),
            });
        }
        if before_all < heads.len() {
            heads.drain(..before_all);
        }
        let closed = (edits.iter())
            .filter(|it| !matches!(it, Edit::Wrap(_)))
            .map(Edit::range)
            .collect();
        let one_name_a_line = heads
            .windows(2)
            .any(|it| it[0].is_from && it[1].is_from && it[0].module == it[1].module);
        let mut places = Places {
            layout,
            own,
            heads,
            one_name_a_line,
            start,
            helpers,
            closed,
        };
        places.helpers = places.open(helpers);
        places
    }

    /// `offset`, or the line after the replaced range that it is in.
    fn open(&self, offset: TextSize) -> TextSize {
        let inside = |it: &&TextRange| it.start() < offset && offset < it.end();
        match self.closed.iter().find(inside) {
            Some(range) => self.layout.next_line(range.end()),
            None => offset,
        }
    }

    /// Where to put an import.
    fn place(&self, import: &Import) -> TextSize {
        let group = group_of(&import.module, self.own);
        let is_from = import.name.is_some();
        let module = import.module.to_lowercase();
        let Some(first) = self.heads.iter().position(|it| it.group == group) else {
            return match self.heads.iter().rfind(|it| it.group < group) {
                Some(lower) => lower.next_line,
                None => self.heads.first().map_or(self.start, |it| it.line),
            };
        };
        // The first run of imports of this group that no blank line parts.
        let mut last = first;
        while let Some(next) = self.heads.get(last + 1)
            && next.group == group
            && next.line == self.heads[last].next_line
        {
            last += 1;
        }
        let section = &self.heads[first..=last];
        // Plain imports come first, unless the section sorts both kinds by module.
        let mixed = section.windows(2).any(|it| it[0].is_from && !it[1].is_from);
        let key = |is_from: bool, module: &str| (is_from && !mixed, module.to_owned());
        match section
            .iter()
            .rfind(|it| key(it.is_from, &it.module) <= key(is_from, &module))
        {
            Some(smaller) => smaller.next_line,
            None => section[0].line,
        }
    }

    /// The imports of a module whose other names the file imports already, by the place in that line where they join
    /// them: `suppress, `.
    pub(super) fn joined(&self, imports: &BTreeMap<Import, String>) -> Joined {
        let mut out = Joined::default();
        let mut grown: BTreeMap<TextSize, usize> = BTreeMap::new();
        for (import, local) in imports {
            let Some(name) = import.name.as_deref().filter(|_| !self.one_name_a_line) else {
                continue;
            };
            let module = import.module.to_lowercase();
            let same = |it: &&Head| it.is_from && it.module == module && !it.names.is_empty();
            let Some(head) = self.heads.iter().find(same) else {
                continue;
            };
            let text = if name == local {
                name.to_owned()
            } else {
                format!("{name} as {local}")
            };
            let width = grown.entry(head.line).or_insert_with(|| {
                let line = TextRange::new(head.line, head.next_line);
                self.layout.source[line].trim_end().chars().count()
            });
            if *width + text.len() + 2 > WIDTH {
                continue;
            }
            *width += text.len() + 2;
            out.imports.push(import.clone());
            let sorted = head.names.is_sorted_by_key(|(name, _)| order(name));
            let next = head.names.iter().find(|(it, _)| order(it) > order(name));
            match next.filter(|_| sorted) {
                Some((_, range)) => {
                    let before = out.pieces.entry(range.start()).or_default();
                    before.push_str(&text);
                    before.push_str(", ");
                }
                None => {
                    let end = head
                        .names
                        .last()
                        .map_or(head.line, |(_, range)| range.end());
                    let behind = out.pieces.entry(end).or_default();
                    behind.push_str(", ");
                    behind.push_str(&text);
                }
            }
        }
        out
    }

    /// The new lines, by offset.
    pub(super) fn lines(
        &self,
        imports: &BTreeMap<Import, String>,
        helpers: &[String],
        joined: &[Import],
    ) -> BTreeMap<TextSize, String> {
        let mut at: BTreeMap<TextSize, Vec<NewImport>> = BTreeMap::new();
        for (import, name) in imports.iter().filter(|it| !joined.contains(it.0)) {
            let new = NewImport {
                group: group_of(&import.module, self.own),
                is_from: import.name.is_some(),
                module: import.module.to_lowercase(),
                text: statement(import, name),
            };
            at.entry(self.open(self.place(import)))
                .or_default()
                .push(new);
        }
        let mut out = BTreeMap::new();
        for (offset, mut lines) in at {
            lines.sort();
            let text = self.section(offset, &lines);
            out.insert(offset, text);
        }
        if !helpers.is_empty() {
            let text: &mut String = out.entry(self.helpers).or_default();
            text.truncate(text.trim_end_matches('\n').len());
            if !text.is_empty() {
                text.push('\n');
            }
            let above = if text.is_empty() {
                self.blank_lines_above(self.helpers)
            } else {
                Some(0)
            };
            text.push_str(&"\n".repeat(above.map_or(0, |it| 2usize.saturating_sub(it))));
            text.push_str(&helpers.join("\n\n"));
            if let Some(below) = self.blank_lines_below(self.helpers) {
                text.push_str(&"\n".repeat(2usize.saturating_sub(below)));
            }
        }
        out
    }

    /// New imports at one place, with the blank lines that part them from what is around.
    fn section(&self, offset: TextSize, lines: &[NewImport]) -> String {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
            return String::new();
        };
        let above = self.heads.iter().find(|it| it.next_line == offset);
        let below = self.heads.iter().find(|it| it.line == offset);
        let mut text = String::new();
        let parted_above = match (above, below) {
            // Right above another import: what parts that from the one above stands above already, or nothing does.
            (_, Some(_)) => false,
            (Some(above), None) => above.group != first.group,
            (None, None) => offset == self.start && self.starts_after_docstring(),
        };
        if parted_above && self.blank_lines_above(offset) == Some(0) {
            text.push('\n');
        }
        let mut last_line: Option<&NewImport> = None;
        for line in lines {
            let joined = last_line
                .filter(|it| it.is_from && line.is_from && it.module == line.module)
                .and_then(|_| line.text.split_once(" import "))
                .filter(|_| !self.one_name_a_line);
            if let Some((_, name)) = joined {
                text.truncate(text.len() - 1);
                text.push_str(", ");
                text.push_str(name);
            } else {
                if last_line.is_some_and(|it| it.group != line.group) {
                    text.push('\n');
                }
                text.push_str(&line.text);
            }
            text.push('\n');
            last_line = Some(line);
        }
        let parted_below = match (above, below) {
            (Some(_), Some(_)) => false,
            (None, Some(below)) => below.group != last.group,
            (Some(above), None) => above.group != last.group,
            (None, None) => true,
        };
        if parted_below && self.blank_lines_below(offset) == Some(0) {
            text.push('\n');
            let rest = &self.layout.source[offset.to_usize()..];
            if ["def ", "class ", "async ", "@"]
                .iter()
                .any(|it| rest.starts_with(it))
            {
                text.push('\n');
            }
        }
        text
    }

    fn starts_after_docstring(&self) -> bool {
        let above = self.layout.source[..self.start.to_usize()].trim_end();
        above.ends_with(['"', '\''])
    }

    /// How many blank lines stand above `offset`; none at the start of the file.
    fn blank_lines_above(&self, offset: TextSize) -> Option<usize> {
        let above = &self.layout.source[..offset.to_usize()];
        if above.trim().is_empty() {
            return None;
        }
        let lines = crate::layout::line_starts(above);
        let line = |at: usize| {
            let end = lines
                .get(at + 1)
                .map_or(above.len(), ruff_text_size::TextSize::to_usize);
            &above[lines[at].to_usize()..end]
        };
        let full = if above.ends_with(['\n', '\r']) {
            lines.len() - 1
        } else {
            lines.len()
        };
        Some(
            (0..full)
                .rev()
                .take_while(|&at| line(at).trim().is_empty())
                .count(),
        )
    }

    /// How many blank lines stand at `offset`; none where nothing follows.
    fn blank_lines_below(&self, offset: TextSize) -> Option<usize> {
        let below = &self.layout.source[offset.to_usize()..];
        if below.trim().is_empty() {
            return None;
        }
        let starts = crate::layout::line_starts(below);
        let blank = |at: usize| {
            let end = starts
                .get(at + 1)
                .map_or(below.len(), ruff_text_size::TextSize::to_usize);
            below[starts[at].to_usize()..end].trim().is_empty()
        };
        Some((0..starts.len()).take_while(|&at| blank(at)).count())
    }
}

/// The imports that join others, and what is written for them at which place.
#[derive(Default)]
pub(super) struct Joined {
    pub(super) imports: Vec<Import>,
    pub(super) pieces: BTreeMap<TextSize, String>,
}

/// The order of the names in an import: constants, classes, others.
fn order(name: &str) -> (u8, &str) {
    let class = match name.chars().next() {
        _ if name.len() > 1 && !name.contains(|it: char| it.is_lowercase()) => 0,
        Some(first) if first.is_uppercase() => 1,
        _ => 2,
    };
    (class, name)
}

/// The names of a `from` import on one line that no edit touches, and that no comment speaks of.
fn joinable(layout: &Layout, stmt: &Stmt, edits: &[Edit]) -> Vec<(String, TextRange)> {
    let Stmt::ImportFrom(it) = stmt else {
        return Vec::new();
    };
    let rest = TextRange::new(it.start(), layout.next_line(it.end()));
    let plain = !layout.source[rest]
        .trim_end()
        .contains(['\n', '\r', '(', '*', '#', ';']);
    if !plain || super::is_edited(edits, it.range()) {
        return Vec::new();
    }
    let names = it.names.iter();
    names
        .map(|alias| (alias.name.to_string(), alias.range()))
        .collect()
}

fn statement(import: &Import, name: &str) -> String {
    let module = &import.module;
    match &import.name {
        Some(imported) if imported == name => format!("from {module} import {imported}"),
        Some(imported) => format!("from {module} import {imported} as {name}"),
        None if module == name => format!("import {module}"),
        None => format!("import {module} as {name}"),
    }
}

fn holds_import(stmt: &Stmt) -> bool {
    let body = match stmt {
        Stmt::If(it) => &it.body,
        Stmt::Try(it) => &it.body,
        _ => return false,
    };
    body.iter()
        .any(|it| matches!(it, Stmt::Import(_) | Stmt::ImportFrom(_)))
}

/// The line of the first statement, or the comment lines right above it where a blank line parts these from the head of
/// the file.
fn first_place(layout: &Layout, body: &[Stmt]) -> TextSize {
    let Some(first) = body.first() else {
        return TextSize::of(layout.source);
    };
    let statement = layout.line_start(first.start());
    let mut at = statement;
    while at > TextSize::default() {
        let above = layout.line_start(at - TextSize::from(1));
        let line = layout.source[TextRange::new(above, at)].trim();
        if line.is_empty() {
            return at;
        }
        if !line.starts_with('#') || above >= at {
            break;
        }
        at = above;
    }
    statement
}
