//! Small functions and classes for what asyncio says in more than an expression.
//!
//! Their meaning, and programs that show it, are in the rules' pages.

/// What servers tell of themselves, which have started where the attribute is set.
macro_rules! server_state {
    ($running:literal) => {
        concat!(
            "    @property
    def started(self):
        return self.",
            $running,
            " is not None

    @property
    def closed(self):
        return self.socket is None

    @property
    def server_host(self):
        return self.address[0]

    @property
    def server_port(self):
        return self.address[1]

"
        )
    };
}

mod assembled;
mod border;
mod bridges;
mod eventlet;
mod events;
mod executors;
mod greenpools;
mod http;
mod hub;
mod local;
mod locks;
mod loops;
mod pools;
mod queues;
mod requests;
mod servers;
mod signals;
mod sockets;
mod tasks;
mod threads;
pub(crate) mod timeouts;
mod websockets;

use loopshift_engine::change::Change;
use loopshift_python::edit::{Edit, Helper, Piece};

use super::is_of_eventlet;
use crate::context::{Context, Settings};
pub(crate) use assembled::assembled;
pub(crate) use local::LOADED as LOADED_LOCAL;
pub(crate) use pools::{GROUP, POOL, THREADS};
pub(crate) use tasks::{GET, GREENLET, KILL, KILL_ALL_LATER, KILL_LATER, SPAWN_FRESH, VALUE};
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
    http::HELPERS,
    hub::HELPERS,
    loops::HELPERS,
    local::HELPERS,
    locks::HELPERS,
    queues::HELPERS,
    requests::HELPERS,
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

/// Adds all helpers that those name which the changes write. Sockets are those of the library whose use is changed.
pub(crate) fn complete(cx: &Context<'_>, changes: &mut [Change]) {
    for change in changes {
        let of_eventlet = || is_of_eventlet(cx, &change.api);
        let pick = |known: &'static Helper| match known.short_name() {
            "Socket" if of_eventlet() => &sockets::OF_EVENTLET,
            _ => known,
        };
        for (_, edit) in &mut change.edits {
            let needed = needed(edit);
            let names_socket =
                |piece: &Piece| matches!(piece, Piece::Helper(it) if it.short_name() == "Socket");
            if needed.is_empty() && !edit.pieces().any(names_socket) {
                continue;
            }
            *edit = edit.with_pieces(|piece| match piece {
                Piece::Helper(known) => Some(Piece::Helper(pick(known))),
                _ => Some(piece.clone()),
            });
            let pieces = match edit {
                Edit::Replace { pieces, .. } => pieces,
                Edit::Wrap(wrap) => &mut wrap.header,
                Edit::DeleteStatement { .. } => continue,
            };
            pieces.extend(needed.into_iter().map(|it| Piece::Needs(pick(it))));
        }
    }
}

/// The helpers that those name which an edit writes, and so on, where it does not say itself which ones these are.
fn needed(edit: &Edit) -> Vec<&'static Helper> {
    let written: Vec<&Helper> = (edit.pieces())
        .filter_map(|piece| match piece {
            Piece::Helper(it) | Piece::Needs(it) => Some(*it),
            _ => None,
        })
        .collect();
    let is_written = |name: &str| written.iter().any(|it| it.short_name() == name);
    let mut work: Vec<&str> = written.iter().flat_map(|it| it.needs()).collect();
    let mut out: Vec<&'static Helper> = Vec::new();
    while let Some(name) = work.pop() {
        let new = helper(name).filter(|it| !is_written(name) && !out.contains(it));
        if let Some(needed) = new {
            out.push(needed);
            work.extend(needed.needs());
        }
    }
    out
}
