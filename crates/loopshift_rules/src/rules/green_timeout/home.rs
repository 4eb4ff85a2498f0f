//! Where the class of the timeouts is written: into one module, from which the others import it.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::FileId;
use loopshift_python::ast::{AnyNodeRef, StmtImportFrom};
use loopshift_python::edit::{Helper, Import, Piece};

use crate::context::Context;

/// The class as each file names it.
pub(super) struct Home {
    helper: &'static Helper,
    file: FileId,
    module: String,
}

impl Home {
    /// The module among `files` that imports none of the others.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn new(
        cx: &Context<'_>,
        files: &BTreeSet<FileId>,
        helper: &'static Helper,
    ) -> Result<Home, String> {
        let imports = Imports::new(cx);
        let file = files
            .iter()
            .copied()
            .find(|file| {
                let reached = imports.from(*file);
                files.iter().all(|other| other == file || !reached.contains(other))
            })
            .ok_or("the modules that use timeouts import each other, and the class for them belongs into one")?;
        let taken = |file: &FileId| {
            !cx.view(*file)
                .is_some_and(|view| view.is_fresh(helper.name))
        };
        if files.len() > 1 && files.iter().any(taken) {
            return Err(format!("the name `{}` is taken", helper.name));
        }
        Ok(Home {
            helper,
            file,
            module: cx.program.file(file).module.clone(),
        })
    }

    /// The class in a file.
    pub(super) fn class(&self, file: FileId) -> Piece {
        if file == self.file {
            return Piece::Helper(self.helper);
        }
        Piece::Import(Import {
            module: self.module.clone().into(),
            name: Some(self.helper.name.into()),
        })
    }
}

/// Which modules import which.
struct Imports {
    edges: BTreeMap<FileId, BTreeSet<FileId>>,
}

impl Imports {
    fn new(cx: &Context<'_>) -> Self {
        let mut by_name: BTreeMap<&str, FileId> = BTreeMap::new();
        for view in cx.views() {
            by_name.insert(&cx.program.file(view.file).module, view.file);
        }
        let mut edges: BTreeMap<FileId, BTreeSet<FileId>> = BTreeMap::new();
        for view in cx.views() {
            let input = cx.program.file(view.file);
            let mut add = |name: &str| {
                // Importing a module imports the packages around it.
                let mut name = name;
                loop {
                    if let Some(file) = by_name.get(name) {
                        edges.entry(view.file).or_default().insert(*file);
                    }
                    match name.rsplit_once('.') {
                        Some((head, _)) => name = head,
                        None => return,
                    }
                }
            };
            for node in view.tree.nodes() {
                match node {
                    AnyNodeRef::StmtImport(it) => {
                        it.names.iter().for_each(|alias| add(alias.name.as_str()));
                    }
                    AnyNodeRef::StmtImportFrom(it) => {
                        let base = imported_from(it, &input.module, input.is_package);
                        add(&base);
                        for alias in &it.names {
                            add(&format!("{base}.{}", alias.name));
                        }
                    }
                    _ => {}
                }
            }
        }
        Imports { edges }
    }

    fn from(&self, file: FileId) -> BTreeSet<FileId> {
        let mut seen = BTreeSet::new();
        let mut work = vec![file];
        while let Some(file) = work.pop() {
            for next in self.edges.get(&file).into_iter().flatten() {
                if seen.insert(*next) {
                    work.push(*next);
                }
            }
        }
        seen.remove(&file);
        seen
    }
}

/// The absolute name of the module after `from`.
fn imported_from(it: &StmtImportFrom, module: &str, is_package: bool) -> String {
    let name = it.module.as_ref().map_or("", |name| name.as_str());
    if it.level == 0 {
        return name.to_owned();
    }
    let up = it.level as usize - usize::from(is_package);
    let mut parts: Vec<&str> = module.split('.').collect();
    parts.truncate(parts.len().saturating_sub(up));
    if !name.is_empty() {
        parts.push(name);
    }
    parts.join(".")
}
