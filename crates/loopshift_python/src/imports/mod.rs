//! The names that edits need: which import or helper gives them, and what must be added.

mod checking;
mod existing;
mod place;
mod stars;
mod strings;
mod top;
mod unread;
mod unused;

pub use stars::unused_stars;
pub use top::at_the_top;
pub use unread::{Kept, Unread, same_import, unread_imports};
pub use unused::{Removable, still_imports, unused_imports};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::parse::ParsedModule;
use ruff_text_size::{TextRange, TextSize};

use crate::edit::{Edit, Helper, Import, Piece};
use crate::layout::Layout;
use crate::render::{Out, Writer};
use crate::scope::{Scopes, fresh};
use existing::Existing;
pub(crate) use place::Own;
use place::Places;

/// Something that must have a name in the module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Import(Import),
    Helper(&'static Helper),
}

/// The names of imports and helpers at the places that need them. Empty at first: it takes note of what is asked for, and
/// [`Names::resolve`] finds the answers.
#[derive(Default)]
pub(crate) struct Names {
    asked: RefCell<BTreeSet<(TextSize, Need)>>,
    found: BTreeMap<(TextSize, Need), String>,
    lines: Vec<Lines>,
}

/// Whole lines to insert at the start of a line, or a part of one.
pub(crate) struct Lines {
    pub(crate) offset: TextSize,
    text: String,
    /// Whether it is a part of the line of an import that is there.
    part: bool,
}

impl Lines {
    /// Writes the lines.
    pub(crate) fn write(&self, out: &mut Out, layout: &Layout) {
        if self.part {
            out.push(&self.text);
            return;
        }
        if !out.text.is_empty() && !out.text.ends_with(['\n', '\r']) {
            out.newline(layout.newline, false);
        }
        Writer::at_line_start(layout, "").text(out, &self.text, true);
    }
}

impl Names {
    /// The name of an imported or helper piece at a place.
    pub(crate) fn name_of(&self, piece: &Piece, place: TextSize) -> String {
        let need = match piece {
            Piece::Import(import) => Need::Import(import.clone()),
            Piece::Helper(helper) | Piece::Needs(helper) => Need::Helper(helper),
            Piece::Text(_) | Piece::Source(_) => return String::new(),
        };
        let key = (place, need);
        let found = self.found.get(&key).cloned();
        found.unwrap_or_else(|| {
            self.asked.borrow_mut().insert(key);
            String::new()
        })
    }

    /// The lines to insert, by offset.
    pub(crate) fn lines(&self) -> &[Lines] {
        &self.lines
    }

    /// Finds names for all that was asked for, and the lines that must be added; false if nothing was. `own`: which modules
    /// are the program's own.
    pub(crate) fn resolve(
        &mut self,
        parsed: &ParsedModule,
        layout: &Layout,
        edits: &[Edit],
        own: &Own<'_>,
    ) -> bool {
        let asked = self.asked.take();
        if asked.is_empty() {
            return false;
        }
        let body = &parsed.syntax().body;
        let scopes = Scopes::new(parsed.syntax());
        let existing = Existing::new(body, &scopes, edits);
        let limit = (asked.iter())
            .map(|it| it.0)
            .filter(|&it| scopes.runs_at_import(scopes.at(it)))
            .min();
        let places = Places::new(layout, body, limit, edits, own);
        let mut resolver = Resolver {
            scopes: &scopes,
            existing: &existing,
            source: layout.source,
            at: places.helpers,
            imports: BTreeMap::new(),
            helpers: BTreeMap::new(),
            taken: BTreeSet::new(),
        };
        let (imports, helpers): (Vec<_>, Vec<_>) =
            (asked.into_iter()).partition(|it| matches!(it.1, Need::Import(_)));
        for (place, need) in helpers {
            if let Need::Helper(helper) = need {
                let name = resolver.helper(helper, place);
                self.found.insert((place, need), name);
            }
        }
        // The imports that helpers need stand for the module, where the helpers will be.
        let mut wanted: Vec<(Import, TextSize, Option<TextSize>)> = Vec::new();
        for (place, need) in imports {
            if let Need::Import(import) = need {
                wanted.push((import, place, Some(place)));
            }
        }
        for (helper, name) in &resolver.helpers {
            for piece in helper.pieces(name, |_| String::new()) {
                if let Piece::Import(import) = piece {
                    wanted.push((import, places.helpers, None));
                }
            }
        }
        wanted.sort();
        let mut for_helpers: BTreeMap<Import, String> = BTreeMap::new();
        for (import, place, of_edit) in wanted {
            let name = resolver.import(&import, place, of_edit.is_none());
            match of_edit {
                Some(place) => self.found.insert((place, Need::Import(import)), name),
                None => for_helpers.insert(import, name),
            };
        }
        let helpers: Vec<String> = (resolver.in_order().into_iter())
            .map(|(helper, name)| {
                (helper
                    .pieces(name, |needed| resolver.name_of(needed))
                    .iter())
                .map(|piece| match piece {
                    Piece::Text(text) => text.to_string(),
                    Piece::Import(import) => for_helpers.get(import).cloned().unwrap_or_default(),
                    Piece::Source(_) | Piece::Helper(_) | Piece::Needs(_) => String::new(),
                })
                .collect()
            })
            .collect();
        let joined = places.joined(&resolver.imports);
        let whole = places.lines(&resolver.imports, &helpers, &joined.imports);
        let lines = |part: bool| move |(offset, text)| Lines { offset, text, part };
        self.lines = (whole.into_iter().map(lines(false)))
            .chain(joined.pieces.into_iter().map(lines(true)))
            .collect();
        self.lines.sort_by_key(|it| it.offset);
        true
    }
}

