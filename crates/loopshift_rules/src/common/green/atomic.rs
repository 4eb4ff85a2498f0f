//! What was done at once, and is not any more: something is read before a place where others can run now and could not
//! before, and written after it.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::{Ranged, TextRange, TextSize};

use crate::common::order::{Effect, Shared, effects};
use crate::context::{Context, View};

/// What may differ because of it, for the calls at these places.
pub(crate) fn broken(cx: &Context<'_>, places: impl IntoIterator<Item = Place>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for place in places {
        let func = cx.program.function_at(place);
        let Some(view) = cx.view(place.file) else {
            continue;
        };
        let all = effects(cx, func);
        let around = Around::new(view, place.range);
        let found = (all.iter()).find(|(at, effect)| match effect {
            Effect::Read(shared) => {
                let written = |(at, other): &(TextRange, Effect)| {
                    matches!(other, Effect::Write(it) if it == shared) && around.is_after(*at)
                };
                around.is_before(*at) && all.iter().any(written)
            }
            _ => false,
        });
        // `x += call()` reads `x` first.
        let added = around.added_to.filter(|target| {
            let mut writes = all.iter().filter(|it| matches!(it.1, Effect::Write(_)));
            writes.any(|(at, _)| target.contains_range(*at))
        });
        let name = found.map(|(at, _)| *at).or(added).map(|at| view.text(at));
        if let Some(name) = name {
            let line = cx.program.line(place);
            out.push(format!(
                "`{name}` is read before line {line} and written after it, and others can run there now, which could not before"
            ));
        }
    }
    out
}

/// What is read before a call, and written by what is called.
pub(crate) fn meets(cx: &Context<'_>, place: Place, called: &BTreeSet<FuncId>) -> Option<String> {
    let view = cx.view(place.file)?;
    let owner = cx.program.function_at(place);
    let around = Around::new(view, place.range);
    let written: BTreeSet<Shared> = (called.iter().flat_map(|func| effects(cx, *func)))
        .filter_map(|(_, effect)| match effect {
            Effect::Write(shared) => Some(shared),
            _ => None,
        })
        .collect();
    let mut all = effects(cx, owner).into_iter();
    let (at, _) = all.find(|(at, effect)| {
        matches!(effect, Effect::Read(shared) if written.contains(shared)) && around.is_before(*at)
    })?;
    let line = cx.program.line(place);
    let name = view.text(at);
    Some(format!(
        "`{name}` is read before line {line}, and what is called there writes it: others can run between now, which could not before"
    ))
}

/// What stands before a call and after it, in the order in which it runs.
struct Around {
    call: TextRange,
    /// The loop around it, of which all is before it and after it.
    again: Option<TextRange>,
    /// What is assigned when the call has returned.
    assigned: Vec<TextRange>,
    /// The one of these that is read before.
    added_to: Option<TextRange>,
}

impl Around {
    fn new(view: &View<'_>, call: TextRange) -> Self {
        let inside = |node: &AnyNodeRef<'_>| {
            !matches!(
                node,
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_)
            )
        };
        let mut again = None;
        let mut added_to = None;
        let mut assigned = Vec::new();
        for node in view.tree.around(call).take_while(inside) {
            match node {
                AnyNodeRef::StmtFor(it) => again = Some(it.range()),
                AnyNodeRef::StmtWhile(it) => again = Some(it.range()),
                AnyNodeRef::StmtAssign(it) => assigned.extend(it.targets.iter().map(Ranged::range)),
                AnyNodeRef::StmtAnnAssign(it) => assigned.push(it.target.range()),
                AnyNodeRef::StmtAugAssign(it) => {
                    added_to = Some(it.target.range());
                    assigned.push(it.target.range());
                }
                _ => {}
            }
        }
        Around {
            call,
            again,
            assigned,
            added_to,
        }
    }

    fn is_again(&self, at: TextSize) -> bool {
        self.again.is_some_and(|range| range.contains(at))
    }

    fn is_before(&self, at: TextRange) -> bool {
        at.start() < self.call.end() || self.is_again(at.start())
    }

    fn is_after(&self, at: TextRange) -> bool {
        let mut assigned = self.assigned.iter();
        at.start() >= self.call.end()
            || self.is_again(at.start())
            || assigned.any(|target| target.contains_range(at))
    }
}
