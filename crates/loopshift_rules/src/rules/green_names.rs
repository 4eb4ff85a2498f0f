//! APIs of green threads that have a counterpart in asyncio one to one, by the rows of the catalog.

use loopshift_engine::change::Change;
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::Edit;

use super::green::{anchor, awaits, bracketed, owners};
use super::rows;
use super::shared::number;
use crate::catalog::Target;
use crate::context::Context;
use crate::registry::rule;

const RULE: &str = "green-names";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let owners = owners(cx);
    for use_ in cx.uses {
        let Some(api) = cx.catalog.get(&use_.api) else {
            continue;
        };
        if !cx.recipe.moves(&use_.api) && !cx.catalog.is_own(&use_.api) {
            continue;
        }
        // Where a rule of its own speaks for it, that decides.
        let spoken = api.rule.as_deref().is_some_and(|name| rule(name).is_some());
        if spoken || api.forms(Target::Asyncio).is_empty() {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let mut change = match rows::replace(cx, use_, api, view, RULE) {
            Ok(change) => change,
            Err(reason) => {
                changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
                continue;
            }
        };
        let call = view.call_of(use_.place.range);
        let yields = api.name.ends_with(".sleep")
            && call.is_some_and(|call| {
                call.arguments
                    .args
                    .first()
                    .is_none_or(|it| number(it) == Some(0.0))
            });
        let in_loop = view
            .tree
            .around(use_.place.range)
            .any(|node| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)));
        if yields && in_loop {
            change.caveat("a loop that only gives way lets what waits for input go on at each turn; green threads do so less often");
        }
        if let (Some(call), [(_, Edit::Replace { pieces, .. })]) = (call, &mut change.edits[..])
            && awaits(pieces)
        {
            let place = view.place(call);
            let expr = view.tree.expr_at(call.range());
            let (Some(owner), Some(expr)) = (owners.get(&place), expr) else {
                let reason = "the function that waits was not found";
                changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
                continue;
            };
            *pieces = bracketed(view, expr, std::mem::take(pieces));
            change.requires.push(anchor(cx, *owner));
        }
        changes.push(change);
    }
}
