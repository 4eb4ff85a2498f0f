//! Small functions and classes for what asyncio says in more than an expression.
//!
//! Their meaning, and programs that show it, are in the rules' pages.

mod assembled;
mod border;
mod bridges;
mod eventlet;
mod events;
mod executors;
mod greenpools;
mod hub;
mod local;
mod locks;
mod loops;
mod pools;
mod queues;
mod servers;
mod signals;
mod sockets;
mod tasks;
mod threads;
pub(crate) mod timeouts;
mod websockets;

use loopshift_python::edit::{Helper, Piece};

use crate::context::Settings;
pub(crate) use assembled::assembled;
pub(crate) use local::LOADED as LOADED_LOCAL;
pub(crate) use pools::{GROUP, POOL, THREADS};
pub(crate) use tasks::{ENDING, GET, GREENLET, KILL, SPAWN_FRESH, VALUE};
pub(crate) use threads::LEFT as LEFT_THREAD;

/// The helper of a name, as the catalog's templates write it.
pub(crate) fn helper(name: &str) -> Option<&'static Helper> {
    find(FAMILIES, name)
}

/// The same, written for the oldest Python that the project allows.
pub(crate) fn helper_for(settings: Settings, name: &str) -> Option<&'static Helper> {
    let older = (!settings.python_has(3, 11)).then(|| find(OLDER, name));
    older.flatten().or_else(|| helper(name))
}

fn find(families: &[&'static [Helper]], name: &str) -> Option<&'static Helper> {
    let mut all = families.iter().copied().flatten();
    all.find(|helper| helper.name.trim_start_matches('_') == name)
}

/// All helpers, one family a file.
const FAMILIES: &[&[Helper]] = &[
    border::HELPERS,
    bridges::HELPERS,
    eventlet::HELPERS,
    events::HELPERS,
    executors::HELPERS,
    greenpools::HELPERS,
    hub::HELPERS,
    loops::HELPERS,
    local::HELPERS,
    locks::HELPERS,
    queues::HELPERS,
    servers::HELPERS,
    signals::HELPERS,
    sockets::HELPERS,
    tasks::HELPERS,
    threads::HELPERS,
    timeouts::HELPERS,
    websockets::HELPERS,
];

/// Helpers for a Python without `asyncio.timeout`.
const OLDER: &[&[Helper]] = &[events::OLDER, locks::OLDER, queues::OLDER];

/// The pieces of a replacement, with all that its helpers name. `of_eventlet` says whose sockets these are.
pub(crate) fn with_needs(pieces: Vec<Piece>, of_eventlet: bool) -> Vec<Piece> {
    let pick = |known: &'static Helper| match known.short_name() {
        "Socket" if of_eventlet => &sockets::OF_EVENTLET,
        _ => known,
    };
    let mut out = Vec::new();
    for piece in pieces {
        let Piece::Helper(first) = piece else {
            out.push(piece);
            continue;
        };
        out.push(Piece::Helper(pick(first)));
        let mut work: Vec<&str> = first.needs().collect();
        let mut seen = Vec::new();
        while let Some(name) = work.pop() {
            if let Some(needed) = helper(name).filter(|_| !seen.contains(&name)) {
                seen.push(name);
                work.extend(needed.needs());
                out.push(Piece::Needs(pick(needed)));
            }
        }
    }
    out
}
