//! Queues that are asked how many of their items are not done yet: those of asyncio count them for themselves.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::objects::{Cluster, clusters};

use super::{counterpart, is_queue};
use crate::common::objects::receiver;
use crate::context::Context;

/// What is asked.
pub(super) const COUNT: &str = "unfinished_tasks";

/// Where such queues are made, and where they are asked.
pub(super) struct Counted {
    /// The calls that make them.
    pub(super) sites: BTreeSet<Place>,
    /// The members.
    pub(super) asked: BTreeSet<Place>,
}

impl Counted {
    /// Finds those of which it is known where they are made.
    pub(super) fn new(cx: &Context<'_>) -> Self {
        let mut out = Counted {
            sites: BTreeSet::new(),
            asked: BTreeSet::new(),
        };
        if !cx.mentions(COUNT) {
            return out;
        }
        let uses = cx.uses.iter().filter(|it| it.api.ends_with(COUNT));
        let asked: Vec<(Place, Place)> = uses
            .filter_map(|use_| {
                let view = cx.view(use_.place.file)?;
                let queue = receiver(view, use_.place.range)?;
                Some((view.place(queue), use_.place))
            })
            .collect();
        for cluster in clusters(cx.program, |name| is_queue(cx, name)) {
            let is_of = |queue: &Place| cluster.places.iter().any(|held| held.place == *queue);
            let asked = || asked.iter().filter(|(queue, _)| is_of(queue));
            if asked().next().is_some() && are_plain(cx, &cluster) {
                out.asked.extend(asked().map(|(_, place)| *place));
                out.sites.extend(cluster.sites);
            }
        }
        out
    }
}

/// Whether all queues of a cluster are made by calls of the class that is asyncio's plain one, by its name.
fn are_plain(cx: &Context<'_>, cluster: &Cluster) -> bool {
    let is_named = |site: &Place| {
        let view = cx.view(site.file);
        let call = view.and_then(|view| view.tree.expr_at(site.range)?.as_call_expr());
        view.zip(call).is_some_and(|(view, call)| {
            let name = cx.api_of(view, &call.func);
            view.is_direct(&call.func) && name.and_then(counterpart) == Some("Queue")
        })
    };
    !cluster.from_outside && cluster.sites.iter().all(is_named)
}
