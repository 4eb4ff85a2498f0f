//! Barriers: `AnyIO` has none, so a small class of the module stands in for asyncio's.

use loopshift_engine::uses::Use;
use loopshift_python::edit::{Helper, Piece};

use crate::common::objects::moving::{Form, Moving};
use crate::common::objects::{Mention, Obstacle, mention, method};
use crate::context::Context;

/// `asyncio.Barrier` without `abort` and `reset`: who comes while others still leave waits for the next round, and all who
/// wait look again in the order in which they came. See `Lib/asyncio/locks.py` of Python.
static BARRIER: Helper = Helper {
    name: "Barrier",
    source: "\
class {name}:
    \"\"\"A place where tasks wait until all of them are there.\"\"\"

    def __init__(self, parties):
        if parties < 1:
            raise ValueError(\"parties must be > 0\")
        self.parties = parties
        self.broken = False
        self._inside = 0
        self._leaving = False
        self._turns = []

    @property
    def n_waiting(self):
        return 0 if self._leaving else self._inside

    async def __aenter__(self):
        return await self.wait()

    async def __aexit__(self, *exc_info):
        pass

    async def wait(self):
        while self._leaving:
            await self._turn()
        index = self._inside
        self._inside += 1
        try:
            if self._inside == self.parties:
                self._leaving = True
                self._wake()
            while not self._leaving:
                await self._turn()
            return index
        finally:
            self._inside -= 1
            if not self._inside:
                self._leaving = False
                self._wake()

    async def _turn(self):
        turn = {@anyio}.Event()
        self._turns.append(turn)
        await turn.wait()

    def _wake(self):
        for turn in self._turns:
            turn.set()
        self._turns.clear()
",
};

/// The class for barriers.
///
/// # Errors
/// What they are asked that the class does not have.
pub(super) fn barrier(cx: &Context<'_>, moving: &Moving<'_>) -> Result<Form, Obstacle> {
    let mut named = cx.uses.iter().filter(|it| it.api == "asyncio.Barrier");
    let is_test = |it: &&Use| {
        let view = cx.view(it.place.file);
        view.is_none_or(|view| matches!(mention(cx, view, it.place.range), Mention::Test))
    };
    if let Some(use_) = named.find(is_test) {
        let reason = "AnyIO has no barrier, and the class of asyncio's is told from others";
        return Err(Obstacle::new(use_.place, reason));
    }
    let has = [
        "wait",
        "parties",
        "n_waiting",
        "broken",
        "__aenter__",
        "__aexit__",
    ];
    let mut members = moving.cluster.members.iter();
    if let Some(member) = members.find(|it| !has.contains(&method(it))) {
        let reason = format!(
            "AnyIO has no barrier, and `{}` ends the wait of others with an error that only asyncio has",
            method(member)
        );
        return Err(Obstacle::new(member.place, reason));
    }
    if moving.cluster.from_outside || moving.sites.is_empty() {
        return Err(Obstacle {
            at: None,
            reason: "AnyIO has no barrier, and this one comes from outside of these files"
                .to_owned(),
        });
    }
    Ok(Form {
        class: vec![Piece::Helper(&BARRIER)],
        factory: None,
    })
}
