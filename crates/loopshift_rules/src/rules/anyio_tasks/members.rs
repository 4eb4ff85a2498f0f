//! The members of a task: which have a counterpart, and what it is.

use loopshift_engine::change::{Change, FileId};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::family::{Family, MemberUse, Model, Spawn};
use super::{again, callbacks, handles, helpers, keep, mistaken};
use crate::common::arguments::inside;
use crate::common::cancellation::{Role, role};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

/// Refuses families with a member that has no counterpart.
pub(super) fn check(cx: &Context<'_>, model: &mut Model<'_>) {
    for family in &mut model.families {
        if family.refusal.is_some() {
            continue;
        }
        let keeping = keep::keeping(cx, family);
        if family.is_of_timers() {
            let mut members = family.members.iter();
            family.refusal = members
                .find_map(|member| super::timers::refusal(&member.name, member.call.is_some()));
            continue;
        }
        let kept = keeping.as_ref().map(|it| it.statements.clone());
        match callbacks::callbacks(cx, family, &kept.unwrap_or_default()) {
            Ok(callbacks) => family.callbacks = callbacks,
            Err(reason) => {
                family.refusal = Some(reason);
                continue;
            }
        }
        let called_back = family.callbacks.functions.clone();
        family.members.retain(|member| {
            let asked = called_back.contains(&member.function);
            if asked {
                family
                    .callbacks
                    .asked
                    .push(member.view.place(member.attribute));
            }
            !asked
        });
        family.refusal = family
            .members
            .iter()
            .filter(|member| member.name != "add_done_callback")
            .find_map(|member| refusal(cx, member))
            .or_else(|| keep::untracked(cx, family, keeping.as_ref()))
            .or_else(|| shared_context(cx, family));
        family.keeping = keeping.unwrap_or_default();
    }
    again::mark(cx, model);
    mistaken::check(cx, model);
}

/// Why tasks can't have the context that they are given: asyncio runs them in it, `AnyIO` in a copy. Who gives one that
/// is made on the spot does not look into it afterwards.
fn shared_context(cx: &Context<'_>, family: &Family<'_>) -> Option<String> {
    let makes = ["contextvars.copy_context", "contextvars.Context"];
    let is_shared = |spawn: &&Spawn<'_>| {
        let given = spawn.call.arguments.find_keyword("context");
        given.is_some_and(|given| match &given.value {
            Expr::NoneLiteral(_) => false,
            Expr::Call(call) => {
                (cx.api_of(spawn.view, &call.func)).is_none_or(|api| !makes.contains(&api))
            }
            _ => true,
        })
    };
    family.spawns.iter().find(is_shared)?;
    Some(
        "it runs in a context that others may share: AnyIO runs a task in a copy, and what the task sets is not seen outside"
            .to_owned(),
    )
}

/// Whether the program may look at the message that a cancellation brings along.
fn looks_at_messages(cx: &Context<'_>) -> bool {
    let named = cx.uses.iter().any(|use_| {
        let is_class = matches!(
            use_.api.as_str(),
            "asyncio.CancelledError" | "asyncio.exceptions.CancelledError"
        );
        let expr = cx.view(use_.place.file).and_then(|view| {
            let expr = view.tree.expr_at(use_.place.range)?;
            Some((view, expr))
        });
        is_class
            && expr.is_some_and(|(view, expr)| match role(cx, view, expr) {
                Role::Handler(_, handler) => handler.name.as_ref().is_some_and(|name| {
                    let mut read = view.scopes.references_of(name.as_str());
                    read.any(|it| handler.range().contains_range(it.range))
                }),
                Role::Suppress(_) | Role::Raise => false,
                Role::Test | Role::Elsewhere => true,
            })
    });
    named
        || cx
            .views_naming(["BaseException", "exc_info"])
            .next()
            .is_some()
}

