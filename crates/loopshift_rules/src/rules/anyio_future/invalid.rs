//! `asyncio.InvalidStateError`, which futures raise that are set twice, or read too early.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::objects::Cluster;
use loopshift_engine::program::place;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::left::left;
use super::timed::is_timed;
use super::{FUTURE, RULE, are_there};
use crate::common::caught;
use crate::common::code::{Reach, called_within};
use crate::common::objects::method;
use crate::context::Context;

/// Whether one of the futures may be cancelled, by its method or with who waits for it.
fn may_end(cx: &Context<'_>, cluster: &Cluster) -> bool {
    let mut members = cluster.members.iter();
    members.any(|member| method(member) == "cancel")
        || is_timed(cx, cluster)
        || !left(cx, cluster).is_empty()
}

/// `asyncio.InvalidStateError` becomes what AnyIO raises for setting, or for reading too early.
pub(super) fn invalid_state(
    cx: &Context<'_>,
    raisers: &[(usize, &Cluster)],
    planned: &mut Vec<Change>,
) {
    const API: &str = "asyncio.InvalidStateError";
    let mut seen = BTreeSet::new();
    for use_ in cx.uses.iter().filter(|use_| use_.api == API) {
        if !seen.insert(use_.place) {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let body = view
            .tree
            .around(use_.place.range)
            .find_map(|node| match node {
                AnyNodeRef::StmtTry(try_) => Some(TextRange::new(
                    try_.body.first()?.start(),
                    try_.body.last()?.end(),
                )),
                AnyNodeRef::StmtWith(with) => Some(TextRange::new(
                    with.body.first()?.start(),
                    with.body.last()?.end(),
                )),
                _ => None,
            });
        let mut sets = false;
        let mut reads = false;
        let mut moving: Vec<usize> = Vec::new();
        let mut ended = false;
        let called = body.map(|range| {
            let called = called_within(cx, place(view.file, range));
            cx.once(Reach::new).from(called)
        });
        for (number, cluster) in raisers {
            for member in &cluster.members {
                let inside = body.is_some_and(|body| {
                    member.place.file == view.file && body.contains_range(member.place.range)
                }) || called
                    .as_ref()
                    .is_some_and(|called| called.contains(&cx.program.function_at(member.place)));
                if !inside {
                    continue;
                }
                match method(member) {
                    "set_result" | "set_exception" => sets = true,
                    "result" | "exception" => reads = true,
                    _ => continue,
                }
                ended |= may_end(cx, cluster);
                moving.push(*number);
            }
        }
        moving.sort_unstable();
        moving.dedup();
        let direct = use_.only
            && view
                .tree
                .expr_at(use_.place.range)
                .is_some_and(|expr| view.is_direct(expr));
        let stays = moving
            .iter()
            .any(|number| planned[*number].declined.is_some());
        if moving.is_empty() || !direct || stays {
            planned.push(Change::declined(
                RULE,
                use_.place,
                API,
                "no future that moves is known to raise it here",
            ));
            for number in moving {
                planned[number].requires.push(use_.place);
            }
            continue;
        }
        let text = match (are_there(cx), sets, reads) {
            (false, _, _) => "{0}.InvalidStateError",
            (true, true, false) if ended => {
                "({@anyio}.FutureAlreadyFinished, {@anyio}.FutureCancelled)"
            }
            (true, true, false) => "{@anyio}.FutureAlreadyFinished",
            (true, false, _) => "{@anyio}.FutureNotFinished",
            (true, true, true) if ended => {
                "({@anyio}.FutureAlreadyFinished, {@anyio}.FutureCancelled, {@anyio}.FutureNotFinished)"
            }
            (true, true, true) => "({@anyio}.FutureAlreadyFinished, {@anyio}.FutureNotFinished)",
        };
        let mut change = Change::new(
            RULE,
            use_.place,
            API,
            "`asyncio.InvalidStateError` becomes what AnyIO's future raises",
        );
        change.edit(Edit::replace(
            use_.place.range,
            text,
            &[Piece::Helper(&FUTURE)],
        ));
        for number in moving {
            change.requires.push(planned[number].place);
            planned[number].requires.push(use_.place);
            change.caveats.clone_from(&planned[number].caveats);
            change.safety = change.safety.max(planned[number].safety);
        }
        caught::caveat(cx, &mut change, view, use_.place.range);
        planned.push(change);
    }
}
