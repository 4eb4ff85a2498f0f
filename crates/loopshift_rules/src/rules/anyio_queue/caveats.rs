//! Where streams may differ from a queue.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::objects::{Cluster, Member};
use loopshift_python::Ranged;

use super::write::Bound;
use crate::context::Context;
use crate::rules::objects::method;

/// Adds what may differ.
pub(super) fn add(cx: &Context<'_>, cluster: &Cluster, bound: Bound, change: &mut Change) {
    let waits = cluster.members.iter().any(|member| method(member) == "get");
    if !waits {
        // Nobody ever waits: items always go through the buffer.
        return;
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
    if sizes
        .iter()
        .filter_map(|member| function(member))
        .any(|function| puts.contains(&function))
    {
        change.caveat(
            "an item goes to a task that waits at once: the size read right after a put may be smaller than before",
        );
    }
    if bound != Bound::Unbounded && !is(&["put_nowait"]).is_empty() {
        change.caveat(
            "while a task waits for an item, one more fits in before `put_nowait` says that it is full",
        );
    }
}
