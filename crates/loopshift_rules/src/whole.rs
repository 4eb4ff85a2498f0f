//! Programs that leave a library as a whole. A green thread and a task can't wait for each other, so the modules that
//! hold code of each other move together, or stay together.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId};
use loopshift_engine::flow::value::Value;
use loopshift_engine::program::{ByName, Program};

use crate::catalog::Catalog;
use crate::part::Part;
use crate::recipe::patching;
use crate::rules::green_part;

/// Binds the changes of each part of the program that hangs together: where one use stays, all stay, with its reason;
/// otherwise they are applied together.
///
/// Where only a part of the program moves, only its files are bound.
pub(crate) fn bind(
    program: &Program<'_>,
    catalog: &Catalog,
    part: Option<&Part>,
    changes: &mut Vec<Change>,
) {
    let parts = parts(program, catalog, part);
    let mut stays: BTreeMap<usize, String> = BTreeMap::new();
    for change in changes.iter() {
        let Some(reason) = &change.declined else {
            continue;
        };
        // What stands in the way may be outside of what it belongs to.
        for place in change.covers.iter().chain([&change.place]) {
            let part = parts[place.file.0 as usize];
            stays.entry(part).or_insert_with(|| {
                let file = program.file(change.place.file);
                let line = program.line(change.place);
                format!(
                    "it moves together with line {line} of {}, which stays: {reason}",
                    file.path
                )
            });
        }
    }
    for change in changes.iter_mut().filter(|it| !green_part::is_of_hub(it)) {
        let part = parts[change.place.file.0 as usize];
        if change.declined.is_some() {
            continue;
        }
        if let Some(reason) = stays.get(&part) {
            change.edits.clear();
            change.declined = Some(reason.clone());
        } else {
            change.together = Some(part);
        }
    }
    choose_hub(program, changes);
}

/// The hub is chosen where something needs it: together with what moves, or after that.
fn choose_hub(program: &Program<'_>, changes: &mut Vec<Change>) {
    let is_hub = green_part::is_of_hub;
    let others = (changes.iter()).filter(|it| it.declined.is_none() && !is_hub(it));
    let first = others.min_by_key(|it| it.safety).map(|it| it.place);
    let border = "eventlet.asyncio.spawn_for_awaitable";
    let is_needed = program.flow.linked.symbols.find(border).is_some();
    changes.retain(|it| !is_hub(it) || first.is_some() || is_needed);
    for change in changes.iter_mut().filter(|it| is_hub(it) && !is_needed) {
        change.requires.extend(first);
    }
}

/// The part that each file belongs to: files that hold code of each other belong to one, and so do those that run where
/// one of them has patched the standard library.
pub(crate) fn parts(program: &Program<'_>, catalog: &Catalog, part: Option<&Part>) -> Vec<usize> {
    let linked = &program.flow.linked;
    let mut parents: Vec<usize> = (0..linked.modules.len()).collect();
    let moves = |index: usize| {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        part.is_none_or(|part| part.has(file))
    };
    for (index, module) in linked.modules.iter().enumerate() {
        for (_, node) in &module.exprs {
            for value in program.flow.values_of(*node) {
                let other = match value {
                    Value::Func(func) | Value::Bound(func, _) => {
                        linked.func_files[func.0 as usize].0 as usize
                    }
                    Value::Class(class) | Value::Instance(class) => {
                        linked.class_files[class.0 as usize].0 as usize
                    }
                    Value::Module(file) => file as usize,
                    _ => continue,
                };
                if moves(index) && moves(other) {
                    join(&mut parents, index, other);
                }
            }
        }
    }
    let by_name = ByName::new(program);
    let functions = by_name.functions.iter();
    let classes = by_name.classes.iter();
    let found: Vec<FileId> = functions
        .map(|func| linked.func_files[func.0 as usize])
        .chain(classes.map(|class| linked.class_files[class.0 as usize]))
        .chain(by_name.files.iter().copied())
        .collect();
    for file in &by_name.importing {
        for other in &found {
            let (index, other) = (file.0 as usize, other.0 as usize);
            if moves(index) && moves(other) {
                join(&mut parents, index, other);
            }
        }
    }
    for file in patching(program, catalog).filter(|_| part.is_none()) {
        for other in patched_with(program, file) {
            join(&mut parents, file.0 as usize, other.0 as usize);
        }
    }
    (0..parents.len())
        .map(|index| root(&parents, index))
        .collect()
}

/// The files that run in the same process as one that patches the standard library, as far as that can be told: those that
/// import it, those of the package whose `__init__.py` it is, and the tests whose `conftest.py` it is.
fn patched_with(program: &Program<'_>, file: FileId) -> Vec<FileId> {
    let linked = &program.flow.linked;
    let input = program.file(file);
    let mut out: Vec<FileId> = Vec::new();
    for (importer, import) in &linked.imports {
        let module = linked.symbols.text(import.module);
        let member = import
            .name
            .and_then(|name| {
                let full = format!("{module}.{}", linked.symbols.text(name));
                linked.symbols.find(&full)
            })
            .and_then(|sym| linked.module(sym));
        if linked.module(import.module) == Some(file) || member == Some(file) {
            out.push(*importer);
        }
    }
    let directory = (input.path.strip_suffix("conftest.py"))
        .filter(|before| before.is_empty() || before.ends_with(['/', '\\']));
    let package = format!("{}.", input.module);
    for (index, other) in program.files.iter().enumerate() {
        let is_tested = directory.is_some_and(|directory| other.path.starts_with(directory));
        let is_inside = input.is_package && other.module.starts_with(&package);
        if other.is_python() && (is_tested || is_inside) {
            out.push(FileId(u32::try_from(index).unwrap_or(u32::MAX)));
        }
    }
    out
}

fn join(parents: &mut [usize], one: usize, other: usize) {
    let (a, b) = (root(parents, one), root(parents, other));
    parents[a.max(b)] = a.min(b);
}

fn root(parents: &[usize], mut at: usize) -> usize {
    while parents[at] != at {
        at = parents[at];
    }
    at
}
