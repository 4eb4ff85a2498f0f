//! Classes of the program that derive from a server of `http.server`, also with `ThreadingMixIn`.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt, StmtClassDef};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};

use super::{OF_SERVER, RULE, SERVER, asked, handles, in_its_place, is_plain, keep_data};
use crate::context::{Context, View};
use crate::rules::green::is_coloured;

/// What answers each connection in a thread, which is waited for when the server is closed.
const MIXIN: &str = "socketserver.ThreadingMixIn";

/// What the server in its place does in one way only.
const METHODS: &[&str] = &[
    "handle_request",
    "serve_forever",
    "server_close",
    "shutdown",
];

/// The class that a base stands in.
pub(super) fn around<'v>(view: &View<'v>, range: TextRange) -> Option<&'v StmtClassDef> {
    view.tree.around(range).find_map(|node| match node {
        AnyNodeRef::StmtClassDef(it) if it.bases().iter().any(|base| base.range() == range) => {
            Some(it)
        }
        _ => None,
    })
}

/// `class Server(ThreadingMixIn, HTTPServer)`.
pub(super) fn moved(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    class: &StmtClassDef,
) -> Result<Change, String> {
    let base = use_.place.range;
    let others: Vec<&Expr> = (class.bases().iter())
        .filter(|it| it.range() != base)
        .collect();
    let mixin = match others[..] {
        [] => None,
        [mixin] if cx.api_of(view, mixin) == Some(MIXIN) => Some(mixin),
        _ => return Err("a class derives from it and from something else".to_owned()),
    };
    if !use_.only || !class.keywords().is_empty() {
        return Err("it is not known what the class derives from".to_owned());
    }
    let is_daemon = keeps_to_its_own(cx, view, class)?;
    let ids = classes(cx);
    for (view, handlers) in given(cx, &ids)? {
        let mut values = cx.program.values_at(view.place(handlers)).peekable();
        let unknown = || "its class of handlers is not known".to_owned();
        values.peek().ok_or_else(unknown)?;
        for value in values {
            let Value::Class(class) = value else {
                return Err(unknown());
            };
            handles(cx, class)?;
        }
    }
    if !*cx.once(keep_data) {
        return Err(
            "the program keeps what may wait in the server, and nobody sees who asks it there"
                .to_owned(),
        );
    }
    let asked = cx.once(asked);
    let unseen = methods(cx, &ids).find(|func| {
        let name = cx.program.function(*func).name();
        asked.may_ask(name) && is_coloured(cx, *func)
    });
    if let Some(func) = unseen {
        let name = cx.program.qualified_name(func);
        return Err(format!(
            "`{name}` would have to be async, and handlers may call it, which is not seen"
        ));
    }
    let message = format!("`{}` becomes a server of tasks", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.edit(Edit::Replace {
        range: base,
        pieces: vec![Piece::Helper(in_its_place(&use_.api, mixin.is_some())?)],
    });
    if let Some(mixin) = mixin {
        let gone = if mixin.start() < base.start() {
            TextRange::new(mixin.start(), base.start())
        } else {
            TextRange::new(base.end(), mixin.end())
        };
        change.edit(Edit::delete(gone));
        if !is_daemon {
            change.caveat("its threads were waited for when it was closed; tasks are not");
        }
    }
    Ok(change)
}

/// What takes the place of a server where a class that derives from it calls `HTTPServer.__init__`.
pub(super) fn init(
    cx: &Context<'_>,
    view: &View<'_>,
    use_: &Use,
) -> Result<Option<&'static Helper>, String> {
    let expr = view.tree.expr_at(use_.place.range);
    let Some(AnyNodeRef::ExprAttribute(it)) = expr.and_then(|it| view.tree.parent(it)) else {
        return Ok(None);
    };
    let Some(AnyNodeRef::ExprCall(call)) = view.tree.parent(it) else {
        return Ok(None);
    };
    let is_init =
        call.func.range() == it.range() && is_init(cx, view, call, &classes(cx)).is_some();
    if !is_init || !use_.only {
        return Ok(None);
    }
    let threads = view.tree.around(call.range()).find_map(|node| match node {
        AnyNodeRef::StmtClassDef(class) => Some(
            class
                .bases()
                .iter()
                .any(|it| cx.api_of(view, it) == Some(MIXIN)),
        ),
        _ => None,
    });
    in_its_place(&use_.api, threads == Some(true)).map(Some)
}

