//! What the rules for green threads share: where `await` may stand, and what needs a running event loop.

mod apart;
mod atomic;
pub(crate) mod built_on;
mod calls;
mod coroutine;
mod cut_short;
mod each;
mod ending;
mod entry;
pub(crate) mod escaped;
mod greenlets;
mod helpers;
mod inherited;
mod kept;
mod leaving;
mod links;
mod locals;
mod logs;
mod made;
mod named;
mod needs;
mod threads;
mod values;

use std::collections::BTreeSet;

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::facts::Colour;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Piece;
use loopshift_python::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashMap;

pub(crate) use apart::{may_be_many, reads_apart, runs_apart};
pub(crate) use atomic::{broken, meets};
pub(crate) use calls::replace_call;
pub(crate) use coroutine::{
    becomes_async, called, coroutine, coroutine_from, handed, method, runs_no_library,
};
pub(crate) use cut_short::CutShort;
pub(crate) use each::each;
pub(crate) use ending::{Ending, run_by, shown, started};
pub(crate) use entry::{blank_lines, entry, is_guard, main_name, run, shows_at_exit};
pub(crate) use escaped::Escaped;
pub(crate) use greenlets::{
    GREENLET as GREENLET_CLASS, are_killed, ends_later, has_rested, is_greenlet, items, items_of,
    maker, sleeps, starts_later,
};
pub(crate) use helpers::{
    GET, GREENLET, GROUP, LEFT_THREAD, LOADED_LOCAL, POOL, SPAWN_FRESH, THREADS, VALUE, assembled,
    complete, helper, helper_for, timeouts,
};
pub(crate) use inherited::{
    Making, bound_name, class_of_base, derived, is_init, making, methods_named, name_on_object,
};
pub(crate) use kept::{cleaned_up, kept, only_of, task_of, waits, waits_in};
pub(crate) use leaving::{exits, looks_on};
pub(crate) use links::{are_followed, is_only};
pub(crate) use locals::are_loaded;
pub(crate) use made::{calls_coloured, given_to, is_awaited};
pub(crate) use named::{awaited, awaited_there, named};
pub(crate) use needs::Needs;
pub(crate) use threads::Threads;
pub(crate) use values::{calls as kept_calls, followed, sleeping, slept};

use crate::context::{Context, View};

/// The place by which other changes require that a function becomes async, or that a module's body runs in an
/// event loop.
pub(crate) fn anchor(cx: &Context<'_>, func: FuncId) -> Place {
    let file = cx.program.function_file(func);
    let function = cx.program.function(func);
    let range = match function.kind {
        FunctionKind::Module => TextRange::empty(TextSize::new(0)),
        FunctionKind::Lambda => function.range,
        FunctionKind::Def => function.name_range,
    };
    Place { file, range }
}

/// Whether a function is async after the migration, or can't be and should.
pub(crate) fn is_coloured(cx: &Context<'_>, func: FuncId) -> bool {
    let facts = cx.facts();
    match facts.colour(func) {
        Colour::Becomes(_) => true,
        Colour::Outside(_) => false,
        _ => !facts.causes(func).is_empty(),
    }
}

/// The files with such functions.
fn coloured_files(cx: &Context<'_>) -> BTreeSet<FileId> {
    let coloured = cx.program.functions().filter(|func| is_coloured(cx, *func));
    coloured.map(|it| cx.program.function_file(it)).collect()
}

/// The views of those of them whose text holds one of the words.
pub(crate) fn coloured_views<'c>(
    cx: &Context<'c>,
    words: &[&str],
) -> impl Iterator<Item = &'c View<'c>> {
    let files = cx.once(coloured_files);
    cx.views_with_in(words, move |file| files.contains(&file))
}

/// Whether a function waits, and stays as it is, outside of the part that moves.
pub(crate) fn is_outside(cx: &Context<'_>, func: FuncId) -> bool {
    matches!(cx.facts().colour(func), Colour::Outside(_))
}

/// Whether a function waits, and stays sync behind a bridge.
pub(crate) fn is_behind(cx: &Context<'_>, func: FuncId) -> bool {
    matches!(cx.facts().colour(func), Colour::Behind(_))
}

/// What belongs to the event loop that there is when it is made, as all of asyncio's own did before Python 3.10, must be
/// made inside of one.
///
/// # Errors
/// Where it is not.
pub(crate) fn made_in_loop(cx: &Context<'_>, place: Place) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    if cx.settings.python_has(3, 10) || runs_in_loop(cx, cx.program.function_at(place), &mut seen) {
        return Ok(());
    }
    Err("before Python 3.10 it belongs to the event loop that there is when it is made, and there is none yet".to_owned())
}

