//! APIs that the program replaces by name while it runs: `mock.patch("app.jobs.asyncio.sleep")`.
//!
//! Code that is moved away from such a name would no longer meet the replacement, so it stays.

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ArgKind, Call};
use loopshift_engine::link::Linked;
use loopshift_engine::program::Program;
use loopshift_engine::uses::Use;

use crate::catalog::Catalog;

/// An API that is replaced by name.
struct Patch {
    /// Its canonical name.
    api: String,
    /// Only as this module sees it; everywhere otherwise.
    module: Option<FileId>,
    /// Who does it.
    by: Place,
}

/// Declines the changes of uses that the program replaces by name.
pub(crate) fn decline(
    program: &Program<'_>,
    catalog: &Catalog,
    uses: &[Use],
    changes: &mut [Change],
) {
    let patches = find(program, catalog);
    if patches.is_empty() {
        return;
    }
    for change in changes
        .iter_mut()
        .filter(|change| change.declined.is_none())
    {
        let reason = change
            .covers
            .iter()
            .chain([&change.place])
            .find_map(|place| {
                let api = uses
                    .iter()
                    .find(|use_| use_.place == *place)
                    .map(|use_| &*use_.api)?;
                let patch = patches.iter().find(|patch| {
                    patch.api == api && patch.module.is_none_or(|module| module == place.file)
                })?;
                let line = program.line(patch.by);
                let path = &program.file(patch.by.file).path;
                Some(format!(
                    "`{api}` is replaced by name at {path}:{line}, as tests do"
                ))
            });
        if let Some(reason) = reason {
            *change = Change::declined(change.rule, change.place, change.api.clone(), reason);
        }
    }
}

fn find(program: &Program<'_>, catalog: &Catalog) -> Vec<Patch> {
    let flow = &program.flow;
    let mut patches = Vec::new();
    for (file, call) in program.calls() {
        let by = Place {
            file,
            range: call.range,
        };
        let positional: Vec<_> = call
            .args
            .iter()
            .filter(|arg| arg.kind == ArgKind::Positional)
            .collect();
        // `patch("app.jobs.asyncio.sleep")`
        for name in strings(program, call, 0) {
            if let Some((api, module)) = resolve(program, catalog, name) {
                patches.push(Patch { api, module, by });
            }
        }
        // `patch.object(asyncio, "sleep")`, `monkeypatch.setattr(jobs, "sleep", …)`
        let Some(first) = positional.first() else {
            continue;
        };
        for owner in flow.values_of(first.node) {
            for name in strings(program, call, 1) {
                match owner {
                    Value::External(sym) => {
                        let full = format!("{}.{name}", flow.text(sym));
                        let api = catalog.canonical(&full).into_owned();
                        if is_wanted(catalog, &api) {
                            patches.push(Patch {
                                api,
                                module: None,
                                by,
                            });
                        }
                    }
                    Value::Module(module) => {
                        let file = FileId(module);
                        if let Some(api) = member(program, catalog, file, name) {
                            patches.push(Patch {
                                api,
                                module: Some(file),
                                by,
                            });
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    for store in &flow.linked.stores {
        // `asyncio.sleep = fake`
        for owner in flow.values_of(store.base) {
            let Value::External(sym) = owner else {
                continue;
            };
            let full = format!("{}.{}", flow.text(sym), flow.text(store.attr));
            let api = catalog.canonical(&full).into_owned();
            if is_wanted(catalog, &api) {
                let range = program.function(store.owner).range;
                let by = Place {
                    file: program.function_file(store.owner),
                    range,
                };
                patches.push(Patch {
                    api,
                    module: None,
                    by,
                });
            }
        }
    }
    patches
}

/// The short strings that a positional argument of the call may be.
fn strings<'p>(program: &'p Program<'_>, call: &Call, place: usize) -> Vec<&'p str> {
    let flow = &program.flow;
    call.args
        .iter()
        .filter(|arg| arg.kind == ArgKind::Positional)
        .nth(place)
        .into_iter()
        .flat_map(|arg| flow.values_of(arg.node))
        .filter_map(|value| match value {
            Value::Str(sym) => Some(flow.text(sym)),
            _ => None,
        })
        .collect()
}

fn is_wanted(catalog: &Catalog, api: &str) -> bool {
    api.starts_with("asyncio.") && catalog.get(api).is_some()
}

/// The API behind a dotted name, and the module of ours through which it is reached.
fn resolve(
    program: &Program<'_>,
    catalog: &Catalog,
    name: &str,
) -> Option<(String, Option<FileId>)> {
    let api = catalog.canonical(name);
    if is_wanted(catalog, &api) {
        return Some((api.into_owned(), None));
    }
    let linked: &Linked = &program.flow.linked;
    let mut prefix = name;
    while let Some((head, _)) = prefix.rsplit_once('.') {
        prefix = head;
        let module = linked
            .symbols
            .find(prefix)
            .and_then(|sym| linked.module(sym));
        if let Some(file) = module {
            let rest = name.get(prefix.len() + 1..)?;
            return member(program, catalog, file, rest).map(|api| (api, Some(file)));
        }
    }
    None
}

/// The API that a dotted path from a module of ours leads to.
fn member(program: &Program<'_>, catalog: &Catalog, file: FileId, path: &str) -> Option<String> {
    let flow = &program.flow;
    let (first, rest) = path
        .split_once('.')
        .map_or((path, None), |(a, b)| (a, Some(b)));
    let sym = flow.linked.symbols.find(first)?;
    let node = *flow.linked.modules[file.0 as usize].globals.get(&sym)?;
    flow.values_of(node).find_map(|value| {
        let Value::External(sym) = value else {
            return None;
        };
        let full = match rest {
            Some(rest) => format!("{}.{rest}", flow.text(sym)),
            None => flow.text(sym).to_owned(),
        };
        let api = catalog.canonical(&full).into_owned();
        is_wanted(catalog, &api).then_some(api)
    })
}
