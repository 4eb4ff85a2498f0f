//! Events that are cleared and known by more than one name, or kept where no new one can take their place: a class of the
//! module stands in for asyncio's.

use loopshift_python::edit::{Helper, Piece};

use crate::common::objects::moving::{Form, Moving};
use crate::common::objects::{Family, Mention, Obstacle, mention};
use crate::context::Context;

/// A wait gives `True`, and goes on at once where the event is set, as in asyncio.
static CLEARABLE: Helper = Helper {
    name: "ClearableEvent",
    source: "\
class {name}:
    \"\"\"An event that can be cleared.\"\"\"

    def __init__(self):
        self._event = {@anyio}.Event()

    def is_set(self):
        return self._event.is_set()

    def set(self):
        self._event.set()

    def clear(self):
        if self._event.is_set():  # what waits already waits for this one
            self._event = {@anyio}.Event()

    async def wait(self):
        if not self._event.is_set():
            await self._event.wait()
        return True
",
};

/// The class for a cluster of events.
///
/// # Errors
/// `obstacle`, why they can't be plain events, with what keeps them from this class, too.
pub(super) fn form(
    cx: &Context<'_>,
    family: &Family,
    moving: &Moving<'_>,
    obstacle: Obstacle,
) -> Result<Form, Obstacle> {
    let cluster = moving.cluster;
    let known = ["set", "clear", "is_set", "wait"];
    let mut members = cluster.members.iter();
    let is_like = members.all(|it| known.contains(&super::method(it)));
    if cluster.from_outside || moving.sites.is_empty() || !is_like {
        return Err(obstacle);
    }
    let made_in = |file| moving.sites.iter().any(|site| site.view.file == file);
    let elsewhere = cx
        .uses
        .iter()
        .filter(|use_| use_.api == family.ty)
        .find(|use_| {
            cx.view(use_.place.file)
                .is_some_and(|view| match mention(cx, view, use_.place.range) {
                    Mention::Annotation(node) => {
                        !made_in(view.file) && family.of(cx, node).contains(&moving.index)
                    }
                    Mention::Test => true,
                    _ => false,
                })
        });
    if let Some(use_) = elsewhere {
        let reason = format!(
            "{}; nor can another class stand in for its own, which is named here",
            obstacle.reason
        );
        return Err(Obstacle::new(use_.place, reason));
    }
    Ok(Form {
        class: vec![Piece::Helper(&CLEARABLE)],
        factory: None,
    })
}
