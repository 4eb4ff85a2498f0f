//! Where streams would differ from a queue: they hand an item to a task that waits at once.

use std::collections::BTreeSet;

use loopshift_engine::objects::{Cluster, Member};
use loopshift_python::Ranged;

use loopshift_engine::change::Place;

use super::members::Bound;
use crate::common::objects::method;
use crate::context::Context;

/// Whether the program may see the difference: an item that a task waits for never enters the buffer.
pub(super) fn are_seen(cx: &Context<'_>, cluster: &Cluster, bound: Bound) -> bool {
    let waits = cluster.members.iter().any(|member| method(member) == "get");
    if !waits {
        // Nobody ever waits: items always go through the buffer.
        return false;
    }
    let is = |names: &[&str]| -> Vec<&Member> {
        cluster
            .members
            .iter()
            .filter(|member| names.contains(&method(member)))
            .collect()
    };
    let function = |member: &Member| {
        let view = cx.view(member.place.file)?;
        let function = view.tree.enclosing_function(member.place.range)?;
        Some((member.place.file, function.range().start()))
    };
    let puts: BTreeSet<_> = is(&["put", "put_nowait"])
        .into_iter()
        .filter_map(function)
        .collect();
    let sizes = is(&["qsize", "full", "empty"]);
    let sizes_after_puts = sizes
        .iter()
        .filter_map(|member| function(member))
        .any(|function| puts.contains(&function));
    // One more item fits in before it is full.
    let fills = bound != Bound::Unbounded && !is(&["put_nowait"]).is_empty();
    sizes_after_puts || fills
}

/// The places where streams let other tasks run and a queue need not.
pub(super) fn switches(cluster: &Cluster, bound: Bound) -> impl Iterator<Item = Place> {
    cluster
        .members
        .iter()
        .filter(move |member| match method(member) {
            "get" => true,
            "put" => bound != Bound::Unbounded,
            _ => false,
        })
        .map(|member| member.place)
}
