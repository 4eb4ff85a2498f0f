//! Programs that leave a library as a whole. A green thread and a task can't wait for each other, so the modules that
//! hold code of each other move together, or stay together.

use std::collections::BTreeMap;

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_engine::program::Program;
use loopshift_python::parse::line_index;

/// Binds the changes of each part of the program that hangs together: where one use stays, all stay, with its reason;
/// otherwise each requires another one.
pub(crate) fn bind(program: &Program<'_>, changes: &mut [Change]) {
    let parts = parts(program);
    let mut stays: BTreeMap<usize, String> = BTreeMap::new();
    for change in changes.iter() {
        let part = parts[change.place.file.0 as usize];
        if let Some(reason) = &change.declined {
            stays.entry(part).or_insert_with(|| {
                let file = program.file(change.place.file);
                let line = line_index(&file.text).line(change.place.range.start());
                format!(
                    "it moves together with line {line} of {}, which stays: {reason}",
                    file.path
                )
            });
        }
    }
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    for index in 0..changes.len() {
        let part = parts[changes[index].place.file.0 as usize];
        if changes[index].declined.is_some() {
            continue;
        }
        if let Some(reason) = stays.get(&part) {
            changes[index].edits.clear();
            changes[index].declined = Some(reason.clone());
            continue;
        }
        first.entry(part).or_insert(index);
        if let Some(before) = last.insert(part, index) {
            let place = changes[before].place;
            changes[index].requires.push(place);
        }
    }
    // The first requires the last: where any falls, all do.
    for (part, index) in first {
        let place = changes[last[&part]].place;
        changes[index].requires.push(place);
    }
}

/// The part that each file belongs to: files that hold code of each other belong to one.
pub(crate) fn parts(program: &Program<'_>) -> Vec<usize> {
    let linked = &program.flow.linked;
    let mut parents: Vec<usize> = (0..linked.modules.len()).collect();
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
                let (a, b) = (root(&parents, index), root(&parents, other));
                parents[a.max(b)] = a.min(b);
            }
        }
    }
    (0..parents.len())
        .map(|index| root(&parents, index))
        .collect()
}

fn root(parents: &[usize], mut at: usize) -> usize {
    while parents[at] != at {
        at = parents[at];
    }
    at
}
