//! Where the program starts: code of a module that waits, or starts tasks, runs in an event loop.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt, StmtIf, StmtTry};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::inherited::methods_named;
use super::logs::quiet;
use super::{are_loaded, helper, is_greenlet};
use crate::catalog::Kind;
use crate::context::{Context, View};
use crate::entries::at_exit;
use crate::rules::green_spawn::{WAKING, acts_at_end, ends_first};
use crate::rules::green_thread::are_left;

/// How the body of a module is put into an event loop.
pub(crate) struct Entry {
    /// What is edited.
    pub edits: Vec<Edit>,
    /// The call that becomes an argument of `asyncio.run`, and is not awaited.
    pub run: Option<Place>,
}

/// The names that the new function may get.
const NAMES: &[&str] = &["main", "_main", "run_main", "async_main", "_async_main"];

/// Puts the code of a module that needs an event loop into one. `places` are the calls that need it, `waits` those
/// of them that are of functions that become async.
///
/// # Errors
/// Why that can't be done.
pub(crate) fn entry(
    cx: &Context<'_>,
    view: &View<'_>,
    places: &BTreeSet<Place>,
    waits: &BTreeSet<Place>,
) -> Result<Entry, String> {
    let body = &view.parsed.syntax().body;
    let holds = |stmt: &Stmt| {
        let mut places = places.iter();
        places.any(|place| stmt.range().contains_range(place.range))
    };
    for place in places {
        let in_class = view
            .tree
            .around(place.range)
            .any(|node| node.is_stmt_class_def());
        if in_class {
            return Err("the body of a class can't wait".to_owned());
        }
    }
    let suite: &[Stmt] = match body.iter().filter(|stmt| holds(stmt)).collect::<Vec<_>>()[..] {
        [Stmt::If(guard)] if is_guard(guard) && !in_test_or_else(guard, places) => {
            let mut behind = body.iter().filter(|stmt| stmt.start() > guard.end());
            if let Some(stmt) = behind.find(|stmt| asks(cx, view, stmt)) {
                let line = cx.program.line(view.place(stmt));
                return Err(format!(
                    "line {line} asks green threads how they are when the event loop has ended, and its tasks with it"
                ));
            }
            &guard.body
        }
        _ => {
            let first = body.iter().position(holds);
            // What ends the program leaves no time for the handlers of tasks that are left. Threads are waited for at its
            // very end, and what tasks do when they are cancelled is not to be seen before.
            let to_the_end = *cx.once(are_left) || *cx.once(acts_at_end);
            let asks = |stmt: &Stmt| asks(cx, view, stmt);
            let last = body.iter().rposition(|stmt| {
                holds(stmt) || to_the_end || exits_at_once(view, stmt) || asks(stmt)
            });
            let (Some(first), Some(last)) = (first, last) else {
                return Err("the code that needs an event loop was not found".to_owned());
            };
            &body[first..=last]
        }
    };
    if let Some(entry) = in_place(cx, view, suite, places, waits) {
        return Ok(entry);
    }
    wrap(cx, view, suite)
}

/// Whether `os._exit` is called in a statement of the module.
fn exits_at_once(view: &View<'_>, stmt: &Stmt) -> bool {
    let mut nodes = view.tree.nodes_within(stmt.range());
    !stmt.is_function_def_stmt()
        && !stmt.is_class_def_stmt()
        && nodes.any(|node| match node {
            AnyNodeRef::ExprAttribute(it) => it.attr.as_str() == "_exit",
            _ => false,
        })
}

/// Whether a statement of the module asks objects of the library how they are, itself or by a function or an object that
/// it names: what the event loop cancels at its end would have ended there.
fn asks(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    if matches!(
        stmt,
        Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::Import(_) | Stmt::ImportFrom(_)
    ) || wakes(cx, view, stmt)
    {
        return false;
    }
    let asking = cx.once(asking);
    let mut nodes = view.tree.nodes_within(stmt.range());
    nodes.any(|node| {
        let range = match node {
            AnyNodeRef::ExprName(it) => it.range(),
            AnyNodeRef::ExprAttribute(it) => {
                let mut objects = cx.program.values_at(view.place(&*it.value));
                if objects.any(|value| calls_method(cx, value, &asking, |name| name == &*it.attr)) {
                    return true;
                }
                it.range()
            }
            AnyNodeRef::ExprCall(it) => it.range(),
            _ => return false,
        };
        let mut values = cx.program.values_at(view.place(range));
        values.any(|value| {
            is_green(cx, value)
                || value.function().is_some_and(|func| asking.contains(&func))
                || calls_method(cx, value, &asking, is_operator)
        })
    })
}

/// Whether the language calls a method of such a name for an operator, a loop, a text.
fn is_operator(name: &str) -> bool {
    name.starts_with("__") && !matches!(name, "__init__" | "__new__")
}

/// Whether a statement does nothing but wake what waits for an object of the library. At the end of the program that never runs
/// any more, and in an event loop that is about to end it would.
fn wakes(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    let Stmt::Expr(it) = stmt else { return false };
    let Expr::Call(call) = &*it.value else {
        return false;
    };
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    let mut woken = cx.program.values_at(view.place(&*method.value));
    WAKING.contains(&method.attr.as_str()) && woken.any(|value| is_green(cx, value))
}

