//! Objects that hold tasks between `__aenter__` and `__aexit__`: they hold the task group, too.

use loopshift_engine::change::Change;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::ast::{AnyNodeRef, Stmt, StmtClassDef, StmtFunctionDef, StmtReturn};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::entered;
use super::suites::each;
use crate::common::code::definition;
use crate::context::{Context, View};

/// The two methods of a class that holds tasks.
pub(super) struct Host<'c> {
    view: &'c View<'c>,
    enter: &'c StmtFunctionDef,
    exit: &'c StmtFunctionDef,
    /// How many statements of `__aenter__` go into the block.
    inside: usize,
    /// The last statement of `__aenter__`, where it gives something that is found out in the block.
    given: Option<&'c StmtReturn>,
}

/// Whether the function is the `__aenter__` of a class.
pub(super) fn is_entering(cx: &Context<'_>, function: FuncId) -> bool {
    definition(cx, function).is_some_and(|(_, def)| def.name.as_str() == "__aenter__")
}

/// That an object with this `__aenter__` can hold a group.
///
/// # Errors
/// Why it can't.
pub(super) fn check(cx: &Context<'_>, function: FuncId) -> Result<(), String> {
    find(cx, function).map(|_| ())
}

/// Whether the function is an `__aenter__` whose object can hold a group.
pub(super) fn is_host(cx: &Context<'_>, function: FuncId) -> bool {
    is_entering(cx, function) && check(cx, function).is_ok()
}

fn find<'c>(cx: &Context<'c>, function: FuncId) -> Result<Host<'c>, String> {
    let (view, enter) = definition(cx, function).ok_or("`__aenter__` is not seen")?;
    let class: &StmtClassDef = view
        .tree
        .ancestors(enter)
        .find_map(|node| match node {
            AnyNodeRef::StmtClassDef(class) => Some(class),
            _ => None,
        })
        .ok_or("`__aenter__` stands in no class")?;
    let exit = class
        .body
        .iter()
        .find_map(|stmt| match stmt {
            Stmt::FunctionDef(def) if def.name.as_str() == "__aexit__" && def.is_async => Some(def),
            _ => None,
        })
        .ok_or("the class has no `__aexit__` of its own")?;
    let (inside, given) = match enter.body.last() {
        Some(Stmt::Return(it)) if it.value.as_ref().is_none_or(|value| value.is_name_expr()) => {
            (enter.body.len() - 1, None)
        }
        Some(Stmt::Return(it)) => (enter.body.len() - 1, Some(it)),
        None => return Err("`__aenter__` does nothing".to_owned()),
        Some(_) => (enter.body.len(), None),
    };
    let mut leaves = false;
    each(&enter.body[..inside], &mut |stmt| {
        leaves |= stmt.is_return_stmt();
    });
    if leaves || inside == 0 {
        return Err("`__aenter__` returns before its end".to_owned());
    }
    if !enter.is_async || enter.parameters.is_empty() || exit.parameters.is_empty() {
        return Err("`__aenter__` takes no object".to_owned());
    }
    if is_overridden(cx, function) {
        return Err(
            "a class that derives from it has an `__aenter__` or `__aexit__` of its own".to_owned(),
        );
    }
    let class = cx.program.function(function).class;
    if class.is_none_or(|class| entered::is_shared(cx, class)) {
        return Err(
            "another task may enter the object while it is entered, and it can hold one task group"
                .to_owned(),
        );
    }
    Ok(Host {
        view,
        enter,
        exit,
        inside,
        given,
    })
}

/// Whether objects of the class may be entered or left by other methods.
fn is_overridden(cx: &Context<'_>, enter: FuncId) -> bool {
    let Some(class) = cx.program.function(enter).class else {
        return true;
    };
    let names = |other: ClassId| {
        let methods = cx.program.methods(other).iter();
        methods.map(|it| cx.program.function(*it).name())
    };
    let mros = cx.program.flow.mro.iter().zip(0..);
    mros.filter(|(mro, _)| mro.contains(&MroEntry::Class(class)))
        .map(|(_, index)| ClassId(index))
        .any(|other| {
            other != class && names(other).any(|it| matches!(it, "__aenter__" | "__aexit__"))
        })
}

