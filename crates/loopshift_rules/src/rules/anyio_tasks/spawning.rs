//! The calls that make tasks, as calls of a task group.

use loopshift_engine::change::Change;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::emit::Errors;
use super::family::Spawn;
use super::unstarted::UNLESS_CANCELLED;
use super::{handles, helpers};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

/// `tg.create_task(f(x))` of a group as `tg.start_soon(f, x)`, or as a handle of the module's own class, for versions
/// whose groups give none.
///
/// # Errors
/// Why it can't be written so.
pub(super) fn edit_member(
    cx: &Context<'_>,
    change: &mut Change,
    spawn: &Spawn<'_>,
) -> Result<(), String> {
    let Expr::Attribute(callee) = &*spawn.call.func else {
        return Err("the method of the group is not called in place".to_owned());
    };
    let file = spawn.view.file;
    if is_statement(spawn.view, spawn.call)
        && !spawn.looks_first
        && let Some(edits) = as_function(cx, spawn.view, spawn.coro)
    {
        change
            .edits
            .push((file, Edit::replace(callee.attr.range(), "start_soon", &[])));
        change
            .edits
            .extend(edits.into_iter().map(|edit| (file, edit)));
        return Ok(());
    }
    if !callee.value.is_name_expr() {
        return Err("the group is computed where the task is made".to_owned());
    }
    let group = spawn.view.text(callee.value.range()).to_owned();
    let (pieces, mut front) = handles::maker(cx, &group);
    let range = spawn.call.func.range();
    change.edits.push((file, Edit::Replace { range, pieces }));
    let back = look_first(spawn, &mut front);
    enclose(change, spawn, front, back);
    Ok(())
}

/// Lets a task look first whether it was told to stop, where that matters: adds what stands before its coroutine, and gives
/// what stands behind it.
pub(super) fn look_first(spawn: &Spawn<'_>, front: &mut Vec<Piece>) -> Vec<Piece> {
    if !spawn.looks_first {
        return Vec::new();
    }
    front.extend([Piece::Helper(&UNLESS_CANCELLED), "(".into()]);
    vec![")".into()]
}

/// Writes something before the coroutine of a task, and behind it.
pub(super) fn enclose(change: &mut Change, spawn: &Spawn<'_>, front: Vec<Piece>, back: Vec<Piece>) {
    for (at, pieces) in [(spawn.coro.start(), front), (spawn.coro.end(), back)] {
        if !pieces.is_empty() {
            let range = TextRange::empty(at);
            let edit = Edit::Replace { range, pieces };
            change.edits.push((spawn.view.file, edit));
        }
    }
}

/// Makes the task one of the group, with what becomes of its errors.
pub(super) fn edit_spawn(
    cx: &Context<'_>,
    change: &mut Change,
    spawn: &Spawn<'_>,
    errors: Errors,
    group: &str,
    deleted: &[TextRange],
) {
    let file = spawn.view.file;
    let view = spawn.view;
    let (maker, mut front) = handles::maker(cx, group);
    let start_soon = vec![Piece::from(group.to_owned()), ".start_soon".into()];
    let mut unused = is_statement(view, spawn.call);
    // `t = …`, where nothing reads `t` any more.
    if let Some(AnyNodeRef::StmtAssign(assign)) = view.tree.parent(spawn.call)
        && let [Expr::Name(name)] = &assign.targets[..]
        && is_unread(view, name.id.as_str(), assign.range(), deleted)
    {
        unused = true;
        let target = TextRange::new(assign.start(), spawn.call.start());
        change.edits.push((file, Edit::delete(target)));
    }
    // A handle that nobody needs is not worth a class of its own.
    let keywords = &spawn.call.arguments.keywords;
    let plain_arguments = keywords.is_empty() || unused && !handles::are_there(cx);
    let range = spawn.call.func.range();
    let replace = |range, pieces| (file, Edit::Replace { range, pieces });
    match errors {
        Errors::Kept | Errors::Logged => {
            let helper = Piece::Helper(if errors == Errors::Kept {
                &helpers::OUTCOME
            } else {
                helpers::log_errors(cx)
            });
            let mut close: Vec<Piece> = Vec::new();
            if unused && plain_arguments {
                change.edits.push(replace(range, start_soon));
                front = vec![helper, ", ".into()];
            } else {
                front.extend([helper, "(".into()]);
                change.edits.push(replace(range, maker));
                close.push(")".into());
            }
            let mut back = look_first(spawn, &mut front);
            back.extend(close);
            enclose(change, spawn, front, back);
        }
        Errors::None | Errors::Leave | Errors::Fatal => {
            if unused
                && !spawn.looks_first
                && let Some(edits) = as_function(cx, view, spawn.coro)
            {
                change.edits.push(replace(range, start_soon));
                change
                    .edits
                    .extend(edits.into_iter().map(|edit| (file, edit)));
            } else {
                change.edits.push(replace(range, maker));
                let back = look_first(spawn, &mut front);
                enclose(change, spawn, front, back);
            }
        }
    }
}

/// Edits that turn the call `f(a, b)` into `f, a, b`.
fn as_function(cx: &Context<'_>, view: &View<'_>, coro: &Expr) -> Option<Vec<Edit>> {
    let Expr::Call(call) = coro else { return None };
    let known = cx
        .program
        .values_at(view.place(coro))
        .all(|value| matches!(value, loopshift_engine::flow::value::Value::Coroutine(_)));
    if !known || !call.arguments.keywords.is_empty() {
        return None;
    }
    let (Some(first), Some(last)) = (call.arguments.args.first(), call.arguments.args.last())
    else {
        let brackets = call.arguments.range();
        return (!view.text(brackets).contains('#')).then(|| vec![Edit::delete(brackets)]);
    };
    if first.is_generator_expr() {
        return None;
    }
    let open = TextRange::new(call.func.end(), first.start());
    let close = TextRange::new(last.end(), call.end());
    if [open, close]
        .iter()
        .any(|range| view.text(*range).contains(['#', '\n']))
    {
        return None;
    }
    Some(vec![Edit::replace(open, ", ", &[]), Edit::delete(close)])
}

/// Whether a variable is bound once, and only read in statements that go.
fn is_unread(view: &View<'_>, name: &str, binding: TextRange, deleted: &[TextRange]) -> bool {
    let scope = view.scopes.at(binding.start());
    let Some(scope) = view.scopes.resolve(name, scope) else {
        return false;
    };
    let once = view.scopes.scopes[scope]
        .bindings
        .get(name)
        .is_some_and(|bindings| bindings.len() == 1);
    let gone = view
        .scopes
        .references
        .iter()
        .filter(|it| it.name == name && view.scopes.resolve(name, it.scope) == Some(scope))
        .all(|it| deleted.iter().any(|range| range.contains_range(it.range)));
    scope != 0 && once && gone
}
