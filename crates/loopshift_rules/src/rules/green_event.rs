//! Events of eventlet's, which carry a value or an error: a small class says the same. Where an event only tells that
//! something has happened, it is an `asyncio.Event`, as those of gevent are.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use crate::common::green::{Escaped, awaited, each, helper, made_in_loop, named, owners};
use crate::common::objects::Family;
use crate::common::shared::is_statement;
use crate::context::{Context, View};

mod late;

const RULE: &str = "green-event";

/// The class.
const EVENT: &str = "eventlet.Event";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    let plain = plain(cx);
    let late = late::sites(cx);
    let escaped = Escaped::new(cx, &[EVENT]);
    each(cx, RULE, changes, |use_, api, view| {
        let place = (view.call_of(use_.place.range))
            .filter(|_| !use_.member)
            .map_or(use_.place, |call| view.place(call));
        if use_.api == late::EVENT {
            made_in_loop(cx, use_.place)?;
        }
        escaped.check(place)?;
        let mut change = named(cx, &owners, use_, api, view, RULE)?;
        if late.contains(&place) {
            let class = helper("OrderedEvent").ok_or("a helper is missing")?;
            let pieces = vec![Piece::Helper(class), "()".into()];
            change.edits = vec![(
                view.file,
                Edit::Replace {
                    range: place.range,
                    pieces,
                },
            )];
        }
        if plain.contains(&place)
            && let Some(edit) = without_value(view, use_.place.range, &api.name)
        {
            change.edits = vec![(view.file, edit)];
        }
        Ok(change)
    });
}

/// The edit of a use of an event that carries nothing.
fn without_value(view: &View<'_>, range: TextRange, api: &str) -> Option<Edit> {
    let call = view.call_of(range)?;
    let receiver = match &*call.func {
        loopshift_python::ast::Expr::Attribute(it) => vec![it.value.range().into()],
        _ => Vec::new(),
    };
    let text = match api.rsplit('.').next()? {
        "send" => pieces("{0}.set()", &receiver),
        "ready" => pieces("{0}.is_set()", &receiver),
        "wait" => pieces("await {0}.wait()", &receiver),
        _ => pieces("{@asyncio}.Event()", &[]),
    };
    let expr = view.tree.expr_at(call.range())?;
    let pieces = match api {
        "eventlet.Event.wait" => awaited(view, expr, text).ok()?,
        _ => text,
    };
    Some(Edit::Replace {
        range: call.range(),
        pieces,
    })
}

/// The calls that make events that only tell that something has happened, and the members of these.
fn plain(cx: &Context<'_>) -> BTreeSet<Place> {
    let family = Family::new(cx, EVENT);
    let plain = family
        .clusters
        .iter()
        .filter(|cluster| is_plain(cx, cluster));
    plain
        .flat_map(|cluster| {
            let members = cluster.members.iter().map(|member| member.place);
            members.chain(cluster.sites.iter().copied())
        })
        .collect()
}

/// Whether events are only sent without a value, and once: sending twice is an error, setting twice is none.
fn is_plain(cx: &Context<'_>, cluster: &Cluster) -> bool {
    let [site] = cluster.sites[..] else {
        return false;
    };
    if cluster.from_outside || !cluster.escapes.is_empty() || !cluster.containers.is_empty() {
        return false;
    }
    let mut sends = 0;
    for member in &cluster.members {
        let Some(view) = cx.view(member.place.file) else {
            return false;
        };
        let Some(call) = view.call_of(member.place.range).filter(|_| member.only) else {
            return false;
        };
        if !call.arguments.is_empty() {
            return false;
        }
        match &*member.api {
            "eventlet.Event.ready" => {}
            "eventlet.Event.wait" if is_statement(view, call) => {}
            "eventlet.Event.send" if is_reached_once(cx, view, site, call.range()) => sends += 1,
            _ => return false,
        }
    }
    sends == 1
}

/// Whether the code at `range` runs at most once for each object that is made at `site`: both stand in the same
/// function, and no loop is around the one that is not around the other.
fn is_reached_once(cx: &Context<'_>, view: &View<'_>, site: Place, range: TextRange) -> bool {
    let here = view.place(range);
    if site.file != here.file || cx.program.function_at(site) != cx.program.function_at(here) {
        return false;
    }
    view.tree.around(range).all(|node| {
        let repeats = matches!(
            node,
            AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_) | AnyNodeRef::Comprehension(_)
        );
        !repeats || node.range().contains_range(site.range)
    })
}
