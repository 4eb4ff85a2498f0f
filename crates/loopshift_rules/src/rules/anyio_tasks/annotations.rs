//! `asyncio.Task` in annotations becomes `anyio.TaskHandle`, with the tasks that it speaks of.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::RULE;
use super::family::{Model, held};
use super::handles;
use crate::context::{Context, View};

pub(super) fn plan(cx: &Context<'_>, model: &Model<'_>, changes: &mut Vec<Change>) {
    for use_ in cx.uses {
        let timers = super::timers::HANDLES.contains(&use_.api.as_str());
        if use_.api != "asyncio.Task" && !timers {
            continue;
        }
        let rule = if timers { super::timers::RULE } else { RULE };
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let decline = |reason: &str| Change::declined(rule, use_.place, &*use_.api, reason);
        let Some(expr) = view.tree.expr_at(use_.place.range) else {
            continue;
        };
        let Some(target) = annotated(view, expr) else {
            let reason = match view.call_of(use_.place.range) {
                Some(_) => "a task is made without `create_task`: a task group has no such form",
                None => "the class is used as a value: a handle is of another class",
            };
            changes.push(decline(reason));
            continue;
        };
        let mut families = families(cx, model, view, target);
        families.retain(|index| model.families[*index].is_of_timers() == timers);
        let scopes = families
            .iter()
            .any(|index| timers && super::timers::gives_scopes(cx, &model.families[*index]));
        let mut change = Change::new(
            rule,
            use_.place,
            &*use_.api,
            "the class of what is started in a task group",
        );
        if families.is_empty() {
            changes.push(decline("no task is known to which the annotation belongs"));
            continue;
        }
        // One that is made in a way that is not known has no call to go with.
        let stays = families
            .iter()
            .find_map(|index| model.families[*index].refusal.as_deref());
        if let Some(reason) = stays {
            changes.push(decline(&format!("its task stays: {reason}")));
            continue;
        }
        for index in families {
            for spawn in &model.families[index].spawns {
                change.requires.push(spawn.callee);
            }
        }
        let function = cx.program.function_at(use_.place);
        let ended = model
            .families
            .iter()
            .any(|it| it.callbacks.ask && it.callbacks.functions.contains(&function));
        change.edit(if ended && matches!(target, Target::Holder(_)) {
            let class = Piece::Helper(&super::callbacks::ENDED);
            Edit::replace(use_.place.range, "{0}", &[class])
        } else if scopes {
            Edit::replace(use_.place.range, "{@anyio}.CancelScope", &[])
        } else {
            Edit::Replace {
                range: use_.place.range,
                pieces: handles::class(cx),
            }
        });
        changes.push(change);
    }
}

/// What an annotation is about.
#[derive(Clone, Copy)]
enum Target {
    /// A variable, an attribute or a parameter.
    Holder(TextRange),
    /// What a function returns.
    Function,
}

fn annotated(view: &View<'_>, expr: &Expr) -> Option<Target> {
    let range = expr.range();
    for node in view.tree.ancestors(expr) {
        match node {
            AnyNodeRef::StmtAnnAssign(it) => {
                return it
                    .annotation
                    .range()
                    .contains_range(range)
                    .then(|| Target::Holder(it.target.range()));
            }
            AnyNodeRef::Parameter(it) => return Some(Target::Holder(it.name.range())),
            AnyNodeRef::StmtFunctionDef(it) => {
                return it
                    .returns
                    .as_deref()
                    .filter(|returns| returns.range().contains_range(range))
                    .map(|_| Target::Function);
            }
            _ if node.is_statement() => return None,
            AnyNodeRef::ExprCall(_) | AnyNodeRef::ExprLambda(_) => return None,
            _ => {}
        }
    }
    None
}

/// The families whose tasks may be what the annotation speaks of; all, where that can't be said.
fn families(
    cx: &Context<'_>,
    model: &Model<'_>,
    view: &View<'_>,
    target: Target,
) -> BTreeSet<usize> {
    let place = |range| Place {
        file: view.file,
        range,
    };
    let sites = match target {
        Target::Holder(range) => held(cx, place(range)).sites,
        Target::Function => BTreeSet::new(),
    };
    if sites.is_empty() {
        return (0..model.families.len())
            .filter(|index| model.families[*index].spawns.iter().any(|it| !it.in_group))
            .collect();
    }
    sites
        .iter()
        .filter_map(|site| model.by_site.get(site).copied())
        .collect()
}
