//! The current task's name; what is asked about tasks beside that has no counterpart that is the same everywhere.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, ExprCall};
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};

const RULE: &str = "anyio-introspection";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, _, view) in cx.uses_for(RULE) {
        let planned = match use_.api.as_str() {
            "asyncio.current_task" => current_task(cx, use_, view),
            _ => Err(
                "AnyIO's `get_running_tasks` gives no tasks to cancel or to wait for, and on trio it gives those of \
                 trio itself, too"
                    .to_owned(),
            ),
        };
        changes.push(
            planned.unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

/// `asyncio.current_task().get_name()`, at once or by a variable of the function.
fn current_task(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    if !use_.only || !view.is_direct(&call.func) || !call.arguments.is_empty() {
        return Err("it is not known which task is meant".to_owned());
    }
    let mut change = Change::new(
        RULE,
        use_.place,
        &*use_.api,
        "the current task is known by `anyio.get_current_task`",
    );
    change.edit(Edit::replace(
        call.func.range(),
        "{@anyio}.get_current_task",
        &[],
    ));
    let reads = match view.tree.parent(call) {
        Some(AnyNodeRef::ExprAttribute(_)) => vec![call.range()],
        Some(AnyNodeRef::StmtAssign(assign)) => variable(view, assign)
            .ok_or("the task is kept where more than its name may be asked of it")?,
        _ => return Err("the task itself is used, of which AnyIO shows only the name".to_owned()),
    };
    for range in reads {
        let (member, edits) = name_of(view, range)
            .ok_or("more than its name is asked of the task, and AnyIO shows only that")?;
        change.covers.push(view.place(member));
        for edit in edits {
            change.edit(edit);
        }
    }
    if !is_named(cx, view.place(call)) {
        change.caveat("a task that was given no name is called by its function, and not `Task-1`");
    }
    Ok(change)
}

/// The reads of the variable that an assignment binds, where it is the only one.
fn variable(view: &View<'_>, assign: &loopshift_python::ast::StmtAssign) -> Option<Vec<TextRange>> {
    let [loopshift_python::ast::Expr::Name(name)] = assign.targets.as_slice() else {
        return None;
    };
    let id = name.id.as_str();
    let scope = view.scopes.resolve(id, view.scopes.at(name.start()))?;
    if view.scopes.scopes[scope].bindings.get(id)?.len() != 1 {
        return None;
    }
    Some(
        view.scopes
            .references
            .iter()
            .filter(|it| it.name == id && view.scopes.resolve(id, it.scope) == Some(scope))
            .map(|it| it.range)
            .collect(),
    )
}

/// `.get_name()` behind an expression: the attribute, and the edits that make it `.name`.
fn name_of(view: &View<'_>, range: TextRange) -> Option<(TextRange, Vec<Edit>)> {
    let expr = view.tree.expr_at(range)?;
    let AnyNodeRef::ExprAttribute(attribute) = view.tree.parent(expr)? else {
        return None;
    };
    let call: &ExprCall = view.call_of(attribute.range())?;
    if attribute.attr.as_str() != "get_name" || !call.arguments.is_empty() {
        return None;
    }
    let edits = vec![
        Edit::replace(attribute.attr.range(), "name", &[]),
        Edit::delete(call.arguments.range()),
    ];
    Some((attribute.range(), edits))
}

/// Whether the function at a place only runs as a task that was given a name.
fn is_named(cx: &Context<'_>, place: Place) -> bool {
    let sites = cx.callers.of(cx.program.function_at(place));
    !sites.is_empty()
        && sites.iter().all(|site| {
            let Some(view) = cx.view(site.place.file) else {
                return false;
            };
            let Some(expr) = view.tree.expr_at(site.place.range) else {
                return false;
            };
            let spawn = view.tree.call_around(expr);
            spawn.is_some_and(|spawn| {
                let named = spawn
                    .arguments
                    .keywords
                    .iter()
                    .any(|keyword| keyword.arg.as_ref().is_some_and(|name| name == "name"));
                let first = spawn.arguments.args.first().map(Ranged::range);
                named
                    && first == Some(site.place.range)
                    && matches!(
                        cx.api_of(view, &spawn.func),
                        Some(
                            "asyncio.create_task"
                                | "asyncio.TaskGroup.create_task"
                                | "asyncio.AbstractEventLoop.create_task"
                        )
                    )
            })
        })
}