/// The functions that use objects of the library, or get to such a function.
fn asking(cx: &Context<'_>) -> BTreeSet<FuncId> {
    let is_asked = |use_: &&Use| {
        let row = cx.catalog.get(&use_.api);
        let is_member = row.is_some_and(|row| matches!(row.kind, Kind::Method | Kind::Property));
        is_member && cx.recipe.moves(&use_.api)
    };
    let uses = cx.uses.iter().filter(is_asked);
    let mut work: Vec<_> = uses.map(|it| cx.program.function_at(it.place)).collect();
    let mut out = BTreeSet::new();
    while let Some(func) = work.pop() {
        let is_body = cx.program.function(func).kind == FunctionKind::Module;
        if is_body || !out.insert(func) {
            continue;
        }
        let written = cx.callers.of(func).iter().map(|site| site.owner);
        let by_language = cx.callers.by_language(func).iter().copied();
        work.extend(
            written
                .chain(by_language)
                .filter(|func| *func != FuncId::NONE),
        );
    }
    out
}

/// Whether an object has a method among the functions, of a name for which `is_called` holds.
fn calls_method(
    cx: &Context<'_>,
    value: Value,
    functions: &BTreeSet<FuncId>,
    is_called: impl Fn(&str) -> bool,
) -> bool {
    let Value::Instance(class) = value else {
        return false;
    };
    let mut methods = methods_named(cx, class, is_called).into_iter();
    methods.any(|method| functions.contains(&method))
}

/// Whether what runs at exit, behind the end of the event loop, may find tasks cancelled where green threads would just have
/// stopped: by what they did then, or by asking them.
pub(crate) fn shows_at_exit(cx: &Context<'_>) -> bool {
    let asks = || {
        let asking = cx.once(asking);
        let mut registered = at_exit(cx.program).into_iter();
        registered.any(|func| asking.contains(&func))
    };
    cx.mentions("atexit") && (*cx.once(acts_at_end) || asks())
}

/// Whether a value is an object of the library, or of a class that derives from one.
fn is_green(cx: &Context<'_>, value: Value) -> bool {
    match value {
        Value::Object(class, _) => cx.recipe.moves(cx.program.flow.text(class)),
        value => is_greenlet(cx, value),
    }
}

/// `if __name__ == "__main__":`
pub(crate) fn is_guard(guard: &StmtIf) -> bool {
    let Expr::Compare(compare) = &*guard.test else {
        return false;
    };
    let is_name = |expr: &Expr| matches!(expr, Expr::Name(it) if it.id.as_str() == "__name__");
    let is_main = |expr: &Expr| match expr {
        Expr::StringLiteral(it) => it.value.to_str() == "__main__",
        _ => false,
    };
    match &compare.comparators[..] {
        [right] => {
            (is_name(&compare.left) && is_main(right)) || (is_main(&compare.left) && is_name(right))
        }
        _ => false,
    }
}

fn in_test_or_else(guard: &StmtIf, places: &BTreeSet<Place>) -> bool {
    let first = guard.body.first().map_or(guard.end(), Ranged::start);
    let last = guard.body.last().map_or(guard.end(), Ranged::end);
    let body = TextRange::new(first, last);
    places.iter().any(|place| !body.contains_range(place.range))
}

/// One call of a function that becomes async, and nothing else: `asyncio.run(main())`.
fn in_place(
    cx: &Context<'_>,
    view: &View<'_>,
    suite: &[Stmt],
    places: &BTreeSet<Place>,
    waits: &BTreeSet<Place>,
) -> Option<Entry> {
    let (Some(place), 1, 1) = (waits.first(), waits.len(), places.len()) else {
        return None;
    };
    let [mut stmt] = suite.iter().collect::<Vec<_>>()[..] else {
        return None;
    };
    let call = view.tree.expr_at(place.range)?;
    // What raises in the loop is raised behind it, too.
    while let Stmt::Try(it) = stmt {
        if *cx.once(acts_at_end) && !handles_interrupt(it) {
            return None;
        }
        let mut holds = it.body.iter();
        stmt = holds.find(|stmt| stmt.range().contains_range(call.range()))?;
    }
    let value = match stmt {
        Stmt::Expr(it) => &*it.value,
        Stmt::Assign(it) => &*it.value,
        _ => return None,
    };
    // `sys.exit(main())` and `raise SystemExit(main())` wait for nothing else.
    let direct = value.range() == call.range()
        || matches!(value, Expr::Call(outer) if outer.arguments.args.iter().any(|it| it.range() == call.range()));
    let beside = matches!(value, Expr::Call(outer) if value.range() != call.range() && outer.arguments.len() > 1);
    if !direct || (beside && *cx.once(acts_at_end)) {
        return None;
    }
    let (before, after) = around_run(cx);
    let mut edits = vec![
        Edit::Replace {
            range: TextRange::empty(call.start()),
            pieces: before,
        },
        Edit::insert(call.end(), after, &[]),
    ];
    if let Some(mut line) = quiet(cx, view, None) {
        line.push(if begins_line(view, stmt) { "\n" } else { "; " }.into());
        edits.push(Edit::Replace {
            range: TextRange::empty(stmt.start()),
            pieces: line,
        });
    }
    Some(Entry {
        edits,
        run: Some(*place),
    })
}

