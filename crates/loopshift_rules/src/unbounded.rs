//! Puts into queues without a limit: they never wait, so that what makes them need not become async for them.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::ir::{ArgKind, Call};
use loopshift_engine::objects::{Cluster, clusters};
use loopshift_engine::program::Program;
use loopshift_python::{TextRange, TextSize};

use crate::catalog::{Catalog, Kind};

/// The rule that speaks for queues.
const RULE: &str = "green-queue";

/// The calls that put an item into a queue which has no limit, whichever it is.
pub(crate) fn puts(program: &Program<'_>, catalog: &Catalog) -> BTreeSet<Place> {
    let is_queue = |name: &str| {
        let row = catalog.get(name).filter(|row| row.kind == Kind::Class);
        row.is_some_and(|row| row.rule.as_deref() == Some(RULE)) && !name.ends_with(".Channel")
    };
    let clusters = clusters(program, is_queue);
    let unbounded = clusters.iter().filter(|it| is_unbounded(program, it));
    let members = unbounded.flat_map(|it| &it.members);
    let is_put_of = |api: &str| api.rsplit('.').next() == Some("put");
    let members = members.filter(|it| it.only && is_put_of(&it.api));
    let puts: BTreeMap<(FileId, TextSize), TextRange> = members
        .map(|it| ((it.place.file, it.place.range.start()), it.place.range))
        .collect();
    if puts.is_empty() {
        return BTreeSet::new();
    }
    let calls = program.calls();
    calls
        .filter(|(file, call)| {
            let member = puts.get(&(*file, call.range.start()));
            member.is_some_and(|member| is_put(call, *member))
        })
        .map(|(file, call)| Place {
            file,
            range: call.range,
        })
        .collect()
}

/// Whether all queues of a cluster are made without arguments.
fn is_unbounded(program: &Program<'_>, cluster: &Cluster) -> bool {
    let takes_none = |site: &Place| {
        let mut calls = program.calls_within(*site);
        let made = calls.find(|call| call.range == site.range);
        made.is_some_and(|call| call.args.is_empty())
    };
    !cluster.from_outside && cluster.sites.iter().all(takes_none)
}

/// The calls of `put` with an item and nothing else.
fn is_put(call: &Call, member: TextRange) -> bool {
    // Of those that begin where the method's object does, `put` is called by what ends behind its name.
    let calls_it = call.range.end() > member.end();
    let takes_item = matches!(&*call.args, [item] if item.kind == ArgKind::Positional);
    calls_it && takes_item
}
