//! The list of tables.

/// A table: its name for messages, and its text.
macro_rules! table {
    ($path:literal) => {
        ($path, include_str!(concat!("../../", $path)))
    };
}

/// The tables of the program.
pub(super) const TABLES: &[(&str, &str)] = &[
    table!("catalog/asyncio/run.toml"),
    table!("catalog/asyncio/tasks.toml"),
    table!("catalog/asyncio/sync.toml"),
    table!("catalog/asyncio/loop.toml"),
    table!("catalog/asyncio/streams.toml"),
    table!("catalog/asyncio/process.toml"),
    table!("catalog/asyncio/protocols.toml"),
    table!("catalog/asyncio/modules.toml"),
    table!("catalog/anyio/modules.toml"),
    table!("catalog/anyio/functions.toml"),
    table!("catalog/anyio/classes.toml"),
    table!("catalog/anyio/abc.toml"),
    table!("catalog/anyio/streams.toml"),
    table!("catalog/anyio/threads.toml"),
    table!("catalog/anyio/more.toml"),
    table!("catalog/stdlib.toml"),
    table!("catalog/blocking/databases.toml"),
    table!("catalog/blocking/files.toml"),
    table!("catalog/blocking/http.toml"),
    table!("catalog/blocking/processes.toml"),
    table!("catalog/blocking/protocols.toml"),
    table!("catalog/blocking/services.toml"),
    table!("catalog/blocking/sockets.toml"),
    table!("catalog/blocking/threads.toml"),
    table!("catalog/gevent/core.toml"),
    table!("catalog/gevent/event.toml"),
    table!("catalog/gevent/hub.toml"),
    table!("catalog/gevent/local.toml"),
    table!("catalog/gevent/lock.toml"),
    table!("catalog/gevent/misc.toml"),
    table!("catalog/gevent/monkey.toml"),
    table!("catalog/gevent/pool.toml"),
    table!("catalog/gevent/process.toml"),
    table!("catalog/gevent/queue.toml"),
    table!("catalog/gevent/servers.toml"),
    table!("catalog/gevent/sockets.toml"),
    table!("catalog/gevent/threads.toml"),
    table!("catalog/gevent/timeout.toml"),
    table!("catalog/eventlet/core.toml"),
    table!("catalog/eventlet/event.toml"),
    table!("catalog/eventlet/green.toml"),
    table!("catalog/eventlet/hub.toml"),
    table!("catalog/eventlet/local.toml"),
    table!("catalog/eventlet/lock.toml"),
    table!("catalog/eventlet/patcher.toml"),
    table!("catalog/eventlet/pool.toml"),
    table!("catalog/eventlet/queue.toml"),
    table!("catalog/eventlet/sockets.toml"),
    table!("catalog/eventlet/threads.toml"),
    table!("catalog/eventlet/timeout.toml"),
    table!("catalog/eventlet/wsgi.toml"),
    table!("catalog/greenlet.toml"),
];