/// Whether nothing stands before a statement on its line.
fn begins_line(view: &View<'_>, stmt: &Stmt) -> bool {
    let above = &view.source[..stmt.start().to_usize()];
    above
        .rsplit('\n')
        .next()
        .is_some_and(|it| it.trim().is_empty())
}

/// Whether a handler is for Ctrl-C, which an event loop raises behind its end.
fn handles_interrupt(stmt: &StmtTry) -> bool {
    let is_interrupt =
        |class: &Expr| matches!(class, Expr::Name(it) if it.id.as_str() == "KeyboardInterrupt");
    stmt.handlers.iter().any(|handler| {
        let ExceptHandler::ExceptHandler(handler) = handler;
        match handler.type_.as_deref() {
            Some(Expr::Tuple(it)) => it.elts.iter().any(is_interrupt),
            Some(class) => is_interrupt(class),
            None => true,
        }
    })
}

/// The call that runs a coroutine as the program's main task.
pub(crate) fn run(cx: &Context<'_>, coroutine: String) -> Vec<Piece> {
    let (mut pieces, after) = around_run(cx);
    pieces.extend([coroutine.into(), after.into()]);
    pieces
}

fn around_run(cx: &Context<'_>) -> (Vec<Piece>, &'static str) {
    let wanted = [
        ("dropping", *cx.once(ends_first)),
        ("as_main", *cx.once(are_loaded)),
        ("to_the_end", *cx.once(are_left)),
    ];
    let mut before = pieces("{@asyncio}.run(", &[]);
    let mut after = "))))";
    for (name, is_wanted) in wanted {
        match helper(name).filter(|_| is_wanted) {
            Some(helper) => before.extend([Piece::Helper(helper), "(".into()]),
            None => after = &after[1..],
        }
    }
    (before, after)
}

/// A name for a main function.
pub(crate) fn main_name(view: &View<'_>) -> Option<&'static str> {
    NAMES.iter().copied().find(|name| view.is_fresh(name))
}

/// All statements into `async def main():`.
fn wrap(cx: &Context<'_>, view: &View<'_>, suite: &[Stmt]) -> Result<Entry, String> {
    let (Some(first), Some(last)) = (suite.first(), suite.last()) else {
        return Err("there is no statement to put into a function".to_owned());
    };
    let range = TextRange::new(first.start(), last.end());
    let name = main_name(view).ok_or("all names for a main function are taken")?;
    let shared = shared_names(view, range);
    // As after every function of a module.
    let inside = |node: AnyNodeRef| node.range() != range && node.is_stmt_if();
    let mut after = vec![run(cx, format!("{name}()"))];
    if let Some(line) = quiet(cx, view, Some(range)) {
        after.insert(0, line);
    }
    let mut before = Vec::new();
    if !view.tree.around(range).any(inside) {
        after[0].insert(0, "\n\n".into());
        before.resize(blank_lines(view, range), Vec::new());
    }
    let mut edits = vec![Edit::Wrap(Wrap {
        range,
        before,
        header: vec![format!("async def {name}():").into()],
        last: Vec::new(),
        after,
    })];
    if !shared.is_empty() {
        let line = format!("global {}\n", shared.join(", "));
        edits.push(Edit::insert(first.start(), "{0}", &[line.into()]));
    }
    Ok(Entry { edits, run: None })
}

/// How many blank lines are missing before a function that begins there: a comment above it belongs to it.
pub(crate) fn blank_lines(view: &View<'_>, range: TextRange) -> usize {
    let above = &view.source[..range.start().to_usize()];
    let mut lines = above.lines().rev().map(str::trim);
    match (lines.next(), lines.next()) {
        (None, _) => 0,
        (Some(line), _) if line.starts_with('#') => 0,
        (Some(""), None | Some("")) => 0,
        (Some(""), Some(_)) => 1,
        (Some(_), _) => 2,
    }
}

/// Names of the module that are bound in the range and read outside of it: they must stay names of the module.
fn shared_names(view: &View<'_>, range: TextRange) -> Vec<String> {
    let module = &view.scopes.scopes[0];
    let mut names: Vec<String> = Vec::new();
    let looked_up = view.scopes.is_used_anywhere("globals") || view.scopes.is_used_anywhere("vars");
    for (name, bindings) in &module.bindings {
        let inside = bindings
            .iter()
            .any(|binding| range.contains_range(binding.range));
        if !inside {
            continue;
        }
        let outside = looked_up
            || bindings
                .iter()
                .any(|binding| !range.contains_range(binding.range))
            || view.scopes.references.iter().any(|reference| {
                reference.name == *name
                    && view.scopes.resolve(name, reference.scope) == Some(0)
                    && !range.contains_range(reference.range)
            });
        if outside {
            names.push((*name).to_owned());
        }
    }
    names.sort();
    names
}