fn refusal(cx: &Context<'_>, member: &MemberUse<'_>) -> Option<String> {
    let name = member.name.as_str();
    match name {
        "cancel" => {
            let call = member.call?;
            if !call.arguments.is_empty() && looks_at_messages(cx) {
                return Some(
                    "`cancel` is given a message, which a task handle does not take, and the program looks at what is raised"
                        .to_owned(),
                );
            }
            None
        }
        "result" | "exception" | "done" | "cancelled" | "get_name" | "get_coro" => {
            match member.call {
                Some(call) if call.arguments.is_empty() => None,
                Some(_) => Some(format!("`{name}` is called with arguments")),
                None => Some(format!("`{name}` is handed on as a function")),
            }
        }
        "add_done_callback" => Some(
            "`add_done_callback`: a task handle takes no callbacks; put what follows the task into its coroutine"
                .to_owned(),
        ),
        _ => Some(format!("`{name}`: a task handle has no counterpart")),
    }
}

/// What differs where tasks are asked for the name that they were not given.
pub(super) fn unnamed(family: &Family<'_>) -> Option<&'static str> {
    let is_asked = family.members.iter().any(|it| it.name == "get_name");
    (is_asked && !are_named(family))
        .then_some("a task that was given no name is called by its function, and not `Task-1`")
}

/// Whether all tasks of a family are given names.
pub(super) fn are_named(family: &Family<'_>) -> bool {
    let is_named = |spawn: &Spawn<'_>| {
        let given = spawn.call.arguments.find_keyword("name");
        given.is_some_and(|given| !given.value.is_none_literal_expr())
    };
    family.spawns.iter().all(is_named)
}

/// Whether tasks of the family keep their errors in their values.
pub(super) fn edit(cx: &Context<'_>, change: &mut Change, member: &MemberUse<'_>, guarded: bool) {
    let file = member.view.file;
    let Some(call) = member.call else { return };
    let attribute = member.attribute;
    let receiver = member.view.object(attribute);
    let behind = TextRange::new(receiver.end(), call.end());
    let text = |text: &'static str| Edit::replace(behind, text, &[]);
    match member.name.as_str() {
        "result" if guarded => around(
            change,
            file,
            receiver,
            "{0}(",
            behind,
            ".return_value)",
            Piece::Helper(&helpers::VALUE),
        ),
        "result" => change.edits.push((file, text(".return_value"))),
        "exception" if guarded => change.edits.push((file, text(".return_value[1]"))),
        "exception" => change.edits.push((file, text(".exception"))),
        "cancel" if is_used(member.view, call) => around(
            change,
            file,
            receiver,
            "{0}(",
            behind,
            ")",
            Piece::Helper(&helpers::CANCEL),
        ),
        "cancel" if !call.arguments.is_empty() => {
            change.edits.push((file, Edit::delete(inside(call))));
        }
        "get_name" => change.edits.push((file, text(".name"))),
        "get_coro" => change.edits.push((file, text(".coro"))),
        "done" => around(
            change,
            file,
            receiver,
            "{0}(",
            behind,
            ")",
            Piece::Helper(&helpers::IS_DONE),
        ),
        "cancelled" => {
            let parent = member.view.tree.parent(call);
            let bare = !matches!(
                parent,
                Some(
                    AnyNodeRef::ExprCompare(_)
                        | AnyNodeRef::ExprBinOp(_)
                        | AnyNodeRef::ExprAttribute(_)
                        | AnyNodeRef::ExprAwait(_)
                )
            );
            let mut pieces = vec![".status is ".into()];
            pieces.extend(handles::class(cx));
            pieces.push(".Status.CANCELLED".into());
            if !bare {
                change
                    .edits
                    .push((file, Edit::insert(receiver.start(), "(", &[])));
                pieces.push(")".into());
            }
            let range = behind;
            change.edits.push((file, Edit::Replace { range, pieces }));
        }
        _ => {}
    }
}

/// Whether something is done with the value of a call.
fn is_used(view: &View<'_>, call: &ExprCall) -> bool {
    match view.tree.parent(call) {
        Some(AnyNodeRef::ExprLambda(_)) => false,
        Some(AnyNodeRef::ExprListComp(list)) => !is_statement(view, list),
        _ => !is_statement(view, call),
    }
}

fn around(
    change: &mut Change,
    file: FileId,
    receiver: TextRange,
    before: &'static str,
    behind: TextRange,
    after: &'static str,
    helper: Piece,
) {
    change
        .edits
        .push((file, Edit::insert(receiver.start(), before, &[helper])));
    change.edits.push((file, Edit::replace(behind, after, &[])));
}
