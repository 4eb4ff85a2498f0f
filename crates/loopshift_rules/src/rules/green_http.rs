//! Servers of `http.server` in a patched program: their handlers may wait, and run as tasks.

mod derived;

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece};
use rustc_hash::FxHashMap;

use crate::catalog::{Api, Kind};
use crate::common::green::{class_of_base, each, helper, is_coloured, kept, owners};
use crate::common::objects::{Mention, mention};
use crate::common::rows;
use crate::context::{Context, View};

const RULE: &str = "green-http";

/// The class of handlers, behind the name of the library that has patched it.
const HANDLER: &str = ".patched.BaseHTTPRequestHandler";

/// The class of servers.
const SERVER: &str = ".patched.HTTPServer";

/// What a handler has of its connection, or does with it as a whole: there is none any more.
const OF_CONNECTION: &[&str] = &[
    "__init__",
    "connection",
    "finish",
    "handle",
    "handle_one_request",
    "parse_request",
    "raw_requestline",
    "request",
    "setup",
    "timeout",
];

/// What the methods of the standard library's class call, and do not await.
const UNAWAITED: &[&str] = &[
    "address_string",
    "date_time_string",
    "end_headers",
    "flush_headers",
    "handle_expect_100",
    "log_date_time_string",
    "log_error",
    "log_message",
    "log_request",
    "send_error",
    "send_header",
    "send_response",
    "send_response_only",
    "version_string",
];

/// What the server in its place has not. Any other attribute is one that the program gives it.
const OF_SERVER: &[&str] = &[
    "RequestHandlerClass",
    "address_family",
    "allow_reuse_address",
    "close_request",
    "fileno",
    "finish_request",
    "get_request",
    "handle_error",
    "handle_timeout",
    "process_request",
    "request_queue_size",
    "server_activate",
    "server_bind",
    "service_actions",
    "shutdown_request",
    "socket",
    "socket_type",
    "timeout",
    "verify_request",
];

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    each(cx, RULE, changes, |use_, api, view| {
        moved(cx, &owners, use_, api, view)
    });
}

fn moved<'c>(
    cx: &Context<'c>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let stays = || {
        Change::new(
            RULE,
            use_.place,
            &*use_.api,
            "it is asked of the server in its place",
        )
    };
    let name = use_.api.rsplit('.').next().unwrap_or_default();
    if use_.api.ends_with(HANDLER) {
        handler(cx, use_, view)?;
        return Ok(stays());
    }
    if use_.api.contains(HANDLER) {
        if OF_CONNECTION.contains(&name) {
            return Err(format!(
                "`{name}` is of its connection, which a handler does not have"
            ));
        }
        return Ok(stays());
    }
    match api.kind {
        Kind::Class => server(cx, use_, api, view),
        Kind::Method if view.call_of(use_.place.range).is_none() => {
            rows::replace(cx, use_, api, view, RULE)
        }
        Kind::Method => kept(cx, owners, use_, api, view, RULE),
        _ if OF_SERVER.contains(&name) => Err(format!("the server in its place has no `{name}`")),
        _ => Ok(stays()),
    }
}

/// Whether the program keeps nothing but data as attributes of servers: no object that moves, and no code of its own,
/// which others would ask for there. Where a class of the program derives from one, only what is asked of a server of
/// which no more is known counts.
fn keep_data(cx: &Context<'_>) -> bool {
    let derived = cx.once(derived::classes);
    let is_server = |value: Value| match value {
        Value::Object(class, _) => cx.program.flow.text(class).ends_with(SERVER),
        _ => false,
    };
    let is_derived = |value| matches!(value, Value::Instance(class) if derived.contains(&class));
    let asked = cx.once(asked);
    cx.views_where(|value| is_server(value) || is_derived(value))
        .all(|view| {
            view.tree.exprs().all(|expr| {
                let Expr::Attribute(attribute) = expr else {
                    return true;
                };
                let values = || cx.program.values_at(view.place(&*attribute.value));
                let sets = attribute.ctx.is_store()
                    && (values().any(is_server)
                        || (asked.may_ask(&attribute.attr) && values().any(is_derived)));
                !sets || is_data(cx, view, attribute)
            })
        })
}

/// What is asked of servers of which no more is known than that they are some: by handlers.
struct Asked {
    names: BTreeSet<String>,
    /// Whether one is handed on.
    more: bool,
}

impl Asked {
    fn may_ask(&self, name: &str) -> bool {
        self.more || self.names.contains(name)
    }
}

fn asked(cx: &Context<'_>) -> Asked {
    let mut out = Asked {
        names: BTreeSet::new(),
        more: false,
    };
    let is_server = |value: Value| match value {
        Value::Object(class, _) => cx.program.flow.text(class).ends_with(SERVER),
        _ => false,
    };
    for view in cx.views_where(is_server) {
        for expr in view.tree.exprs() {
            if !cx.program.values_at(view.place(expr)).any(is_server) {
                continue;
            }
            match view.tree.parent(expr) {
                Some(AnyNodeRef::ExprAttribute(it)) => {
                    out.names.insert(it.attr.to_string());
                }
                Some(AnyNodeRef::StmtAssign(_) | AnyNodeRef::WithItem(_)) => {}
                _ => out.more |= !expr.is_call_expr(),
            }
        }
    }
    out
}

