//! Which modules may run in one process. A repository often holds several programs: scripts, services, examples, all of
//! them with a module that they share. What one of them does to all tasks does nothing to those of another.
//!
//! Any module may be what a process starts with. It loads what it imports, and what that imports. So two modules meet
//! where some module loads both; and all tests meet, since what runs them loads them all.

use std::collections::BTreeMap;

use loopshift_engine::change::FileId;
use loopshift_engine::flow::value::Value;
use loopshift_engine::program::{ByName, Program, imports_by_name};

use crate::context::Context;
use crate::project::is_test;

/// What imports what.
pub(crate) struct Processes {
    /// By file, those that it loads.
    loads: Vec<Vec<usize>>,
    /// By file, those that load it.
    loaded_by: Vec<Vec<usize>>,
}

impl Processes {
    /// Collects the imports of a program.
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        Processes::of(cx.program)
    }

    fn of(program: &Program<'_>) -> Self {
        // Behind the files stands what runs the tests.
        let runner = program.files.len();
        let mut found = Processes {
            loads: vec![Vec::new(); runner + 1],
            loaded_by: vec![Vec::new(); runner + 1],
        };
        let linked = &program.flow.linked;
        let by_end = by_end(program);
        for (importer, import) in &linked.imports {
            let module = linked.symbols.text(import.module);
            let member = import
                .name
                .map(|name| format!("{module}.{}", linked.symbols.text(name)));
            for name in std::iter::once(module).chain(member.as_deref()) {
                // It may be found from a directory that is not known as a root, too.
                for file in by_end.get(name).into_iter().flatten() {
                    found.add(importer.0 as usize, *file);
                }
            }
        }
        for (index, file) in program.files.iter().enumerate() {
            // With a module its packages are loaded.
            let mut name = &*file.module;
            while let Some((package, _)) = name.rsplit_once('.') {
                if let Some(package) = linked
                    .symbols
                    .find(package)
                    .and_then(|it| linked.module(it))
                {
                    found.add(index, package.0 as usize);
                }
                name = package;
            }
            if file.is_python() && is_test(&file.path) {
                found.add(runner, index);
            }
        }
        for (importer, call) in imports_by_name(program) {
            let given = call.args.iter();
            for value in given.flat_map(|arg| program.flow.values_of(arg.node)) {
                let Value::Str(name) = value else { continue };
                let name = program.flow.text(name).trim_start_matches('.');
                for file in by_end.get(name).into_iter().flatten() {
                    found.add(importer.0 as usize, *file);
                }
            }
        }
        let by_name = ByName::new(program);
        let functions = (by_name.functions.iter()).map(|it| linked.func_files[it.0 as usize]);
        let classes = (by_name.classes.iter()).map(|it| linked.class_files[it.0 as usize]);
        let plugins: Vec<FileId> = functions
            .chain(classes)
            .chain(by_name.files.iter().copied())
            .collect();
        for importer in &by_name.importing {
            for plugin in &plugins {
                found.add(importer.0 as usize, plugin.0 as usize);
            }
        }
        found
    }

    fn add(&mut self, importer: usize, file: usize) {
        self.loads[importer].push(file);
        self.loaded_by[file].push(importer);
    }

    /// For each file, whether some process may have loaded it and this one.
    pub(crate) fn meeting(&self, file: FileId) -> Vec<bool> {
        let roots = reached(&self.loaded_by, [file.0 as usize]);
        let roots = roots.iter().enumerate().filter(|(_, is)| **is);
        reached(&self.loads, roots.map(|(index, _)| index))
    }
}

fn reached(edges: &[Vec<usize>], from: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    let mut work: Vec<usize> = from.into_iter().collect();
    while let Some(at) = work.pop() {
        if !std::mem::replace(&mut seen[at], true) {
            work.extend(&edges[at]);
        }
    }
    seen
}

/// The files by the ends of their dotted names.
fn by_end<'p>(program: &'p Program<'_>) -> BTreeMap<&'p str, Vec<usize>> {
    let mut ends: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, file) in program.files.iter().enumerate() {
        let mut end = &*file.module;
        while !end.is_empty() {
            ends.entry(end).or_default().push(index);
            end = end.split_once('.').map_or("", |(_, rest)| rest);
        }
    }
    ends
}
