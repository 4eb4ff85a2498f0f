//! The imports that a module has at its top level.

use ruff_python_ast::{Stmt, StmtImportFrom};
use ruff_text_size::{Ranged, TextSize};

use super::is_edited;
use crate::edit::{Edit, Import, Piece};
use crate::scope::{BindingKind, ScopeId, Scopes};

/// One alias of an unconditional import at module level.
struct Entry {
    module: String,
    /// The imported name of `from module import name`.
    name: Option<String>,
    /// What is bound: the alias, the name, or the first part of the module.
    local: String,
    has_alias: bool,
    end: TextSize,
    /// No edit touches it, so it will still be there.
    stays: bool,
}

impl Entry {
    /// What the local name stands for.
    fn target(&self) -> (&str, Option<&str>) {
        match &self.name {
            Some(name) => (&self.module, Some(name)),
            None if self.has_alias => (&self.module, None),
            None => (&self.local, None),
        }
    }
}

pub(super) struct Existing {
    entries: Vec<Entry>,
}

impl Existing {
    pub(super) fn new(body: &[Stmt], scopes: &Scopes, edits: &[Edit]) -> Self {
        let mut entries = Vec::new();
        for stmt in body {
            if let Some((module, local)) = replaced(edits, stmt) {
                entries.push(Entry {
                    has_alias: module != local,
                    module,
                    name: None,
                    local,
                    end: stmt.end(),
                    stays: true,
                });
            }
            let (module, aliases) = match stmt {
                Stmt::Import(it) => (None, &it.names),
                Stmt::ImportFrom(it) => (Some(dotted(it)), &it.names),
                _ => continue,
            };
            for alias in aliases {
                let name = alias.name.as_str();
                let local = match &alias.asname {
                    Some(local) => local.as_str(),
                    None if module.is_some() => name,
                    None => name.split('.').next().unwrap_or(name),
                };
                entries.push(Entry {
                    module: module.clone().unwrap_or_else(|| name.to_owned()),
                    name: module.is_some().then(|| name.to_owned()),
                    local: local.to_owned(),
                    has_alias: alias.asname.is_some(),
                    end: stmt.end(),
                    stays: !is_edited(edits, alias.range()),
                });
            }
        }
        // A name that something else binds as well can't be relied on.
        let sound = |entry: &Entry| {
            let bindings = scopes.scopes[0].bindings.get(&*entry.local);
            let same = entries
                .iter()
                .filter(|it| it.local == entry.local && it.target() == entry.target());
            bindings.is_some_and(|it| {
                it.len() == same.count() && it.iter().all(|it| it.kind == BindingKind::Import)
            })
        };
        let keep: Vec<bool> = entries.iter().map(sound).collect();
        let mut keep = keep.into_iter();
        entries.retain(|_| keep.next().unwrap_or(false));
        Existing { entries }
    }

    /// Whether `root` is the name of the package `root` at module level, and of nothing else in the file.
    pub(super) fn binds_package(&self, root: &str, scopes: &Scopes) -> bool {
        let binders = |it: &&crate::scope::Scope| it.bindings.contains_key(root);
        self.entries
            .iter()
            .any(|it| it.stays && it.local == root && it.target() == (root, None))
            && scopes.scopes.iter().filter(binders).count() == 1
    }

    /// The text that stands for `import` in `scope` at `place`, by an import that is there.
    pub(super) fn name_of(
        &self,
        import: &Import,
        scopes: &Scopes,
        scope: ScopeId,
        place: TextSize,
    ) -> Option<String> {
        let early = scopes.runs_at_import(scope);
        let usable = |entry: &&Entry| {
            entry.stays
                && (!early || entry.end <= place)
                && scopes.resolve(&entry.local, scope) == Some(0)
        };
        let module = &*import.module;
        let entries = || self.entries.iter().filter(usable);
        let Some(name) = import.name.as_deref() else {
            return entries().find_map(|it| module_name(it, module));
        };
        entries()
            .find(|it| it.target() == (module, Some(name)))
            .map(|it| it.local.clone())
            .or_else(|| {
                let module = entries().find_map(|it| module_name(it, module))?;
                Some(format!("{module}.{name}"))
            })
    }
}

/// The module of a `from` import as it is written, with the dots of a relative one.
pub(super) fn dotted(import: &StmtImportFrom) -> String {
    let dots = ".".repeat(import.level as usize);
    dots + import.module.as_ref().map_or("", |it| it.as_str())
}

/// The name of a module in a package: `.text` in `.`, `pkg.text` in `pkg`.
pub(super) fn below(package: &str, name: &str) -> String {
    if package.ends_with('.') {
        format!("{package}{name}")
    } else {
        format!("{package}.{name}")
    }
}

/// How `entry` names `module`.
fn module_name(entry: &Entry, module: &str) -> Option<String> {
    match &entry.name {
        Some(name) => (below(&entry.module, name) == module).then(|| entry.local.clone()),
        None if entry.has_alias => (entry.module == module).then(|| entry.local.clone()),
        // `import a.b` names both `a` and `a.b`.
        None => (entry.module == module || entry.local == module).then(|| module.to_owned()),
    }
}

/// The module, and its name, of the import that an edit puts in the place of a statement: `import socket as s`.
fn replaced(edits: &[Edit], stmt: &Stmt) -> Option<(String, String)> {
    let text = edits.iter().find_map(|edit| match edit {
        Edit::Replace { range, pieces } if *range == stmt.range() => match pieces.first() {
            Some(Piece::Text(text)) => Some(text),
            _ => None,
        },
        _ => None,
    })?;
    let module = text.lines().next()?.strip_prefix("import ")?;
    let (module, local) = module.split_once(" as ").unwrap_or((module, module));
    (!local.contains('.')).then(|| (module.to_owned(), local.to_owned()))
}
