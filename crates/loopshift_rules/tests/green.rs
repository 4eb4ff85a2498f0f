//! What is found of gevent and eventlet in a program: uses by value, objects and what is handed to callbacks among them.

use loopshift_engine::change::Outcome;
use loopshift_engine::program::Input;
use loopshift_python::ast::PythonVersion;
use loopshift_rules::catalog::{Catalog, Target, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::migrate::{Migration, Options, migrate};
use loopshift_rules::recipe::is_green;

/// Moves a program to `AnyIO`: all of it, or only what is of these libraries.
fn migrated(text: &str, from: &[&str]) -> Migration {
    let files = [Input {
        path: "main.py".to_owned(),
        module: "main".to_owned(),
        is_package: false,
        text: text.to_owned(),
        lines: None,
    }];
    let python = PythonVersion {
        major: 3,
        minor: 11,
    };
    let anyio = Version::new(4, 16);
    let options = Options {
        allow_unsafe: true,
        from: from.iter().map(|&it| it.to_owned()).collect(),
        ..Options::new(
            Target::Anyio,
            Settings {
                python,
                anyio,
                bridge: Bridge::Auto,
                plain: true,
                through: false,
            },
        )
    };
    migrate(&files, Catalog::builtin(), &options)
}

/// The uses in a program of green threads, as `line: API`. Where only asyncio is asked for, all of them stay, each with a reason.
fn uses(text: &str) -> Vec<String> {
    let migration = migrated(text, &["asyncio"]);
    let line = |offset: usize| text[..offset].lines().count().max(1);
    let mut out = Vec::new();
    for use_ in &migration.uses {
        assert!(is_green(&use_.api), "{}", use_.api);
        let told = migration.plan.changes.iter().any(|(change, outcome)| {
            change.place == use_.place
                && change.api == use_.api
                && matches!(outcome, Outcome::Declined { reason } if !reason.is_empty())
        });
        assert!(told, "{} has no reason", use_.api);
        out.push(format!(
            "{}: {}",
            line(use_.place.range.end().to_usize()),
            use_.api
        ));
    }
    assert!(
        migration.plan.texts.is_empty(),
        "green threads are left alone"
    );
    out
}

#[test]
fn a_handler_of_a_server_gets_a_socket() {
    let text = "\
from gevent.server import StreamServer

def answer(connection):
    connection.sendall(b'x')

def handle(sock, address):
    data = sock.recv(10)
    answer(sock)

StreamServer(('', 80), handle).serve_forever()
";
    assert_eq!(
        uses(text),
        [
            "4: gevent.socket.socket.sendall",
            "7: gevent.socket.socket.recv",
            "10: gevent.server.StreamServer",
            "10: gevent.server.StreamServer.serve_forever",
        ]
    );
}

#[test]
fn greenlets_are_followed_and_so_is_what_they_give() {
    let text = "\
import gevent
from gevent.event import Event

def make():
    return Event()

jobs = [gevent.spawn(make) for _ in range(3)]
for job in gevent.joinall(jobs):
    job.value.set()
    job.get().wait()
";
    let mut found = uses(text);
    found.sort();
    assert_eq!(
        found,
        [
            "10: gevent.Greenlet.get",
            "10: gevent.event.Event.wait",
            "5: gevent.event.Event",
            "7: gevent.spawn",
            "8: gevent.joinall",
            "9: gevent.Greenlet.value",
            "9: gevent.event.Event.set",
        ]
    );
}

#[test]
fn green_modules_are_uses_of_their_library() {
    let text = "\
import eventlet
from eventlet.green import socket
from eventlet.green.http import client
from eventlet.green.urllib.request import urlopen

def handle(sock, address):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    urlopen('http://example.org')
    c = client.HTTPConnection('example.org')
    c.getresponse().read()

eventlet.serve(eventlet.listen(('', 80)), handle)
";
    assert_eq!(
        uses(text),
        [
            "7: eventlet.greenio.GreenSocket.setsockopt",
            "7: eventlet.green.socket.SOL_SOCKET",
            "7: eventlet.green.socket.SO_KEEPALIVE",
            "8: eventlet.green.urllib.request.urlopen",
            "9: eventlet.green.http.client.HTTPConnection",
            "10: eventlet.green.http.client.HTTPConnection.getresponse",
            "10: eventlet.green.http.client.HTTPResponse.read",
            "12: eventlet.serve",
            "12: eventlet.listen",
        ]
    );
}

#[test]
fn asyncio_beside_green_threads_is_moved_by_itself_where_that_is_asked_for() {
    let text = "\
import asyncio

import gevent


async def main():
    await asyncio.sleep(1)


gevent.sleep(1)
";
    let migration = migrated(text, &["asyncio"]);
    let after = text
        .replace("import asyncio\n\n", "import anyio\n")
        .replace("asyncio.sleep", "anyio.sleep");
    assert_eq!(migration.plan.texts.len(), 1);
    assert_eq!(migration.plan.texts[0].1, after);
    let left: Vec<&str> = migration.modules[0]
        .left
        .iter()
        .map(|(_, api)| api.as_str())
        .collect();
    assert_eq!(left, ["gevent.sleep"]);
}

#[test]
fn green_threads_lead_through_asyncio() {
    let text = "\
import asyncio

import gevent


async def wait():
    await asyncio.sleep(1)


def work():
    gevent.sleep(1)


def main():
    job = gevent.spawn(work)
    job.link(print)
    job.join()


main()
";
    let migration = migrated(text, &[]);
    let after = &migration.plan.texts[0].1;
    assert!(!after.contains("gevent"), "{after}");
    assert!(after.contains("await anyio.sleep(1)"), "{after}");
    let line = |offset: usize| text[..offset].lines().count().max(1);
    let uses: Vec<String> = (migration.uses.iter())
        .map(|it| format!("{}: {}", line(it.place.range.end().to_usize()), it.api))
        .collect();
    // Those of the text that there was, and none that the first half made.
    assert_eq!(
        uses,
        [
            "7: asyncio.sleep",
            "11: gevent.sleep",
            "15: gevent.spawn",
            "16: gevent.Greenlet.link",
            "17: gevent.Greenlet.join",
        ]
    );
    // What stays with asyncio is told where it comes from.
    let left: Vec<usize> = (migration.plan.changes.iter())
        .filter(|(change, outcome)| {
            change.api == "asyncio.create_task" && *outcome != Outcome::Applied
        })
        .map(|(change, _)| line(change.place.range.start().to_usize()))
        .collect();
    assert_eq!(left, [15]);
}
