//! Readers that the program makes and feeds itself, as tests of parsers do: `asyncio.StreamReader()`.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::objects::site_place;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Helper, Piece};

use crate::context::{Context, View};

/// `StreamReader` without a transport.
static FED: Helper = Helper {
    name: "FedStream",
    source: "\
class {name}({@anyio.streams.buffered:BufferedByteReceiveStream}):
    \"\"\"A stream of what it is fed.\"\"\"

    def __init__(self):
        self._fed, received = {@anyio}.create_memory_object_stream({@math}.inf)
        super().__init__(received)

    def feed_data(self, data):
        if data:
            self._fed.send_nowait(bytes(data))

    def feed_eof(self):
        self._fed.close()

    def __del__(self):
        self._fed.close()
        self.receive_stream.close()  # a reader is not closed by who reads
",
};

/// Why a reader made by this call has no counterpart, if so.
pub(super) fn refusal(call: &ExprCall) -> Option<&'static str> {
    let mut keywords = call.arguments.keywords.iter();
    let plain = call.arguments.args.is_empty()
        && keywords.all(|it| it.arg.as_ref().is_some_and(|name| name == "loop"));
    (!plain).then_some("a reader is made by hand with a limit")
}

/// The edit of a call that makes a reader.
pub(super) fn made(call: &ExprCall) -> Edit {
    Edit::Replace {
        range: call.range(),
        pieces: vec![Piece::Helper(&FED), "()".into()],
    }
}

/// Whether a member feeds a reader, and one that the program made: all that is fed was.
pub(super) fn feeds(cx: &Context<'_>, view: &View<'_>, use_: &Use, method: &str) -> bool {
    if !matches!(method, "feed_data" | "feed_eof") || view.call_of(use_.place.range).is_none() {
        return false;
    }
    let Some(Expr::Attribute(member)) = view.tree.expr_at(use_.place.range) else {
        return false;
    };
    let mut values = cx.program.values_at(view.place(&*member.value));
    values.all(|value| match value {
        Value::Object(_, site) => {
            site_place(cx.program, site).is_some_and(|site| reader_at(cx, site).is_some())
        }
        _ => false,
    })
}

/// Whether a call makes a reader by hand.
pub(super) fn is_reader(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    cx.api_of(view, &call.func) == Some("asyncio.StreamReader")
}

/// The call that makes a reader by hand at a place.
pub(super) fn reader_at<'c>(cx: &Context<'c>, site: Place) -> Option<&'c ExprCall> {
    let view = cx.view(site.file)?;
    match view.tree.expr_at(site.range)? {
        Expr::Call(call) if is_reader(cx, view, call) => Some(call),
        _ => None,
    }
}
