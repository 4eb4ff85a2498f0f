//! Events.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[Helper {
    name: "_event_wait",
    source: "\
async def {name}(event, timeout=None):
    \"\"\"Wait for an event; whether it was set in time.\"\"\"
    if event.is_set():
        return True
    try:
        await {@asyncio}.wait_for(event.wait(), timeout)
    except {@asyncio}.TimeoutError:
        return False
    return True
",
}];