/// That a class overrides nothing of a server, and keeps nothing in its body that may wait. Whether it makes its threads
/// daemons.
fn keeps_to_its_own(
    cx: &Context<'_>,
    view: &View<'_>,
    class: &StmtClassDef,
) -> Result<bool, String> {
    let mut is_daemon = false;
    for stmt in &class.body {
        match stmt {
            Stmt::FunctionDef(def) => {
                let name = def.name.as_str();
                if OF_SERVER.contains(&name) || METHODS.contains(&name) {
                    return Err(format!("a class that derives from it has its own `{name}`"));
                }
            }
            Stmt::Assign(it) => {
                let [Expr::Name(name)] = &it.targets[..] else {
                    return Err("the body of a class that derives from it does more".to_owned());
                };
                let is_true = match &*it.value {
                    Expr::BooleanLiteral(literal) => literal.value,
                    Expr::NumberLiteral(_) => view.text(it.value.range()) == "1",
                    _ => false,
                };
                match name.id.as_str() {
                    "daemon_threads" => is_daemon = is_true,
                    // So it is with the one in its place.
                    "allow_reuse_address" if is_true => {}
                    name if OF_SERVER.contains(&name) => {
                        return Err(format!("a class that derives from it has its own `{name}`"));
                    }
                    _ => {
                        let mut values = cx.program.values_at(view.place(&*it.value));
                        if !values.all(|value| is_plain(cx, value)) {
                            return Err("a class that derives from it keeps what may wait, and nobody sees who asks it there".to_owned());
                        }
                    }
                }
            }
            Stmt::Pass(_) => {}
            Stmt::Expr(it) if it.value.is_string_literal_expr() => {}
            _ => return Err("the body of a class that derives from it does more".to_owned()),
        }
    }
    Ok(is_daemon)
}

/// The classes that derive from a server.
pub(super) fn classes(cx: &Context<'_>) -> BTreeSet<ClassId> {
    let flow = &cx.program.flow;
    let is_server = |entry: &MroEntry| match entry {
        MroEntry::External(sym) => {
            let name = flow.text(*sym);
            name.ends_with(SERVER) || name.ends_with(".patched.ThreadingHTTPServer")
        }
        MroEntry::Class(_) => false,
    };
    (0..)
        .map(ClassId)
        .zip(flow.mro.iter())
        .filter(|(_, bases)| bases.iter().any(is_server))
        .map(|(class, _)| class)
        .collect()
}

/// The methods of these classes.
fn methods<'c>(
    cx: &'c Context<'_>,
    ids: &'c BTreeSet<ClassId>,
) -> impl Iterator<Item = FuncId> + 'c {
    let own = |class: &ClassId| cx.program.methods(*class).to_vec();
    ids.iter().flat_map(own)
}

/// The classes of handlers that such servers are made with: by a call of the class, or by one of `__init__` in its own.
fn given<'c>(
    cx: &Context<'c>,
    ids: &BTreeSet<ClassId>,
) -> Result<Vec<(&'c View<'c>, &'c Expr)>, String> {
    let has_init = |class: &ClassId| {
        let bases = &cx.program.flow.mro[class.0 as usize];
        bases.iter().any(|entry| match entry {
            MroEntry::Class(class) => {
                let methods = cx.program.methods(*class);
                methods
                    .iter()
                    .any(|it| cx.program.function(*it).name() == "__init__")
            }
            MroEntry::External(_) => false,
        })
    };
    let mut out = Vec::new();
    for view in cx.views() {
        for call in view.tree.exprs().filter_map(Expr::as_call_expr) {
            let mut made = cx.program.values_at(view.place(&*call.func));
            let plain = made.any(|value| {
                matches!(value, Value::Class(class) if ids.contains(&class) && !has_init(&class))
            });
            let skipped = match is_init(cx, view, call, ids) {
                Some(skipped) => skipped,
                None if plain => 0,
                None => continue,
            };
            let is_named = |it: &&loopshift_python::ast::Keyword| {
                it.arg
                    .as_ref()
                    .is_some_and(|it| it == "RequestHandlerClass")
            };
            let named = call.arguments.keywords.iter().find(is_named);
            let args = &call.arguments.args;
            let count = args.len() + call.arguments.keywords.len() - skipped;
            let handlers = named.map(|it| &it.value).or_else(|| args.get(1 + skipped));
            match handlers {
                Some(it) if count == 2 && !args.iter().any(Expr::is_starred_expr) => {
                    out.push((view, it));
                }
                _ => return Err("it is not bound to its address at once".to_owned()),
            }
        }
    }
    Ok(out)
}

/// Whether a call is one of `__init__` of a server in that of a derived class; how many arguments stand for the object.
fn is_init(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    ids: &BTreeSet<ClassId>,
) -> Option<usize> {
    let Expr::Attribute(it) = &*call.func else {
        return None;
    };
    let owner = cx
        .program
        .function(cx.program.function_at(view.place(call)));
    let is_ours = it.attr.as_str() == "__init__"
        && owner.name() == "__init__"
        && owner.class.is_some_and(|class| ids.contains(&class));
    is_ours.then(|| usize::from(!it.value.is_call_expr()))
}
