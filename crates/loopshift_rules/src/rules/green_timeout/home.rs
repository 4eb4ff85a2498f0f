//! Where the class of the timeouts is written: into one module, from which the others import it.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::FileId;
use loopshift_engine::ir::Sym;
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
        let linked = &cx.program.flow.linked;
        let text = |sym: Sym| linked.symbols.text(sym);
        let mut edges: BTreeMap<FileId, BTreeSet<FileId>> = BTreeMap::new();
        let mut add = |from: FileId, name: &str| {
            // Importing a module imports the packages around it.
            let mut name = name;
            loop {
                if let Some(file) = linked.module_named(name) {
                    edges.entry(from).or_default().insert(file);
                }
                match name.rsplit_once('.') {
                    Some((head, _)) => name = head,
                    None => return,
                }
            }
        };
        for (file, import) in &linked.imports {
            let module = text(import.module);
            add(*file, module);
            if let Some(name) = import.name {
                add(*file, &format!("{module}.{}", text(name)));
            }
        }
        for (file, module) in (0..).map(FileId).zip(&linked.modules) {
            module.stars.iter().for_each(|star| add(file, text(*star)));
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
