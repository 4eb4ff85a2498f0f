//! Objects that hold tasks between `__aenter__` and `__aexit__`: they hold the task group, too.

use loopshift_engine::change::Change;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Stmt, StmtClassDef, StmtFunctionDef};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::family::Family;
use super::suites::each;
use crate::context::{Context, View};
use crate::rules::code::definition;

/// The two methods of a class that holds tasks.
pub(super) struct Host<'c> {
    view: &'c View<'c>,
    enter: &'c StmtFunctionDef,
    exit: &'c StmtFunctionDef,
    /// How many statements of `__aenter__` go into the block.
    inside: usize,
}

/// The `__aenter__` that makes all tasks of a family; none where they are made elsewhere.
///
/// # Errors
/// Why the object can't hold the group.
pub(super) fn host(cx: &Context<'_>, family: &Family<'_>) -> Result<Option<FuncId>, String> {
    let Some(first) = family.spawns.first() else {
        return Ok(None);
    };
    let function = first.function;
    let entering = family.spawns.iter().all(|spawn| spawn.function == function)
        && definition(cx, function).is_some_and(|(_, def)| def.name.as_str() == "__aenter__");
    if !entering {
        return Ok(None);
    }
    find(cx, function).map(|_| Some(function))
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
    let (Some(Stmt::Return(_)), inside) = (enter.body.last(), enter.body.len() - 1) else {
        return Err("`__aenter__` does not end with `return self`".to_owned());
    };
    let mut leaves = false;
    each(&enter.body[..inside], &mut |stmt| {
        leaves |= stmt.is_return_stmt();
    });
    each(&exit.body, &mut |stmt| leaves |= stmt.is_return_stmt());
    if leaves || inside == 0 {
        return Err("`__aenter__` or `__aexit__` returns before its end".to_owned());
    }
    if !enter.is_async || enter.parameters.is_empty() || exit.parameters.is_empty() {
        return Err("`__aenter__` takes no object".to_owned());
    }
    Ok(Host {
        view,
        enter,
        exit,
        inside,
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
    let stmts = without_docstring(&host.enter.body[..host.inside]);
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
            after: Vec::new(),
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
    let leave = leave(host.exit)?;
    let text = format!("await {}.{attribute}.__aexit__({leave})", owner(host.exit));
    let body = without_docstring(&host.exit.body);
    let (Some(first), Some(last)) = (body.first(), body.last()) else {
        return Err("`__aexit__` does nothing".to_owned());
    };
    // Behind a block there is no place for a line of the method's own.
    let edit = if super::suites::inner_suites(last).is_empty() {
        Edit::Replace {
            range: TextRange::empty(last.end()),
            pieces: vec![Piece::from(format!("\nreturn {text}"))],
        }
    } else {
        Edit::Wrap(Wrap {
            range: TextRange::new(first.start(), last.end()),
            before: Vec::new(),
            header: vec!["try:".into()],
            last: Vec::new(),
            after: vec![
                vec!["finally:".into()],
                vec![Piece::from(format!("    {text}"))],
            ],
        })
    };
    change.edits.push((view.file, edit));
    change.caveat("the object must be left by the task that entered it");
    Ok(())
}

fn without_docstring(body: &[Stmt]) -> &[Stmt] {
    match body {
        [Stmt::Expr(first), rest @ ..] if first.value.is_string_literal_expr() => rest,
        _ => body,
    }
}

/// The arguments of `__aexit__`, handed on.
fn leave(exit: &StmtFunctionDef) -> Result<String, String> {
    let parameters = &exit.parameters;
    let mut out: Vec<String> = parameters
        .posonlyargs
        .iter()
        .chain(&parameters.args)
        .skip(1)
        .map(|it| it.parameter.name.as_str().to_owned())
        .collect();
    if let Some(vararg) = &parameters.vararg {
        out.push(format!("*{}", vararg.name.as_str()));
    } else if out.len() != 3 {
        return Err("the parameters of `__aexit__` are not known".to_owned());
    }
    Ok(out.join(", "))
}