fn runs_in_loop(cx: &Context<'_>, func: FuncId, seen: &mut BTreeSet<FuncId>) -> bool {
    if cx.program.function(func).kind == FunctionKind::Module {
        return false;
    }
    if is_coloured(cx, func) || !seen.insert(func) {
        return true;
    }
    let owners = callers(cx, func);
    !owners.is_empty()
        && owners
            .into_iter()
            .all(|owner| owner != FuncId::NONE && runs_in_loop(cx, owner, seen))
}

/// Whether what stands at a place runs when a module is imported.
pub(crate) fn is_made_at_import(cx: &Context<'_>, place: Place) -> bool {
    let mut seen = BTreeSet::new();
    let mut work = vec![cx.program.function_at(place)];
    while let Some(func) = work.pop() {
        if func == FuncId::NONE || is_coloured(cx, func) || !seen.insert(func) {
            continue;
        }
        if cx.program.function(func).kind == FunctionKind::Module {
            return true;
        }
        work.extend(callers(cx, func));
    }
    false
}

/// The functions that call a function; of `__init__` those that make an object.
fn callers(cx: &Context<'_>, func: FuncId) -> Vec<FuncId> {
    let sites = cx.callers.of(func).iter().map(|site| site.owner);
    let mut owners: Vec<FuncId> = sites.collect();
    if let Some(class) = cx.program.function(func).class
        && cx.program.qualified_name(func).ends_with(".__init__")
    {
        let makers = cx.once(makers);
        owners.extend(makers.get(&class).into_iter().flatten());
    }
    owners
}

/// The functions that make objects of a class, or of one that derives from it, by class.
fn makers(cx: &Context<'_>) -> FxHashMap<ClassId, Vec<FuncId>> {
    let flow = &cx.program.flow;
    let mut out: FxHashMap<ClassId, Vec<FuncId>> = FxHashMap::default();
    for (_, call) in cx.program.calls() {
        let mut classes: BTreeSet<ClassId> = BTreeSet::new();
        for value in flow.values_of(call.callee) {
            if let Value::Class(made) = value {
                classes.insert(made);
                classes.extend(flow.mro[made.0 as usize].iter().filter_map(|it| match it {
                    MroEntry::Class(base) => Some(*base),
                    MroEntry::External(_) => None,
                }));
            }
        }
        for class in classes {
            out.entry(class).or_default().push(call.owner);
        }
    }
    out
}

/// Who makes each call.
pub(crate) fn owners(cx: &Context<'_>) -> FxHashMap<Place, FuncId> {
    let calls = cx.program.calls();
    calls
        .map(|(file, call)| {
            let range = call.range;
            (Place { file, range }, call.owner)
        })
        .collect()
}

/// The function that is the body of a file.
pub(crate) fn body_of(cx: &Context<'_>, file: FileId) -> FuncId {
    cx.program.flow.linked.modules[file.0 as usize].body
}

/// As [`awaiting`], for rules that may find that it can't be awaited there.
#[allow(clippy::unnecessary_wraps, reason = "the callers pass on the reason")]
pub(crate) fn around_await(
    view: &View<'_>,
    expr: &Expr,
) -> Result<(&'static str, &'static str), String> {
    Ok(awaiting(view, expr))
}

/// The pieces around an expression that is awaited where it stands. `(await f()).x` needs brackets.
pub(crate) fn awaiting(view: &View<'_>, expr: &Expr) -> (&'static str, &'static str) {
    if needs_brackets(view, expr) {
        ("(await ", ")")
    } else {
        ("await ", "")
    }
}

/// Whether an `await` in the place of the expression has to stand in brackets, and does not yet.
fn needs_brackets(view: &View<'_>, expr: &Expr) -> bool {
    let range = expr.range();
    let binds_tighter = match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprAwait(_)) => true,
        Some(AnyNodeRef::ExprSubscript(it)) => it.value.range() == range,
        Some(AnyNodeRef::ExprCall(it)) => it.func.range() == range,
        _ => false,
    };
    let before = view.source[..range.start().to_usize()].ends_with('(');
    let after = view.source[range.end().to_usize()..].starts_with(')');
    binds_tighter && !(before && after)
}

/// The pieces of a replacement that may begin with `await`, in brackets where these are needed.
pub(crate) fn bracketed(view: &View<'_>, expr: &Expr, mut pieces: Vec<Piece>) -> Vec<Piece> {
    if awaits(&pieces) && needs_brackets(view, expr) {
        pieces.insert(0, "(".into());
        pieces.push(")".into());
    }
    pieces
}

/// Whether the text begins with `await`.
pub(crate) fn awaits(pieces: &[Piece]) -> bool {
    matches!(pieces.first(), Some(Piece::Text(text)) if text.starts_with("await "))
}

/// Whether the sockets of an API are those of eventlet; those of the standard library are, where eventlet patches it.
pub(crate) fn is_of_eventlet(cx: &Context<'_>, api: &str) -> bool {
    match crate::recipe::root(api) {
        "eventlet" => true,
        "gevent" => false,
        _ => cx.uses.iter().any(|it| it.api.starts_with("eventlet.")),
    }
}