/// Enters the group in `__aenter__`, and leaves it in `__aexit__`.
///
/// # Errors
/// Why there is no form.
pub(super) fn edit(
    cx: &Context<'_>,
    change: &mut Change,
    function: FuncId,
    group: &str,
) -> Result<(), String> {
    let host = find(cx, function)?;
    let view = host.view;
    let end = host.inside + usize::from(host.given.is_some());
    let stmts = without_docstring(&host.enter.body[..end]);
    let (Some(first), Some(last)) = (stmts.first(), stmts.last()) else {
        return Err("`__aenter__` is empty".to_owned());
    };
    let owner = |def: &StmtFunctionDef| {
        def.parameters
            .iter()
            .next()
            .map(|it| it.name().as_str().to_owned())
            .unwrap_or_default()
    };
    let scope = view.scopes.at(first.start());
    let stack = view.scopes.fresh_name(scope, "stack");
    let attribute = ["_stack", "_task_stack", "_task_group_stack"]
        .into_iter()
        .find(|name| !view.source.contains(&format!(".{name}")))
        .ok_or("there is no free name for the group")?;
    let stack_piece = Piece::from(stack.clone());
    let group_piece = Piece::from(group.to_owned());
    let mut after = Vec::new();
    if let Some((given, value)) = host.given.and_then(|it| Some((it, it.value.as_deref()?))) {
        let result = view.scopes.fresh_name(scope, "result");
        after.push(vec![Piece::from(format!("return {result}"))]);
        let range = TextRange::new(given.start(), value.start());
        let bind = vec![Piece::from(format!("{result} = "))];
        change.edits.push((
            view.file,
            Edit::Replace {
                range,
                pieces: bind,
            },
        ));
    }
    change.edits.push((
        view.file,
        Edit::Wrap(Wrap {
            range: TextRange::new(first.start(), last.end()),
            before: Vec::new(),
            header: pieces(
                "async with {@contextlib:AsyncExitStack}() as {0}:",
                std::slice::from_ref(&stack_piece),
            ),
            last: vec![vec![Piece::from(format!(
                "{}.{attribute} = {stack}.pop_all()",
                owner(host.enter)
            ))]],
            after,
        }),
    ));
    change.edits.push((
        view.file,
        Edit::insert(
            first.start(),
            "{1} = await {0}.enter_async_context({@anyio}.create_task_group())\n{0}.callback({1}.cancel_scope.cancel)\n",
            &[stack_piece, group_piece],
        ),
    ));
    // What the tasks raise does not come here, and what the block raised is no concern of the group.
    let close = format!("await {}.{attribute}.aclose()", owner(host.exit));
    let body = without_docstring(&host.exit.body);
    let (Some(first), Some(last)) = (body.first(), body.last()) else {
        return Err("`__aexit__` does nothing".to_owned());
    };
    let edit = if goes_through(view, body) {
        Edit::Replace {
            range: TextRange::empty(last.end()),
            pieces: vec![Piece::from(format!("\n{close}"))],
        }
    } else {
        Edit::Wrap(Wrap {
            range: TextRange::new(first.start(), last.end()),
            before: Vec::new(),
            header: vec!["try:".into()],
            last: Vec::new(),
            after: vec![
                vec!["finally:".into()],
                vec![Piece::from(format!("    {close}"))],
            ],
        })
    };
    change.edits.push((view.file, edit));
    Ok(())
}

/// Whether the statements are plain ones that wait for nothing, so that what stands behind them is done.
fn goes_through(view: &View<'_>, body: &[Stmt]) -> bool {
    body.iter().all(|stmt| {
        matches!(
            stmt,
            Stmt::Expr(_)
                | Stmt::Assign(_)
                | Stmt::AnnAssign(_)
                | Stmt::AugAssign(_)
                | Stmt::Pass(_)
        ) && !(view.tree.nodes_within(stmt.range())).any(|node| node.is_expr_await())
    })
}

fn without_docstring(body: &[Stmt]) -> &[Stmt] {
    match body {
        [Stmt::Expr(first), rest @ ..] if first.value.is_string_literal_expr() => rest,
        _ => body,
    }
}
