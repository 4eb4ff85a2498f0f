//! Programs that know nothing of green threads but a server for the web, and the patched standard library.
//!
//! Where a framework calls the functions of such a program, it awaits nothing, so that they can't become async. They need
//! not: once the server runs them in threads, what waits in them may block.

use std::collections::BTreeSet;

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{Call, CallForm, ClassId, FuncId};
use loopshift_engine::program::{Callers, Input, Program, analyse};
use loopshift_engine::uses::uses;
use loopshift_python::PythonVersion;
use rayon::prelude::*;

use crate::catalog::{Api, Catalog, Kind};
use crate::common::code::Reach;
use crate::recipe::{GREEN, Recipe, imports};

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
    let imports_one = |file: &Input| GREEN.iter().any(|name| imports(&file.text, name));
    files.par_iter().any(imports_one) && !files.par_iter().any(says_more)
}

/// Whether the call is one of a framework's functions.
fn is_of_framework(program: &Program<'_>, call: &Call) -> bool {
    let flow = &program.flow;
    flow.values_of(call.callee).any(|value| match value {
        Value::External(sym) | Value::ExternalBound(sym, _) => is_name_of_framework(flow.text(sym)),
        _ => false,
    })
}

fn is_name_of_framework(name: &str) -> bool {
    FRAMEWORKS.contains(&name.split(['.', '(']).next().unwrap_or_default())
}

/// The classes of the program that derive from one of a framework.
fn derived<'p>(program: &'p Program<'_>) -> impl Iterator<Item = ClassId> + 'p {
    let flow = &program.flow;
    let derives = |bases: &[MroEntry]| {
        bases.iter().any(|base| match base {
            MroEntry::External(sym) => is_name_of_framework(flow.text(*sym)),
            MroEntry::Class(_) => false,
        })
    };
    (flow.mro.iter().zip(0..))
        .filter(move |(bases, _)| derives(bases))
        .map(|(_, index)| ClassId(index))
}

/// Whether a framework gets a function of the program, or a class of the program derives from one of its own.
fn is_called_by_framework(program: &Program<'_>) -> bool {
    let is_ours = |value| matches!(value, Value::Func(_) | Value::Bound(..) | Value::Class(_));
    let gets_one = |call: &Call| {
        let mut given = (call.args.iter()).flat_map(|arg| program.flow.values_of(arg.node));
        is_of_framework(program, call) && given.any(is_ours)
    };
    derived(program).next().is_some() || program.calls().any(|(_, call)| gets_one(call))
}

/// The functions that frameworks call, and that are called by these alone. Those that have to do with `green` threads
/// themselves are not among them: each runs an event loop.
pub(crate) fn functions(
    program: &Program<'_>,
    callers: &Callers,
    green: impl Fn(FuncId) -> bool,
) -> BTreeSet<FuncId> {
    let roots = roots(program);
    if roots.is_empty() {
        return roots;
    }
    let reach = Reach::of(program);
    let mut found = reach.from(roots.iter().copied());
    for root in &roots {
        let reached = reach.from([*root]);
        if reached.iter().any(|func| green(*func)) {
            found.retain(|func| !reached.contains(func));
        }
    }
    // One that is called from elsewhere, too, takes those away that it calls.
    loop {
        let stays = |func: &FuncId| {
            let is_root = roots.contains(func);
            let mut sites = callers.of(*func).iter();
            let mut language = callers.by_language(*func).iter();
            (is_root || !callers.is_unseen(*func))
                && sites.all(|site| found.contains(&site.owner))
                && language.all(|owner| found.contains(owner))
        };
        let left: BTreeSet<FuncId> = found.iter().copied().filter(stays).collect();
        if left.len() == found.len() {
            return found;
        }
        found = left;
    }
}

/// The functions that frameworks are given, and nobody else but decorators.
pub(crate) fn roots(program: &Program<'_>) -> BTreeSet<FuncId> {
    let given = |call: &Call| -> Vec<FuncId> {
        let values = (call.args.iter()).flat_map(|arg| program.flow.values_of(arg.node));
        let functions = values.filter_map(|value| match value {
            Value::Func(func) | Value::Bound(func, _) => Some(func),
            _ => None,
        });
        functions.collect()
    };
    let calls = || program.calls().map(|(_, call)| call);
    let by_framework = calls().filter(|call| is_of_framework(program, call));
    let mut roots: BTreeSet<FuncId> = by_framework.flat_map(given).collect();
    let methods = derived(program).flat_map(|class| program.methods(class));
    roots.extend(methods.filter(|func| !program.function(**func).name().starts_with('_')));
    roots.retain(|func| !program.function(*func).is_async);
    if roots.is_empty() {
        return roots;
    }
    let elsewhere =
        calls().filter(|call| call.form != CallForm::Decorator && !is_of_framework(program, call));
    for func in elsewhere.flat_map(given) {
        roots.remove(&func);
    }
    roots
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
