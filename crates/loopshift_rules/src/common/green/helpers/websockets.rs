//! Websockets.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_receive",
        source: "\
async def {name}(websocket):
    \"\"\"The next message; None once the other side has closed.\"\"\"
    try:
        return await websocket.recv()
    except {@websockets}.ConnectionClosed:
        return None
",
    },
    Helper {
        name: "_serve_websockets",
        source: "\
async def {name}(handler, sock):
    \"\"\"Handle each websocket in a task of its own, on a socket that listens.\"\"\"
    async with {@websockets}.serve(handler, sock=sock, max_size=2**23) as server:
        await server.serve_forever()
",
    },
];
