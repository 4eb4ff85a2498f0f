//! Helpers that several modules need stand in one of them, where the others import that one anyway.
//!
//! A class that two modules hand to each other must be one class, and nobody wants to read the same function five times.
//! A module that nobody else imports, or that imports those that import it, keeps its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use loopshift_python::edit::{Edit, Helper, Import, Piece};
use loopshift_python::imports::at_the_top;
use loopshift_python::parse::parse_module;

use super::Planning;
use crate::change::FileId;

/// Where a module has each helper from that it does not define: the import, or nothing where only helpers needed it that
/// it does not define either.
pub(super) type Shared = BTreeMap<&'static Helper, Option<Import>>;

/// What modules take from each other, by the module that takes.
pub(super) fn shared<'e>(
    planning: &Planning<'_>,
    edits: impl Iterator<Item = (FileId, &'e Edit)>,
) -> BTreeMap<FileId, Shared> {
    let mut named: BTreeMap<FileId, BTreeSet<&'static Helper>> = BTreeMap::new();
    let mut needed = named.clone();
    for (file, edit) in edits {
        for piece in edit.pieces() {
            match piece {
                Piece::Helper(helper) => named.entry(file).or_default().insert(helper),
                Piece::Needs(helper) => needed.entry(file).or_default().insert(helper),
                Piece::Text(_) | Piece::Source(_) | Piece::Import(_) => false,
            };
        }
    }
    let users = users(&named);
    if users.is_empty() {
        return BTreeMap::new();
    }
    let mut modules = Modules::new(planning);
    let mut out: BTreeMap<FileId, Shared> = BTreeMap::new();
    for (helper, files) in users {
        let mut givers = BTreeMap::new();
        for file in &files {
            modules.giver(*file, helper, &files, &mut givers);
        }
        for (file, giver) in givers {
            if let Some(import) = giver {
                out.entry(file).or_default().insert(helper, Some(import));
            }
        }
    }
    let none = BTreeSet::new();
    for (file, shared) in &mut out {
        let named = named.get(file).unwrap_or(&none);
        settle(shared, named, needed.get(file).unwrap_or(&none));
    }
    out
}

/// The modules that name a helper, where they are several.
fn users(
    named: &BTreeMap<FileId, BTreeSet<&'static Helper>>,
) -> BTreeMap<&'static Helper, Vec<FileId>> {
    let mut users: BTreeMap<&'static Helper, Vec<FileId>> = BTreeMap::new();
    for (file, helpers) in named {
        for helper in helpers {
            users.entry(helper).or_default().push(*file);
        }
    }
    users.retain(|_, files| files.len() > 1);
    users
}

/// What a helper names that the module defines must be defined there, too; what only those name that it imports goes.
fn settle(
    shared: &mut Shared,
    named: &BTreeSet<&'static Helper>,
    needed: &BTreeSet<&'static Helper>,
) {
    let mut own: BTreeSet<&'static Helper> = BTreeSet::new();
    let mut todo: Vec<&'static Helper> = (named.iter().copied())
        .filter(|it| !shared.contains_key(it))
        .collect();
    while let Some(helper) = todo.pop() {
        if own.insert(helper) {
            shared.remove(helper);
            let is_needed = |it: &&&Helper| helper.needs().any(|name| name == it.short_name());
            todo.extend(named.union(needed).filter(is_needed));
        }
    }
    for helper in needed {
        if !own.contains(helper) && !shared.contains_key(helper) {
            shared.insert(helper, None);
        }
    }
}

/// The modules of the program, as far as they are asked for.
struct Modules<'p> {
    planning: &'p Planning<'p>,
    /// The modules that each imports when it is imported itself, as it writes them.
    imported: BTreeMap<FileId, Vec<(FileId, Cow<'static, str>)>>,
    /// The modules that each leads to.
    reached: BTreeMap<FileId, BTreeSet<FileId>>,
}

impl<'p> Modules<'p> {
    fn new(planning: &'p Planning<'p>) -> Self {
        Modules {
            planning,
            imported: BTreeMap::new(),
            reached: BTreeMap::new(),
        }
    }

    /// Decides where a module has a helper from: an import of one of `files` that defines it, or nowhere.
    fn giver(
        &mut self,
        file: FileId,
        helper: &'static Helper,
        files: &[FileId],
        givers: &mut BTreeMap<FileId, Option<Import>>,
    ) {
        if givers.contains_key(&file) {
            return;
        }
        let mut found = None;
        for (module, name) in self.behind(file, files) {
            if self.reached(module).contains(&file) {
                continue;
            }
            self.giver(module, helper, files, givers);
            let text = &self.planning.files[module.0 as usize].text;
            if givers.get(&module) == Some(&None) && !text.contains(helper.name) {
                found = Some(Import {
                    module: name,
                    name: Some(helper.name.into()),
                });
                break;
            }
        }
        givers.insert(file, found);
    }

