//! Programs that know nothing of green threads but a server for the web, and the patched standard library.
//!
//! Where a framework calls the functions of such a program, it awaits nothing, so that they can't become async. They need
//! not: once the server runs them in threads, what waits in them may block.

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::Call;
use loopshift_engine::program::{Input, Program, analyse};
use loopshift_engine::uses::uses;
use loopshift_python::PythonVersion;
use rayon::prelude::*;

use crate::catalog::{Api, Catalog, Kind};
use crate::recipe::{GREEN, Recipe, is_import};

/// Frameworks that call the functions they are given from a WSGI server, and don't await them.
const FRAMEWORKS: &[&str] = &[
    "bottle",
    "cherrypy",
    "django",
    "falcon",
    "flask",
    "flask_restful",
    "flask_restx",
    "pyramid",
    "web",
    "werkzeug",
];

/// All that programs may use of servers.
const SERVERS: &[&str] = &[
    "eventlet.listen",
    "eventlet.wsgi.server",
    "gevent.pywsgi.WSGIServer",
    "gevent.pywsgi.WSGIServer.serve_forever",
];

/// What lines may hold that name one of the libraries: the patching, and the servers. Anything else needs no analysis.
const WORDS: &[&str] = &[
    "import eventlet",
    "import gevent",
    "listen",
    "monkey",
    "wsgi",
    "WSGI",
];

/// Whether the program is one of those. `recipe` takes what was patched for what it is without that.
pub(crate) fn is_served(
    files: &[Input],
    python: PythonVersion,
    recipe: &'static Recipe,
    catalog: &Catalog,
) -> bool {
    may_be(files) && {
        let externals = recipe.externals(files, catalog);
        let program = analyse(files, python, &externals);
        only_serves(&program, catalog)
    }
}

/// A quick look at the texts, which are many more than the programs that are meant.
fn may_be(files: &[Input]) -> bool {
    let says_more = |file: &Input| {
        let names_one = GREEN.iter().any(|name| file.text.contains(name));
        let more = |line: &str| {
            GREEN.iter().any(|name| line.contains(name))
                && !line.trim_start().starts_with('#')
                && !WORDS.iter().any(|word| line.contains(word))
        };
        names_one && file.is_python() && file.text.lines().any(more)
    };
    let imports = |file: &Input| {
        let names_one = GREEN.iter().any(|name| file.text.contains(name));
        names_one && file.text.lines().any(|line| is_import(line, GREEN))
    };
    files.par_iter().any(imports) && !files.par_iter().any(says_more)
}

/// Whether a framework gets a function of the program, or a class of the program derives from one of its own.
fn is_called_by_framework(program: &Program<'_>) -> bool {
    let flow = &program.flow;
    let is_of_framework = |sym| {
        let name: &str = flow.text(sym);
        FRAMEWORKS.contains(&name.split(['.', '(']).next().unwrap_or_default())
    };
    let derives = flow.mro.iter().flatten().any(|base| match base {
        MroEntry::External(sym) => is_of_framework(*sym),
        MroEntry::Class(_) => false,
    });
    let gets_one = |call: &Call| {
        let of_framework = flow.values_of(call.callee).any(|value| match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => is_of_framework(sym),
            _ => false,
        });
        let is_ours = |value| matches!(value, Value::Func(_) | Value::Bound(..) | Value::Class(_));
        let mut given = call.args.iter().flat_map(|arg| flow.values_of(arg.node));
        of_framework && given.any(is_ours)
    };
    derives || program.calls().any(|(_, call)| gets_one(call))
}

/// Whether all that the program uses of the libraries is the patching, and servers that serve to the end. Without such a
/// server a framework calls it.
fn only_serves(program: &Program<'_>, catalog: &Catalog) -> bool {
    let used = uses(program, |root| GREEN.contains(&root));
    let rows = || used.iter().map(|it| catalog.get(&it.api));
    let is_server = |api: &Api| SERVERS.contains(&&*api.name);
    let counts = |api: &Api| {
        api.kind == Kind::Module || api.rule.as_deref() == Some("green-patch") || is_server(api)
    };
    rows().all(|api| api.is_some_and(counts))
        && (rows().flatten().any(is_server) || is_called_by_framework(program))
}
