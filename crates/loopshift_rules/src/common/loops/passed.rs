//! Event loops that functions are given: `main(loop)`. A function that only runs while the loop does asks for it instead.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt, StmtFunctionDef};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::LoopObjects;
use crate::common::arguments::without;
use crate::context::{Context, View};
use crate::rules::anyio_loop::runs_in_the_loop;

/// Whether the call is one of functions and classes of the program only, so that it can be given one argument less.
pub(super) fn is_of_ours(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let mut callees = cx.program.values_at(view.place(&*call.func)).peekable();
    callees.peek().is_some()
        && callees.all(|it| matches!(it, Value::Func(_) | Value::Bound(..) | Value::Class(_)))
}

/// Adds what lets functions ask for the loop that runs where they were given one.
///
/// # Errors
/// Why some can't.
pub(crate) fn ask(
    cx: &Context<'_>,
    objects: &LoopObjects,
    change: &mut Change,
) -> Result<(), String> {
    let mut given: BTreeSet<Place> = BTreeSet::new();
    for param in &objects.params {
        let view = cx.view(param.file).ok_or("the file can't be edited")?;
        let mut around = view.tree.around(param.range);
        let def = around.find_map(|node| match node {
            AnyNodeRef::StmtFunctionDef(def) => Some(def),
            _ => None,
        });
        let def = def.ok_or("the event loop is passed on to a lambda")?;
        asks_itself(cx, view, def, param.range, change)?;
        given.extend(callers_give(cx, objects, view, def, param.range, change)?);
    }
    if objects.passed.iter().all(|it| given.contains(it)) {
        Ok(())
    } else {
        Err("the event loop is passed on".to_owned())
    }
}

/// Takes the parameter away, and asks for the loop at the start of the function.
fn asks_itself(
    cx: &Context<'_>,
    view: &View<'_>,
    def: &StmtFunctionDef,
    param: TextRange,
    change: &mut Change,
) -> Result<(), String> {
    let name = view.text(param);
    let parameters = &def.parameters;
    let plain = parameters
        .args
        .iter()
        .any(|it| it.parameter.name.range() == param)
        && parameters.posonlyargs.is_empty();
    let is_text =
        |stmt: &&Stmt| !matches!(stmt, Stmt::Expr(it) if it.value.is_string_literal_expr());
    let first = def
        .body
        .iter()
        .find(is_text)
        .ok_or("the function does nothing")?;
    let before = view.text(TextRange::new(def.start(), first.start()));
    let begins_line = before
        .rsplit('\n')
        .next()
        .is_some_and(|it| it.trim().is_empty());
    if !plain || !begins_line || !def.decorator_list.is_empty() {
        return Err(format!("`{}` can't lose the parameter `{name}`", def.name));
    }
    if !def.is_async && !runs_in_the_loop(cx, view.place(first)) {
        return Err(format!(
            "`{}` is given an event loop that may not run",
            def.name
        ));
    }
    let ranges = || parameters.iter().map(|it| it.range());
    let own = ranges()
        .find(|it| it.contains_range(param))
        .unwrap_or(param);
    let after = ranges().map(TextRange::start).find(|it| *it >= own.end());
    let end_before = ranges()
        .map(TextRange::end)
        .filter(|it| *it <= own.start())
        .max();
    let gone = match (end_before, after) {
        (_, Some(after)) => TextRange::new(own.start(), after),
        (Some(before), None) => TextRange::new(before, own.end()),
        (None, None) => own,
    };
    if view.text(gone).contains(['#', '*']) {
        return Err("a comment stands between the parameters".to_owned());
    }
    change.edits.push((view.file, Edit::delete(gone)));
    let mut line: Vec<Piece> = vec![format!("{name} = ").into()];
    line.extend(pieces("{@asyncio}.get_running_loop()\n", &[]));
    let range = TextRange::empty(first.start());
    let edit = Edit::Replace {
        range,
        pieces: line,
    };
    change.edits.push((view.file, edit));
    Ok(())
}

/// Takes the argument away from every call of the function; gives the arguments.
fn callers_give(
    cx: &Context<'_>,
    objects: &LoopObjects,
    view: &View<'_>,
    def: &StmtFunctionDef,
    param: TextRange,
    change: &mut Change,
) -> Result<Vec<Place>, String> {
    let name = view.text(param);
    let unknown = || format!("not every call of `{}` is known", def.name);
    let body = def.body.first().ok_or_else(unknown)?;
    let function = cx.program.function_at(view.place(body));
    let sites = cx.callers.of(function);
    if cx.callers.is_handed_over(function) || sites.is_empty() {
        return Err(unknown());
    }
    let mut at = (def.parameters.args.iter())
        .position(|it| it.parameter.name.range() == param)
        .ok_or_else(unknown)?;
    if cx.program.function(function).class.is_some() {
        // Its object comes first.
        at = at.checked_sub(1).ok_or_else(unknown)?;
    }
    let mut given: Vec<Place> = Vec::new();
    for site in sites {
        let other = cx.view(site.place.file).ok_or_else(unknown)?;
        let Some(Expr::Call(call)) = other.tree.expr_at(site.place.range) else {
            return Err(unknown());
        };
        let arguments = &call.arguments;
        let is_open = arguments.args.iter().any(Expr::is_starred_expr)
            || arguments.keywords.iter().any(|it| it.arg.is_none());
        if !site.only || is_open {
            return Err(unknown());
        }
        let keyword = arguments.find_keyword(name);
        let (value, whole) = match (arguments.args.get(at), keyword) {
            (Some(arg), None) => (arg.range(), arg.range()),
            (None, Some(keyword)) => (keyword.value.range(), keyword.range()),
            _ => return Err(unknown()),
        };
        let value = other.place(value);
        if !objects.passed.contains(&value) {
            return Err(unknown());
        }
        if !given.contains(&value) {
            let gone =
                without(other, call, whole).ok_or("a comment stands beside the event loop")?;
            change.edits.push((other.file, Edit::delete(gone)));
            given.push(value);
        }
    }
    Ok(given)
}