    /// Those of `files` that a module imports, or that these import in turn, the nearest first, by the names that it can
    /// import them by.
    fn behind(&mut self, file: FileId, files: &[FileId]) -> Vec<(FileId, Cow<'static, str>)> {
        let mut out: Vec<(FileId, Cow<'static, str>)> = Vec::new();
        let mut at: (FileId, Option<Cow<'static, str>>) = (file, None);
        for next in 0.. {
            for (module, name) in self.imported(at.0).to_vec() {
                let name = match &at.1 {
                    None => Some(name),
                    Some(from) => {
                        seen_from(from, self.planning.files[at.0.0 as usize].is_package, name)
                    }
                };
                let new = module != file
                    && files.contains(&module)
                    && out.iter().all(|it| it.0 != module);
                if let Some(name) = name.filter(|_| new) {
                    out.push((module, name));
                }
            }
            match out.get(next) {
                Some((module, name)) => at = (*module, Some(name.clone())),
                None => break,
            }
        }
        out
    }

    fn imported(&mut self, file: FileId) -> &[(FileId, Cow<'static, str>)] {
        let planning = self.planning;
        self.imported.entry(file).or_insert_with(|| {
            let text = &planning.files[file.0 as usize].text;
            let Ok(parsed) = parse_module(text, planning.python) else {
                return Vec::new();
            };
            let importing = (planning.importing)(file);
            at_the_top(&parsed)
                .into_iter()
                .filter_map(|(alias, whole, of_name)| {
                    let it = importing.iter().find(|it| it.alias == alias)?;
                    let module = it.module.zip(Some(whole));
                    it.name.zip(of_name).or(module)
                })
                .map(|(module, name)| (module, name.into()))
                .collect()
        })
    }

    /// All modules that an import of this one may run, by way of any number of others.
    fn reached(&mut self, file: FileId) -> &BTreeSet<FileId> {
        let planning = self.planning;
        self.reached.entry(file).or_insert_with(|| {
            let mut seen = BTreeSet::new();
            let mut todo = vec![file];
            while let Some(file) = todo.pop() {
                for it in (planning.importing)(file) {
                    let new = it.module.into_iter().chain(it.name);
                    todo.extend(new.filter(|it| seen.insert(*it)));
                }
            }
            seen
        })
    }
}

/// What a module that imports `from` can call the module that `from` itself calls `name`.
fn seen_from(from: &str, is_package: bool, name: Cow<'static, str>) -> Option<Cow<'static, str>> {
    let rest = name.trim_start_matches('.');
    let dots = name.len() - rest.len();
    if dots == 0 {
        return Some(name);
    }
    let mut package = from.to_owned();
    for _ in usize::from(is_package)..dots {
        let at = package.rfind('.')?;
        // The dots in front of a relative name stay.
        let keep = if package[..at].ends_with('.') || at == 0 {
            at + 1
        } else {
            at
        };
        if keep == package.len() {
            return None;
        }
        package.truncate(keep);
    }
    let separator = if package.ends_with('.') { "" } else { "." };
    Some(format!("{package}{separator}{rest}").into())
}

/// The edit, with imports in the place of helpers that other modules define.
pub(super) fn imported(edit: &Edit, shared: &Shared) -> Edit {
    if shared.is_empty() {
        return edit.clone();
    }
    edit.with_pieces(|piece| match piece {
        Piece::Helper(helper) | Piece::Needs(helper) => match (piece, shared.get(helper)) {
            (_, None) => Some(piece.clone()),
            (Piece::Helper(_), Some(Some(import))) => Some(Piece::Import(import.clone())),
            _ => None,
        },
        _ => Some(piece.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::seen_from;

    #[test]
    fn names_of_modules_from_elsewhere() {
        let of = |from: &str, is_package: bool, name: &'static str| {
            seen_from(from, is_package, name.into()).map(|it| it.to_string())
        };
        let is = |name: &str| Some(name.to_owned());
        assert_eq!(of("jobs.worker", false, "jobs.store"), is("jobs.store"));
        assert_eq!(of("jobs.worker", false, ".store"), is("jobs.store"));
        assert_eq!(of("jobs", true, ".store"), is("jobs.store"));
        assert_eq!(of("app.jobs.worker", false, "..store"), is("app.store"));
        assert_eq!(of(".worker", false, ".store"), is(".store"));
        assert_eq!(of("..jobs.worker", false, ".store"), is("..jobs.store"));
        assert_eq!(of("..jobs.worker", false, "..store"), is("..store"));
        assert_eq!(of(".jobs", true, ".store"), is(".jobs.store"));
        assert_eq!(of(".worker", false, "..store"), None);
        assert_eq!(of("worker", false, ".store"), None);
    }
}