/// Whether what is kept in an attribute is data.
fn is_data(cx: &Context<'_>, view: &View<'_>, attribute: &ExprAttribute) -> bool {
    let kept = match view.tree.enclosing_statement(attribute.range()) {
        Some(Stmt::Assign(it)) => Some(&*it.value),
        Some(Stmt::AugAssign(it)) => Some(&*it.value),
        Some(Stmt::AnnAssign(it)) => it.value.as_deref(),
        _ => None,
    };
    kept.is_some_and(|kept| {
        let parts = view.tree.nodes_within(kept.range());
        let mut exprs = parts.filter_map(AnyNodeRef::as_expr_ref);
        exprs.all(|it| {
            cx.program
                .values_at(view.place(it.range()))
                .all(|value| is_plain(cx, value))
        })
    })
}

/// Whether a value is data.
fn is_plain(cx: &Context<'_>, value: Value) -> bool {
    match value {
        Value::Object(class, _) => !cx.recipe.moves(cx.program.flow.text(class)),
        Value::Str(_) | Value::Start(_) | Value::Int(_) | Value::Container(_) => true,
        Value::External(_) | Value::Unknown(_) => true,
        _ => false,
    }
}

/// Checks that a class of handlers leaves to the server what this does in another way.
///
/// # Errors
/// Where it does not, in words.
fn handler(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Result<(), String> {
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    match mention(cx, view, use_.place.range) {
        Mention::Annotation(_) | Mention::Test => return Ok(()),
        _ => {}
    }
    let class = view.tree.ancestors(expr).find_map(|node| match node {
        AnyNodeRef::StmtClassDef(it) => Some(it),
        _ => None,
    });
    let is_base = class.is_some_and(|it| it.bases().iter().any(|base| base == expr));
    if !is_base || !use_.only {
        return Err(
            "a class of handlers is only derived from, or named in an annotation".to_owned(),
        );
    }
    Ok(())
}

/// `HTTPServer(address, Handler)`.
fn server<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    if let Some(class) = class_of_base(view, use_.place.range) {
        return derived::moved(cx, use_, view, class);
    }
    if let Some(helper) = derived::init(cx, view, use_)? {
        let message = "the class in its place is made ready";
        let mut change = Change::new(RULE, use_.place, &*use_.api, message);
        change.edit(Edit::Replace {
            range: use_.place.range,
            pieces: vec![Piece::Helper(helper)],
        });
        return Ok(change);
    }
    let (call, bound) = cx.direct_call(use_, api, view)?;
    if !bound.only(&["server_address", "RequestHandlerClass"]) {
        return Err("it is not bound to its address at once".to_owned());
    }
    let handlers = bound
        .get("RequestHandlerClass")
        .ok_or("it has no class of handlers")?;
    let mut values = cx.program.values_at(view.place(handlers)).peekable();
    values.peek().ok_or("its class of handlers is not known")?;
    for value in values {
        let Value::Class(class) = value else {
            return Err("its class of handlers is not known".to_owned());
        };
        handles(cx, class)?;
    }
    if !*cx.once(keep_data) {
        return Err(
            "the program keeps what may wait in the server, and nobody sees who asks it there"
                .to_owned(),
        );
    }
    let message = format!("`{}` becomes a server of tasks", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.edit(Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(in_its_place(&use_.api, false)?)],
    });
    Ok(change)
}

/// The class that takes the place of a server. `threads` says whether it answers in threads whatever its name.
fn in_its_place(api: &str, threads: bool) -> Result<&'static Helper, String> {
    let name = if threads || api.ends_with(".ThreadingHTTPServer") {
        "TaskRequestServer"
    } else {
        "RequestServer"
    };
    helper(name).ok_or_else(|| "a helper is missing".to_owned())
}

/// Checks that a class is one of handlers, whose methods wait only where they are awaited.
///
/// # Errors
/// Where it is not, in words.
fn handles(cx: &Context<'_>, class: ClassId) -> Result<(), String> {
    let line = &cx.program.flow.mro[class.0 as usize];
    let is_handler = |entry: &MroEntry| match entry {
        MroEntry::External(sym) => cx.program.flow.text(*sym).ends_with(HANDLER),
        MroEntry::Class(_) => false,
    };
    if !line.iter().any(is_handler) {
        return Err("its handlers are of another class than `BaseHTTPRequestHandler`".to_owned());
    }
    let own = line.iter().filter_map(|entry| match entry {
        MroEntry::Class(class) => Some(cx.program.methods(*class)),
        MroEntry::External(_) => None,
    });
    for method in own.flatten() {
        let name = cx.program.function(*method).name();
        if OF_CONNECTION.contains(&name) {
            return Err(format!("its handlers have a `{name}` of their own"));
        }
        if UNAWAITED.contains(&name) && is_coloured(cx, *method) {
            return Err(format!(
                "`{name}` of its handlers would have to be async, and nobody awaits it"
            ));
        }
    }
    Ok(())
}
