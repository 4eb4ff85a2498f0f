//! The class in which the connections of a program are wrapped: `BufferedByteStream`, or one that does more.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Helper, Piece, pieces};

use crate::context::{Context, View};
use crate::rules::anyio_streams::byte_streams::{Manner, is_closed_once};

/// A stream whose sends don't meet.
static SHARED: Helper = Helper {
    name: "_SharedStream",
    source: "\
class {name}({@anyio.streams.buffered:BufferedByteStream}):
    \"\"\"A stream to which several tasks may send.\"\"\"

    def __init__(self, stream):
        super().__init__(stream)
        self._sending = {@anyio}.Lock()

    async def send(self, item):
        async with self._sending:
            await super().send(item)
",
};

/// `StreamWriter.is_closing`, which is true from a `close` on, and once the connection is found broken.
static WATCHED: Helper = Helper {
    name: "_WatchedStream",
    source: "\
class {name}({@anyio.streams.buffered:BufferedByteStream}):
    \"\"\"A stream that knows whether it was closed, or the connection lost.\"\"\"

    is_closing = False

    async def _watched(self, step):
        try:
            return await step
        except ({@anyio}.BrokenResourceError, {@anyio}.ClosedResourceError):
            self.is_closing = True
            raise

    async def send(self, item):
        await self._watched(super().send(item))

    async def receive(self, max_bytes=65536):
        return await self._watched(super().receive(max_bytes))

    async def receive_exactly(self, nbytes):
        return await self._watched(super().receive_exactly(nbytes))

    async def receive_until(self, delimiter, max_bytes):
        return await self._watched(super().receive_until(delimiter, max_bytes))

    async def aclose(self):
        self.is_closing = True
        await super().aclose()
",
};

/// Both.
static SHARED_AND_WATCHED: Helper = Helper {
    name: "_SharedWatchedStream",
    source: "\
class {name}({#SharedStream}, {#WatchedStream}):
    \"\"\"A stream to which several tasks may send, and that knows whether it was closed.\"\"\"
",
};

/// What the class has to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrapping {
    /// Whether several tasks may send to a stream.
    pub(super) shared: bool,
    /// Whether a stream is asked if it is closed, and may not be.
    watched: bool,
}

impl Wrapping {
    /// What the streams of a program need.
    pub(super) fn new(cx: &Context<'_>, streams: &[Cluster], manner: Manner) -> Self {
        let asks = |place: Place| {
            let view = cx.view(place.file);
            view.is_some_and(|view| !is_closed_once(view, place.range))
        };
        let asked = |api: &str| api == "asyncio.StreamWriter.is_closing";
        Wrapping {
            shared: streams.iter().any(|cluster| is_shared(cx, cluster)),
            watched: !manner.pipes && cx.uses.iter().any(|it| asked(&it.api) && asks(it.place)),
        }
    }

    /// The name of the class.
    pub(super) fn class(self) -> Vec<Piece> {
        match (self.shared, self.watched) {
            (false, false) => pieces("{@anyio.streams.buffered:BufferedByteStream}", &[]),
            (true, false) => vec![Piece::Helper(&SHARED)],
            (false, true) => vec![Piece::Helper(&WATCHED)],
            (true, true) => vec![
                Piece::Helper(&SHARED_AND_WATCHED),
                Piece::Needs(&SHARED),
                Piece::Needs(&WATCHED),
            ],
        }
    }
}

/// Whether writers are kept where several tasks may find them.
fn is_shared(cx: &Context<'_>, cluster: &Cluster) -> bool {
    if !cluster.types.iter().any(|ty| ty == "asyncio.StreamWriter") {
        return false;
    }
    let kept = cluster.places.iter().any(|held| {
        let Some(view) = cx.view(held.place.file) else {
            return true;
        };
        match view.tree.expr_at(held.place.range) {
            Some(Expr::Attribute(attribute)) if attribute.ctx.is_store() => true,
            Some(Expr::Subscript(_)) => true,
            Some(expr) => is_stored(cx, view, expr),
            None => false,
        }
    });
    // The pair that `open_connection` gives is a container, too: one that nobody wrote.
    let written = cluster.containers.iter().any(|place| {
        cx.view(place.file)
            .and_then(|view| view.tree.expr_at(place.range))
            .is_some_and(|expr| !expr.is_tuple_expr())
            && !is_connection(cx, *place)
    });
    kept || written
}

/// Whether an expression is handed to a method that is not ours: `clients.add(writer)`.
fn is_stored(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    if !matches!(view.tree.parent(expr), Some(AnyNodeRef::Arguments(_))) {
        return false;
    }
    let call = view.tree.call_around(expr);
    call.is_some_and(|call| {
        call.func.is_attribute_expr()
            && !cx
                .program
                .values_at(view.place(&*call.func))
                .any(|value| matches!(value, Value::Func(_) | Value::Bound(..) | Value::Class(_)))
    })
}

/// Whether the place is a call that gives a reader and a writer.
fn is_connection(cx: &Context<'_>, place: Place) -> bool {
    cx.view(place.file)
        .and_then(|view| match view.tree.expr_at(place.range)? {
            Expr::Call(call) => cx.api_of(view, &call.func),
            _ => None,
        })
        .is_some_and(|api| api.starts_with("asyncio."))
}
