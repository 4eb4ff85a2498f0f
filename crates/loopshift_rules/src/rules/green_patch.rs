//! The patching of the standard library goes: what it made cooperative is moved by other rules.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::Edit;
use memchr::memmem;

use crate::catalog::Api;
use crate::common::green::is_guard;
use crate::context::{Context, View};
use crate::recipe::{is_green, root};

const RULE: &str = "green-patch";

/// What each keyword of a patching function stands for: the modules whose calls it makes cooperative.
///
/// Sources: `gevent.monkey.patch_all`, `eventlet.patcher.monkey_patch`.
const PATCHED: &[(&str, &[&str])] = &[
    ("os", &["os"]),
    ("select", &["select", "selectors"]),
    ("socket", &["socket"]),
    ("dns", &["socket"]),
    ("ssl", &["ssl"]),
    ("thread", &["threading", "_thread", "queue", "concurrent"]),
    ("queue", &["queue"]),
    ("time", &["time"]),
    ("subprocess", &["subprocess"]),
    ("psycopg", &["psycopg2"]),
    ("MySQLdb", &["MySQLdb"]),
];

/// Keywords that say nothing about which calls wait.
const OTHERS: &[&str] = &[
    "aggressive",
    "builtins",
    "contextvars",
    "Event",
    "signal",
    "sys",
];

/// The names by which other libraries are told to use one of these.
const LIBRARIES: &[&str] = &["eventlet", "gevent", "gevent_uwsgi"];

/// What may differ where what was patched is left as it is.
const THREADS: &str = "what ran as green threads runs in threads, which may switch anywhere: what they share must be safe for that";

/// What may differ where sockets are patched, and those of TLS are not.
const TLS: &str = "`ssl` was left as it is: an answer over TLS stopped all green threads, and lets tasks run while it is waited for";

/// What may differ where log records show threads.
const RECORDS: &str =
    "log records name the thread that they come from, by `threadName`: that of the event loop then";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, _, view) in cx.uses_for(RULE) {
        let change = taken_out(cx, use_, view);
        changes.push(
            change.unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

fn taken_out(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let no_statement = "it is no statement of its own";
    let call = view.call_of(use_.place.range).ok_or(no_statement)?;
    let left = cx.once(left_out);
    let left = left
        .as_deref()
        .ok_or("it is not known which modules the program patches")?;
    if let Some(reason) = waits_plainly(cx, left).or_else(|| named(cx)) {
        return Err(reason);
    }
    let statement = match view.tree.parent(call) {
        Some(AnyNodeRef::StmtExpr(stmt)) if use_.only => stmt,
        _ => return Err(no_statement.to_owned()),
    };
    let chosen = view.tree.ancestors(statement).find_map(|node| match node {
        AnyNodeRef::StmtIf(chosen) if !is_guard(chosen) => Some(chosen),
        _ => None,
    });
    if let Some(chosen) = chosen {
        let line = cx.program.line(view.place(chosen));
        return Err(format!("line {line} chooses whether green threads run"));
    }
    let mut change = Change::new(RULE, use_.place, &*use_.api, format!("`{}` goes", use_.api));
    change.edit(Edit::DeleteStatement {
        range: statement.range(),
    });
    if cx.recipe.served || !cx.apart.is_empty() {
        change.caveat(THREADS);
    }
    if left.contains(&"ssl") && *cx.once(goes_over_tls) {
        change.caveat(TLS);
    }
    if !left.contains(&"threading") && names_threads(cx) {
        change.caveat(RECORDS);
    }
    Ok(change)
}

/// Whether log records say in which thread they were made, and there are several.
fn names_threads(cx: &Context<'_>) -> bool {
    let is_several = |use_: &Use| {
        let row = cx.catalog.get(&use_.api);
        use_.api.contains(".patched.") || row.is_some_and(|row| row.spawns)
    };
    let names = |text: &str| memmem::find(text.as_bytes(), b"threadName").is_some();
    cx.uses.iter().any(is_several) && cx.program.files.iter().any(|file| names(&file.text))
}

/// Why other code may count on the library: it is given its name, as in `run(server="gevent")` or `async_mode="eventlet"`.
fn named(cx: &Context<'_>) -> Option<String> {
    let flow = &cx.program.flow;
    let says = |node| {
        let name = |value| match value {
            Value::Str(sym) => Some(flow.text(sym)).filter(|text| LIBRARIES.contains(text)),
            _ => None,
        };
        flow.values_of(node).find_map(name)
    };
    let given = cx.program.calls().find_map(|(file, call)| {
        let is_unseen = flow.values_of(call.callee).any(|value| match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => {
                !flow.text(sym).starts_with("<builtin>.")
            }
            Value::Unknown(_) => true,
            _ => false,
        });
        let mut args = call.args.iter().filter(|_| is_unseen);
        let name = args.find_map(|arg| says(arg.node))?;
        let range = call.range;
        Some((name, Place { file, range }))
    })?;
    let (name, place) = given;
    let line = cx.program.line(place);
    let path = &cx.program.file(place.file).path;
    Some(format!(
        "`{name}` is chosen by its name at {path}:{line}, and counts on what is patched"
    ))
}

/// The modules that all calls which patch leave as they are. None where that can't be told.
fn left_out(cx: &Context<'_>) -> Option<Vec<&'static str>> {
    let mut left: Vec<&'static str> = PATCHED.iter().flat_map(|it| it.1).copied().collect();
    for (use_, _, view) in cx.uses_for(RULE) {
        let call = view.call_of(use_.place.range)?;
        let patched = patched(use_, call)?;
        left.retain(|module| !patched.contains(module));
    }
    Some(left)
}

/// The modules that a call patches. None where that can't be told.
fn patched(use_: &Use, call: &ExprCall) -> Option<Vec<&'static str>> {
    if !call.arguments.args.is_empty() {
        return None;
    }
    let mut given = Vec::new();
    for keyword in &call.arguments.keywords {
        let Expr::BooleanLiteral(value) = &keyword.value else {
            return None;
        };
        given.push((keyword.arg.as_ref()?.as_str(), value.value));
    }
    let name = use_.api.strip_prefix("gevent.monkey.patch_");
    if let Some(name) = name.filter(|name| *name != "all") {
        // What its arguments leave out is not looked at.
        let is_whole = given.is_empty();
        return is_whole.then(|| modules(name).unwrap_or_default().to_vec());
    }
    let all = given.iter().find(|(name, _)| *name == "all");
    let known = |name: &str| name == "all" || OTHERS.contains(&name) || modules(name).is_some();
    if !given.iter().all(|(name, _)| known(name)) {
        return None;
    }
    // Of eventlet's, one that is named leaves the others out.
    let others = match all {
        Some((_, all)) => *all,
        None => root(&use_.api) != "eventlet" || !given.iter().any(|(_, on)| *on),
    };
    // Eventlet's sockets come with all that goes over them, its threads with their queues.
    let of_eventlet = |name| match name {
        "dns" | "ssl" => "socket",
        "queue" => "thread",
        name => name,
    };
    let is_on = |name: &'static str| {
        let keyword = match root(&use_.api) {
            "eventlet" => of_eventlet(name),
            _ => name,
        };
        given
            .iter()
            .find(|it| it.0 == keyword)
            .map_or(others, |it| it.1)
    };
    let on = PATCHED.iter().filter(|(name, _)| is_on(name));
    let off = PATCHED.iter().filter(|(name, _)| !is_on(name));
    let off: Vec<&str> = off.flat_map(|(_, modules)| *modules).copied().collect();
    let on = on.flat_map(|(_, modules)| *modules).copied();
    // What two keywords stand for counts as left where one of them is off.
    Some(on.filter(|module| !off.contains(module)).collect())
}

