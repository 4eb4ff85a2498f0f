//! Finds what the program replaces by name.

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{Arg, ArgKind, Call};
use loopshift_engine::program::Program;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall};

use super::{LIBRARY, Name, Patch, built};
use crate::catalog::Catalog;
use crate::context::Context;
use crate::module_names::modules_named;

/// What the calls and assignments of the program replace by name.
pub(super) fn find(cx: &Context<'_>) -> Vec<Patch> {
    let (program, catalog) = (cx.program, cx.catalog);
    let flow = &program.flow;
    let mut patches = built::find(cx);
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
            if let Some((api, module)) = resolve(cx, name) {
                let name = written(cx, by, Name::Text);
                patches.push(Patch {
                    api,
                    module,
                    by,
                    name,
                });
            }
        }
        // `patch.object(asyncio, "sleep")`, `monkeypatch.setattr(jobs, "sleep", …)`
        let Some(first) = positional.first() else {
            continue;
        };
        for owner in flow.values_of(first.node) {
            // `patch.multiple(asyncio, sleep=…)`, `patch.multiple("app.jobs.asyncio", sleep=…)`
            if is_library(cx, owner) {
                for arg in &call.args {
                    let ArgKind::Keyword(name) = arg.kind else {
                        continue;
                    };
                    let api = format!("{LIBRARY}.{}", flow.text(name));
                    let api = catalog.canonical(&api).into_owned();
                    if is_wanted(catalog, &api) {
                        patches.push(Patch {
                            api,
                            module: None,
                            by,
                            name: None,
                        });
                    }
                }
            }
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
                                name: written(cx, by, Name::Module),
                            });
                        }
                    }
                    Value::Module(module) => {
                        let file = FileId(module);
                        if let Some((api, module)) = member(program, catalog, file, name) {
                            patches.push(Patch {
                                api,
                                module,
                                by,
                                name: None,
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
                    name: None,
                });
            }
        }
    }
    patches
}

/// The short strings that the first or second argument of a call may be, by its place or by the names that patches have for it.
pub(crate) fn strings<'p>(program: &'p Program<'_>, call: &Call, place: usize) -> Vec<&'p str> {
    let flow = &program.flow;
    let given = call.args.iter();
    let mut positional = given.filter(|arg| arg.kind == ArgKind::Positional);
    let named = |arg: &&Arg| {
        let keywords: &[&str] = [&["target"][..], &["attribute", "name"]][place];
        matches!(arg.kind, ArgKind::Keyword(sym) if keywords.contains(&flow.text(sym)))
    };
    positional
        .nth(place)
        .or_else(|| call.args.iter().find(named))
        .into_iter()
        .flat_map(|arg| flow.values_of(arg.node))
        .filter_map(|value| match value {
            Value::Str(sym) => Some(flow.text(sym)),
            _ => None,
        })
        .collect()
}

pub(super) fn is_wanted(catalog: &Catalog, api: &str) -> bool {
    let of_library = api.strip_prefix(LIBRARY);
    of_library.is_some_and(|it| it.starts_with('.')) && catalog.get(api).is_some()
}

/// Whether a value is the library, or a dotted name that leads to it through a module of ours.
fn is_library(cx: &Context<'_>, value: Value) -> bool {
    let flow = &cx.program.flow;
    match value {
        Value::External(sym) => flow.text(sym) == LIBRARY,
        Value::Str(sym) => {
            let name = flow.text(sym);
            name == LIBRARY || resolve(cx, name).is_some_and(|(api, _)| api == LIBRARY)
        }
        _ => false,
    }
}

/// The API behind a dotted name, and the module of ours through which it is reached.
fn resolve(cx: &Context<'_>, name: &str) -> Option<(String, Option<FileId>)> {
    let api = cx.catalog.canonical(name);
    if is_wanted(cx.catalog, &api) {
        return Some((api.into_owned(), None));
    }
    let dots = name.rmatch_indices('.');
    let mut heads = dots.map(|(dot, _)| (modules_named(cx, &name[..dot]), &name[dot + 1..]));
    let (modules, rest) = heads.find(|(modules, _)| !modules.is_empty())?;
    let mut modules = modules.into_iter();
    modules.find_map(|file| member(cx.program, cx.catalog, file, rest))
}

/// The API that a dotted path from a module of ours leads to, or the library itself, and the module, where the name is one of
/// its own: what is replaced in a library is replaced for everybody.
pub(super) fn member(
    program: &Program<'_>,
    catalog: &Catalog,
    file: FileId,
    path: &str,
) -> Option<(String, Option<FileId>)> {
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
        let wanted = is_wanted(catalog, &api) || api == LIBRARY;
        wanted.then_some((api, rest.is_none().then_some(file)))
    })
}

/// Where a call that is known to replace something writes the name, as its first argument.
fn written(cx: &Context<'_>, by: Place, kind: fn(Place) -> Name) -> Option<Name> {
    let view = cx.view(by.file)?;
    let Expr::Call(call) = view.tree.expr_at(by.range)? else {
        return None;
    };
    let first = call.arguments.args.first()?;
    let is_text = first.is_string_literal_expr();
    let fits = matches!(kind(by), Name::Text(_)) == is_text;
    (fits && replaces(call)).then(|| {
        kind(Place {
            file: by.file,
            range: first.range(),
        })
    })
}

/// Whether a call replaces what its first arguments name until a test is over: `patch`, `mocker.patch`, `patch.object`,
/// `mocker.spy`, `monkeypatch.setattr`.
fn replaces(call: &ExprCall) -> bool {
    let is_patch = |expr: &Expr| {
        matches!(expr, Expr::Name(it) if it.id == "patch")
            || matches!(expr, Expr::Attribute(it) if it.attr.as_str() == "patch")
    };
    match &*call.func {
        Expr::Attribute(it) => match it.attr.as_str() {
            "object" => is_patch(&it.value),
            "setattr" | "spy" => matches!(&*it.value, Expr::Name(_)),
            _ => is_patch(&call.func),
        },
        callee => is_patch(callee),
    }
}
