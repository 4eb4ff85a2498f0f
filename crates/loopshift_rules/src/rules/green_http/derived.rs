//! Classes of the program that derive from a server of `http.server`, also with `ThreadingMixIn`.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt, StmtClassDef};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};

use super::{OF_SERVER, RULE, SERVER, asked, handles, in_its_place, is_plain, keep_data};
use crate::common::code::{class_definition, has_comment};
use crate::common::green::{derived, is_coloured, is_init, making};
use crate::context::{Context, View};

/// What answers each connection in a thread, which is waited for when the server is closed.
const MIXIN: &str = "socketserver.ThreadingMixIn";

/// What the server in its place does in one way only.
const METHODS: &[&str] = &[
    "handle_request",
    "serve_forever",
    "server_close",
    "shutdown",
];

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
    let ids = cx.once(classes);
    for heir in ids.iter() {
        inherits_plainly(cx, *heir)?;
    }
    for made in making(cx, &ids)? {
        let handlers = made.argument(1, "RequestHandlerClass");
        let handlers = handlers.filter(|_| made.count() == Some(2));
        let handlers = handlers.ok_or("it is not bound to its address at once")?;
        let mut values = cx.program.values_at(made.view.place(handlers)).peekable();
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
        if has_comment(view, gone) {
            return Err(
                "a comment stands between the classes that a class derives from".to_owned(),
            );
        }
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
    let range = use_.place.range;
    if !use_.only || !is_init(cx, view, range, &cx.once(classes)) {
        return Ok(None);
    }
    let threads = view.tree.around(range).find_map(|node| match node {
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

/// That a class which derives from such a class derives from nothing else, and keeps to its own as well.
fn inherits_plainly(cx: &Context<'_>, class: ClassId) -> Result<(), String> {
    let (view, def) =
        class_definition(cx, class).ok_or("a class that derives from it is not seen")?;
    let is_direct = |base: &Expr| cx.api_of(view, base).is_some_and(is_server);
    if !def.bases().iter().any(is_direct) {
        if def.bases().len() != 1 || !def.keywords().is_empty() {
            return Err(
                "a class derives from one that derives from it, and from something else".to_owned(),
            );
        }
        keeps_to_its_own(cx, view, def)?;
    }
    Ok(())
}

/// The classes that derive from a server.
pub(super) fn classes(cx: &Context<'_>) -> BTreeSet<ClassId> {
    derived(cx, is_server)
}

fn is_server(name: &str) -> bool {
    name.ends_with(SERVER) || name.ends_with(".patched.ThreadingHTTPServer")
}

/// The methods of these classes.
fn methods<'c>(
    cx: &'c Context<'_>,
    ids: &'c BTreeSet<ClassId>,
) -> impl Iterator<Item = FuncId> + 'c {
    let own = |class: &ClassId| cx.program.methods(*class).to_vec();
    ids.iter().flat_map(own)
}