/// Whether the program uses something of a module.
fn is_used(cx: &Context<'_>, module: &str) -> bool {
    let mut names = cx.program.flow.linked.symbols.texts().iter();
    names.any(|name| {
        let rest = name.strip_prefix(module);
        rest.is_some_and(|rest| rest.starts_with('.'))
    })
}

fn modules(keyword: &str) -> Option<&'static [&'static str]> {
    let row = PATCHED.iter().find(|(name, _)| *name == keyword);
    row.map(|(_, modules)| *modules)
}

/// The uses that wait where the standard library is patched.
fn waiting<'c>(cx: &Context<'c>) -> impl Iterator<Item = (&'c Use, &'c Api)> {
    let rows = |use_: &'c Use| Some((use_, cx.catalog.get(&use_.api)?));
    let uses = cx.uses.iter().filter_map(rows);
    uses.filter(|(use_, api)| !api.cooperative.is_empty() && !is_green(&use_.api))
}

/// Whether clients of the program may wait by sockets of TLS: it speaks of them, or names no address.
fn goes_over_tls(cx: &Context<'_>) -> bool {
    let files = || cx.program.files.iter().filter(|file| file.is_python());
    let has = |word: &str| {
        files().any(|file| memmem::find(file.text.as_bytes(), word.as_bytes()).is_some())
    };
    let is_client =
        |(use_, _): (&Use, &Api)| !PATCHED.iter().any(|it| it.1.contains(&root(&use_.api)));
    let speaks = || ["https", "ssl", "SSL", "tls", "TLS"].into_iter().any(has);
    waiting(cx).any(is_client) && (speaks() || !has("http://"))
}

/// Why calls of the program may block all green threads, where these modules are left as they are.
fn waits_plainly(cx: &Context<'_>, left: &[&str]) -> Option<String> {
    let is_named = |module: &&&str| PATCHED.iter().any(|(_, names)| names.contains(module));
    // What stands for a module of threads goes by the library's own name.
    let threads = modules("thread").unwrap_or_default();
    let threads = threads.iter().filter(|it| left.contains(it));
    if let Some(module) = threads.into_iter().find(|module| is_used(cx, module)) {
        return Some(format!(
            "it leaves `{module}` as it is, which the program uses"
        ));
    }
    // Everything else waits by sockets, which clients of HTTP do not select from.
    let by_sockets = |api: &Api| {
        let select = (!api.apart).then_some("select");
        let mut modules = ["socket"].into_iter().chain(select);
        modules.any(|module| left.contains(&module))
    };
    let mut uses = waiting(cx);
    let (use_, _) = uses.find(|(use_, api)| {
        let of = root(&use_.api);
        left.contains(&of) || (!is_named(&&of) && by_sockets(api))
    })?;
    let line = cx.program.line(use_.place);
    let path = &cx.program.file(use_.place.file).path;
    Some(format!(
        "it leaves parts of the standard library as they are, and `{}` at {path}:{line} is one that may be",
        use_.api
    ))
}
