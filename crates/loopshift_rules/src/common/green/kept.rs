//! Members of objects that keep their methods: a call that waits is awaited, the rest stays as it is.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, ExprCall};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::{anchor, around_await, is_coloured};
use crate::catalog::Api;
use crate::context::{Context, View};
use crate::recipe::is_cooperative;

/// Whether calling it lets other green threads run.
pub(crate) fn waits(api: &Api) -> bool {
    api.suspends || is_cooperative(api)
}

/// Whether the program's objects of a class are moved, and a method of theirs waits: of the standard library's where the
/// program has patched that.
pub(crate) fn waits_in(cx: &Context<'_>, class: &str, method: &Api) -> bool {
    let is_patched = || *cx.once(|cx| cx.recipe.moves_patched(cx.program, cx.catalog));
    if cx.recipe.moves(class) {
        method.suspends
    } else {
        is_cooperative(method) && is_patched()
    }
}

/// The change of a member whose object is what the rule moves.
///
/// # Errors
/// Why it stays, in words for the user.
pub(crate) fn kept(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
    rule: &'static str,
) -> Result<Change, String> {
    if let Some(why_not) = api.why_not.as_deref() {
        return Err(why_not.to_owned());
    }
    let Some(Expr::Attribute(attribute)) = view.tree.expr_at(use_.place.range) else {
        return Err("it is no attribute".to_owned());
    };
    only_of(cx, view, attribute, rule)?;
    let name = &attribute.attr;
    let message = format!("`{name}` stays");
    let mut change = Change::new(rule, use_.place, &*use_.api, message);
    let stays = Edit::replace(name.range(), "{0}", &[name.range().into()]);
    if !waits(api) || task_of(cx, view, attribute).is_some() {
        change.edit(stays);
        return Ok(change);
    }
    let Some(call) = view.call_of(use_.place.range) else {
        let (cleanup, test) =
            after_test(cx, view, attribute).ok_or("it is passed on as a function")?;
        change.requires.push(anchor(cx, test));
        change.message = format!("`{name}` is awaited after the test");
        change.edit(stays);
        change.edit(Edit::replace(cleanup, "addAsyncCleanup", &[]));
        return Ok(change);
    };
    let owner = owners
        .get(&view.place(call))
        .ok_or("the function that waits was not found")?;
    change.message = format!("`{name}` is awaited");
    change.requires.push(anchor(cx, *owner));
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    let (before, after) = around_await(view, expr)?;
    change.edit(Edit::insert(call.start(), before, &[]));
    if !after.is_empty() {
        change.edit(Edit::insert(call.end(), after, &[]));
    }
    Ok(change)
}

/// `self.addCleanup(thread.kill)` of a test case becomes `self.addAsyncCleanup(_kill, thread)`.
///
/// # Errors
/// Where the method is passed on in another way, in words.
pub(crate) fn cleaned_up(
    cx: &Context<'_>,
    view: &View<'_>,
    method: &ExprAttribute,
    helper: Option<&'static Helper>,
    change: &mut Change,
) -> Result<(), String> {
    let (cleanup, test) = after_test(cx, view, method).ok_or("it is passed on as a function")?;
    let helper = Piece::Helper(helper.ok_or("a helper is missing")?);
    change.requires.push(anchor(cx, test));
    change.edit(Edit::replace(cleanup, "addAsyncCleanup", &[]));
    change.edit(Edit::replace(
        method.range(),
        "{0}, {1}",
        &[helper, method.value.range().into()],
    ));
    Ok(())
}

/// The name `addCleanup` where a test case is given the expression to call after a test, and what makes the case async.
pub(crate) fn after_test(
    cx: &Context<'_>,
    view: &View<'_>,
    function: &ExprAttribute,
) -> Option<(TextRange, FuncId)> {
    let Some(AnyNodeRef::Arguments(arguments)) = view.tree.parent(function) else {
        return None;
    };
    let Some(AnyNodeRef::ExprCall(call)) = view.tree.parent(arguments) else {
        return None;
    };
    let is_first = call.arguments.args.first().map(Ranged::range) == Some(function.range());
    let Expr::Attribute(callee) = &*call.func else {
        return None;
    };
    let adds = cx.api_of(view, &call.func) == Some("unittest.TestCase.addCleanup");
    let owner = cx.program.function_at(view.place(call));
    let methods = cx.program.methods(cx.program.function(owner).class?);
    let test = methods.iter().find(|func| is_coloured(cx, **func))?;
    (is_first && adds).then(|| (callee.attr.range(), *test))
}

/// Whether an attribute is a member of objects that the rule moves, and of nothing else.
///
/// # Errors
/// Where it may be something else, in words.
pub(crate) fn only_of(
    cx: &Context<'_>,
    view: &View<'_>,
    attribute: &ExprAttribute,
    rule: &str,
) -> Result<(), String> {
    let mut values = cx.program.values_at(view.place(attribute));
    let all = values.all(|value| match value {
        Value::ExternalBound(sym, _) | Value::External(sym) => {
            let row = cx.catalog.get(cx.program.flow.text(sym));
            row.is_some_and(|api| api.rule.as_deref() == Some(rule))
        }
        Value::Bound(..) | Value::Func(_) => false,
        // What a property gives.
        _ => true,
    });
    if all {
        Ok(())
    } else {
        Err("it may be a member of something else".to_owned())
    }
}

/// The call that is given an expression, by its first argument, to run as a task: it takes coroutine functions.
pub(crate) fn task_of<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    function: impl Into<AnyNodeRef<'v>>,
) -> Option<&'v ExprCall> {
    let Some(AnyNodeRef::Arguments(arguments)) = view.tree.parent(function) else {
        return None;
    };
    let call = view.tree.call_around(arguments)?;
    let row = cx.catalog.get(cx.api_of(view, &call.func)?)?;
    (row.spawns && cx.recipe.moves(&row.name)).then_some(call)
}