struct Resolver<'r, 'a> {
    scopes: &'r Scopes<'a>,
    existing: &'r Existing,
    source: &'r str,
    /// Where helpers will stand.
    at: TextSize,
    /// The imports to add, with the names they bind, or the dotted module itself.
    imports: BTreeMap<Import, String>,
    helpers: BTreeMap<&'static Helper, String>,
    /// Names that the additions bind.
    taken: BTreeSet<String>,
}

impl Resolver<'_, '_> {
    /// The name of a helper that another one names.
    fn name_of(&self, needed: &str) -> String {
        let mut helpers = self.helpers.iter();
        let found = helpers.find(|(helper, _)| helper.short_name() == needed);
        found.map_or_else(String::new, |(_, name)| name.clone())
    }

    /// The helpers as they are written: by name, but a class after those that it derives from.
    fn in_order(&self) -> Vec<(&'static Helper, &str)> {
        let mut out: Vec<(&'static Helper, &str)> = Vec::new();
        let mut todo: Vec<&'static Helper> = self.helpers.keys().rev().copied().collect();
        while let Some(helper) = todo.pop() {
            let is_out = |it: &Helper| out.iter().any(|(known, _)| *known == it);
            let is_base = |it: &&&Helper| helper.bases().any(|name| name == it.short_name());
            let base = self.helpers.keys().filter(is_base).find(|it| !is_out(it));
            if let Some(base) = base {
                todo.extend([helper, base]);
            } else if !is_out(helper) {
                out.push((helper, &self.helpers[helper]));
            }
        }
        out
    }

    fn helper(&mut self, helper: &'static Helper, place: TextSize) -> String {
        if let Some(name) = self.helpers.get(helper) {
            return name.clone();
        }
        if self.stands(helper, place) {
            return helper.name.to_owned();
        }
        let name = fresh(helper.name, |name| {
            !self.taken.contains(name)
                && !self.scopes.is_used_anywhere(name)
                && !self.is_hidden(name, place)
        });
        self.taken.insert(name.clone());
        self.helpers.insert(helper, name.clone());
        name
    }

    /// Whether the module has the very helper, from an earlier migration, and what is at the place runs behind it.
    fn stands(&self, helper: &Helper, place: TextSize) -> bool {
        if helper.needs().next().is_some()
            || self.scopes.runs_at_import(self.scopes.at(place))
            || self.is_hidden(helper.name, place)
        {
            return false;
        }
        let mut text = String::from("\n");
        for piece in helper.pieces(helper.name, |_| String::new()) {
            match piece {
                Piece::Text(part) => text.push_str(&part),
                Piece::Import(import) => {
                    match self.existing.name_of(&import, self.scopes, 0, self.at) {
                        Some(name) => text.push_str(&name),
                        None => return false,
                    }
                }
                Piece::Source(_) | Piece::Helper(_) | Piece::Needs(_) => return false,
            }
        }
        self.source.contains(&text)
    }

    /// The name that stands for `import` at `place`, by an import that is there or a new one. `in_module` says that the
    /// place is in the module's own scope, whatever is at the offset.
    fn import(&mut self, import: &Import, place: TextSize, in_module: bool) -> String {
        let scope = if in_module { 0 } else { self.scopes.at(place) };
        if let Some(name) = self.existing.name_of(import, self.scopes, scope, place) {
            return name;
        }
        if let Some(name) = self.imports.get(import) {
            return name.clone();
        }
        let name = self.new_name(import, place);
        self.imports.insert(import.clone(), name.clone());
        name
    }

    fn new_name(&mut self, import: &Import, place: TextSize) -> String {
        let module = &*import.module;
        let root = module.split('.').next().unwrap_or(module);
        if import.name.is_none() {
            let star = self.scopes.has_star_import
                && self.scopes.references.iter().any(|it| it.name == root)
                && self.scopes.resolve(root, 0).is_none();
            // Other imports of the same package may bind its name, too.
            let shared = self.existing.binds_package(root, self.scopes)
                || self
                    .imports
                    .keys()
                    .any(|it| it.name.is_none() && it.module == root)
                || !(self.taken.contains(root) || self.scopes.is_bound_anywhere(root));
            let dotted = module != root || !self.scopes.is_bound_anywhere(root);
            if dotted && shared && !star && !self.is_hidden(root, place) {
                self.taken.insert(root.to_owned());
                return module.to_owned();
            }
        }
        let base = match &import.name {
            Some(name) => name,
            None => module.rsplit('.').next().unwrap_or(module),
        };
        let name = fresh(base, |name| {
            !self.taken.contains(name)
                && !self.scopes.is_used_anywhere(name)
                && !self.is_hidden(name, place)
        });
        self.taken.insert(name.clone());
        name
    }

    /// Whether a name of the module would not be seen at `place`.
    fn is_hidden(&self, name: &str, place: TextSize) -> bool {
        let scope = self.scopes.at(place);
        self.scopes.resolve(name, scope).is_some_and(|it| it != 0)
    }
}

/// Whether an edit other than a wrap touches `range`.
fn is_edited(edits: &[Edit], range: TextRange) -> bool {
    edits.iter().any(|edit| {
        !matches!(edit, Edit::Wrap(_))
            && edit
                .range()
                .intersect(range)
                .is_some_and(|it| !it.is_empty())
    })
}
