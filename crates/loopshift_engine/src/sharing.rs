//! Names of a library that one module of the program has from another one: `from helpers import Queue`, where `helpers`
//! itself has it from `asyncio`. The import in `helpers` must stay for as long as somebody takes the name from there.

use std::collections::BTreeMap;

use loopshift_python::TextRange;
use rustc_hash::FxHashMap;

use crate::change::{FileId, Place};
use crate::flow::value::Value;
use crate::ir::{Node, Sym};
use crate::program::Program;

/// A name of a library that a module has from another module of the program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taking {
    /// The module that imports the name from the library.
    pub giver: FileId,
    /// The name, as the giver binds it.
    pub name: String,
    /// How the name is taken.
    pub how: How,
}

/// How a name is taken from a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// By this alias of an import: `from helpers import Queue`.
    Import(Place),
    /// By this expression: `helpers.Queue`, or `Queue` after `from helpers import *`.
    Expression(Place),
    /// By its full name in a string, as in a patch of tests.
    String,
}

/// What an alias of an import brings of the program.
#[derive(Clone, Copy, Debug)]
pub struct Importing {
    /// The alias.
    pub alias: TextRange,
    /// The module that it names: `helpers` in `import helpers` and in `from helpers import join`.
    pub module: Option<FileId>,
    /// The module that the imported name is: `helpers.text` in `from helpers import text`.
    pub name: Option<FileId>,
}

/// What a module imports of the program, in whatever place.
pub fn importing(program: &Program<'_>, file: FileId) -> Vec<Importing> {
    let linked = &program.flow.linked;
    let from = linked.imports.partition_point(|(it, _)| *it < file);
    let imports = linked.imports[from..].iter();
    imports
        .take_while(|(it, _)| *it == file)
        .map(|(_, import)| {
            let name = import.name.and_then(|name| {
                let (module, name) = (program.flow.text(import.module), program.flow.text(name));
                linked.module_named(&format!("{module}.{name}"))
            });
            Importing {
                alias: import.range,
                module: linked.module(import.module),
                name,
            }
        })
        .collect()
}

/// All names that modules of the program take from each other and that stand for something of `packages`.
pub fn takings(program: &Program<'_>, packages: &[&str]) -> Vec<Taking> {
    let flow = &program.flow;
    let linked = &flow.linked;
    let is_of = |text: &str| {
        let root = text.split('.').next().unwrap_or(text);
        packages.contains(&root)
    };
    let is_wanted = |node: Node| {
        flow.values_of(node).any(|value| match value {
            Value::External(sym) => is_of(flow.text(sym)),
            _ => false,
        })
    };
    // Where a name comes from, by the node that it is read into.
    let mut read: FxHashMap<Node, Vec<(FileId, Sym)>> = FxHashMap::default();
    for load in linked.loads.iter().filter(|load| is_wanted(load.to)) {
        for value in flow.values_of(load.base) {
            if let Value::Module(file) = value {
                let from = (FileId(file), load.attr);
                read.entry(load.to).or_default().push(from);
            }
        }
    }
    for (file, name, node) in &linked.free {
        if is_wanted(*node) {
            for giver in behind_stars(program, *file) {
                read.entry(*node).or_default().push((giver, *name));
            }
        }
    }
    let mut found = Vec::new();
    if !read.is_empty() {
        for (file, range, node) in expressions(program) {
            for (giver, name) in read.get(&node).into_iter().flatten() {
                found.push(Taking {
                    giver: *giver,
                    name: flow.text(*name).to_owned(),
                    how: How::Expression(Place { file, range }),
                });
            }
        }
    }
    for (file, import) in &linked.imports {
        if let (Some(name), Some(giver)) = (import.name, linked.module(import.module))
            && giver != *file
            && is_wanted(import.to)
        {
            found.push(Taking {
                giver,
                name: flow.text(name).to_owned(),
                how: How::Import(Place {
                    file: *file,
                    range: import.range,
                }),
            });
        }
    }
    for (index, module) in linked.modules.iter().enumerate() {
        for package in packages {
            let full = format!("{}.{package}", module.name);
            if linked.symbols.find(&full).is_some() {
                found.push(Taking {
                    giver: FileId(u32::try_from(index).unwrap_or(u32::MAX)),
                    name: (*package).to_owned(),
                    how: How::String,
                });
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The modules whose names a module has by star imports, over any number of them.
fn behind_stars(program: &Program<'_>, file: FileId) -> Vec<FileId> {
    let linked = &program.flow.linked;
    let mut found = Vec::new();
    let mut work = vec![file];
    while let Some(at) = work.pop() {
        for star in &linked.modules[at.0 as usize].stars {
            if let Some(giver) = linked.module(*star)
                && !found.contains(&giver)
            {
                found.push(giver);
                work.push(giver);
            }
        }
    }
    found
}

fn expressions<'p>(
    program: &'p Program<'_>,
) -> impl Iterator<Item = (FileId, TextRange, Node)> + 'p {
    let modules = program.flow.linked.modules.iter().enumerate();
    modules.flat_map(|(index, module)| {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        let exprs = module.exprs.iter();
        exprs.map(move |(range, node)| (file, *range, *node))
    })
}

/// The names that others take, by the module that has them from the library.
pub(crate) fn wanted<'t>(
    takings: impl Iterator<Item = &'t Taking>,
) -> BTreeMap<FileId, Vec<&'t str>> {
    let mut wanted: BTreeMap<FileId, Vec<&str>> = BTreeMap::new();
    for taking in takings {
        wanted.entry(taking.giver).or_default().push(&taking.name);
    }
    for names in wanted.values_mut() {
        names.sort_unstable();
        names.dedup();
    }
    wanted
}
