//! Facts about functions: their colour, and the calls that cause it.
//!
//! A function is async when it is written so, when it calls what the target awaits, or when it calls an async
//! function of ours; all overrides of a method share a colour. The causes spread against the calls, nearest first,
//! until nothing changes: on a cycle of calls too, each function keeps the shortest way down to a suspension.

mod barrier;
mod bridge;
mod calls;
mod cut;
mod implicit;
mod infer;

use std::collections::BTreeMap;

use crate::change::Place;
use crate::ir::FuncId;
use crate::program::Program;

pub use barrier::AWAITABLE;
pub use calls::{CALLERS, Called};
pub use infer::infer;

/// The colour of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Colour {
    /// It does not suspend.
    Sync,
    /// It is written `async def`.
    Async,
    /// It must become `async def`, so many calls away from what causes it.
    Becomes(usize),
    /// It stays sync, and runs an event loop for what it waits for: the program starts with it.
    Enters(usize),
    /// It waits, so many calls away from what causes it, and stays sync: it runs in a thread that takes turns with the event
    /// loop. It can't be async, or lies between what can't be and what waits.
    Behind(usize),
    /// It waits, so many calls away from what causes it, and stays as it is: it lies outside of what moves.
    Outside(usize),
    /// Something in it asks for `async`, and it can't be that, or it can't be known.
    Unknown(String),
}

/// Why a function suspends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It calls an external API that suspends.
    Api {
        /// The call; the function where the call stands in no text (`async with`).
        place: Place,
        /// The API.
        name: String,
    },
    /// It calls a function of ours that suspends.
    Call {
        /// The call.
        place: Place,
        /// The function.
        callee: FuncId,
    },
    /// A `for`, a `with`, a property or the like in it runs this function, which suspends.
    Operation(FuncId),
    /// A method that it overrides, or that overrides it, is async.
    Override(FuncId),
    /// A call may reach it or this other function, which is async.
    Sibling {
        /// The call.
        place: Place,
        /// The other function.
        other: FuncId,
    },
    /// It is handed to an external API that runs it as a task of its own, and nobody else calls it.
    Spawned {
        /// The call of the API.
        place: Place,
        /// The API.
        name: String,
    },
}

/// What is asked.
pub struct Question<'q> {
    /// Whether functions that can't be async may stay behind bridges.
    pub bridges: bool,
    /// Whether awaiting the external API may switch to other tasks.
    pub suspends: &'q (dyn Fn(&str) -> bool + Sync),
    /// Whether a call of the external API in this function, which is sync now, is awaited in the target.
    pub converts: &'q (dyn Fn(FuncId, &str) -> bool + Sync),
    /// Whether the call at a place never waits, though the API that it calls may: a function that can't be async can do
    /// without the `await`.
    pub immediate: &'q (dyn Fn(Place) -> bool + Sync),
    /// Whether code outside of the program starts it with this function, while no event loop runs.
    pub enters: &'q (dyn Fn(FuncId) -> bool + Sync),
    /// Whether the function lies outside of what moves: it waits as before.
    pub outside: &'q (dyn Fn(FuncId) -> bool + Sync),
    /// Whether code outside of the program calls this function, and waits for it in the target, where it can start tasks
    /// only if it is async.
    pub tested: &'q (dyn Fn(FuncId) -> bool + Sync),
    /// Whether an external class, from which one of ours derives, does not call a method of this name, or awaits it in
    /// the target.
    pub leaves: &'q (dyn Fn(&str, &str) -> bool + Sync),
    /// Whether the external API runs the function it is given as a task of its own, so that it must be async.
    pub spawns: &'q (dyn Fn(&str) -> bool + Sync),
    /// Whether the external API awaits what the function gives that it calls, so that it may be async.
    pub awaits: &'q (dyn Fn(&str) -> bool + Sync),
}

impl Question<'_> {
    /// Whether a function waits by a call of the external API, in the target.
    fn asked(&self, program: &Program<'_>, owner: FuncId, api: &str) -> bool {
        if program.function(owner).is_async {
            (self.suspends)(api)
        } else {
            (self.converts)(owner, api)
        }
    }
}

/// The facts about all functions of a program.
#[derive(Debug)]
pub struct Facts {
    colours: Vec<Colour>,
    causes: Vec<Vec<Cause>>,
    /// The calls from each function down to a suspension.
    distance: Vec<Option<usize>>,
    called: BTreeMap<FuncId, BTreeMap<Place, Called>>,
}

impl Facts {
    /// The calls that a function makes, with the functions that each of them runs.
    pub fn called(&self, func: FuncId) -> impl Iterator<Item = (Place, &Called)> {
        let calls = self.called.get(&func).into_iter().flatten();
        calls.map(|(place, called)| (*place, called))
    }

    /// The colour of a function.
    pub fn colour(&self, func: FuncId) -> &Colour {
        &self.colours[func.0 as usize]
    }

    /// How many functions become async, by how many calls away they are from what causes it.
    pub fn becoming(&self) -> Vec<usize> {
        let mut out = Vec::new();
        for colour in &self.colours {
            if let Colour::Becomes(far) = colour {
                if out.len() <= *far {
                    out.resize(far + 1, 0);
                }
                out[*far] += 1;
            }
        }
        out
    }

    /// All causes of a function's colour, nearest first.
    pub fn causes(&self, func: FuncId) -> &[Cause] {
        &self.causes[func.0 as usize]
    }

    /// Where a function waits itself: what suspends, and calls of what waits.
    pub fn waits(&self, func: FuncId) -> impl Iterator<Item = Place> + '_ {
        self.causes(func).iter().filter_map(|cause| match cause {
            Cause::Api { place, .. } | Cause::Call { place, .. } => Some(*place),
            _ => None,
        })
    }

    /// The way from a function down to a suspension: each step with the function it is in. Empty where nothing that
    /// suspends is known.
    pub fn chain(&self, func: FuncId) -> Vec<(FuncId, &Cause)> {
        let mut out = Vec::new();
        let mut at = func;
        // Each step is nearer to the suspension, so this ends.
        while let Some(cause) = self.nearest(at) {
            out.push((at, cause));
            match cause {
                Cause::Api { .. } | Cause::Spawned { .. } => break,
                Cause::Call { callee: next, .. }
                | Cause::Operation(next)
                | Cause::Override(next)
                | Cause::Sibling { other: next, .. } => at = *next,
            }
        }
        out
    }

    fn nearest(&self, func: FuncId) -> Option<&Cause> {
        let own = self.distance[func.0 as usize]?;
        self.causes[func.0 as usize]
            .iter()
            .find(|cause| match cause {
                Cause::Api { .. } | Cause::Spawned { .. } => own == 0,
                Cause::Call { callee: next, .. }
                | Cause::Operation(next)
                | Cause::Override(next)
                | Cause::Sibling { other: next, .. } => {
                    self.distance[next.0 as usize].is_some_and(|distance| distance < own)
                }
            })
    }
}
