//! A part of a program that moves by itself: the rest runs on eventlet's hub for asyncio, which is chosen where the program
//! starts.

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::facts::Cause;
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{Call, FunctionKind};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use crate::common::code::definition;
use crate::common::green::{anchor, are_followed, helper, is_guard, is_outside};
use crate::context::{Context, View};
use crate::entries::entries;
use crate::recipe::patching;

const RULE: &str = "green-part";

const USE_HUB: &str = "eventlet.hubs.use_hub";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, api, view) in cx.uses_for(RULE) {
        changes.push(
            awaited(use_, view)
                .or_else(|| task(cx, use_, view))
                .unwrap_or_else(|| {
                    let reason = api.why_not.as_deref().unwrap_or_default();
                    Change::declined(RULE, use_.place, &*use_.api, reason)
                }),
        );
    }
    if cx.part.is_none() {
        return;
    }
    let hub = cx.once(Hub::new);
    let Hub::At(places) = &*hub else { return };
    for place in places {
        let message = "the program runs on eventlet's hub for asyncio";
        let mut change = Change::new(RULE, *place, USE_HUB, message);
        let line = "{@eventlet}.hubs.use_hub(\"asyncio\")\n";
        change.edit(Edit::insert(place.range.start(), line, &[]));
        changes.push(change);
    }
}

/// Whether a change chooses the hub: it belongs to no part, and is of no use without the others.
pub(crate) fn is_of_hub(change: &Change) -> bool {
    change.rule == RULE && change.api == USE_HUB
}

/// What is waited for at once, as it stands: `await` comes from the rule that moves `wait()`.
fn awaited(use_: &Use, view: &View<'_>) -> Option<Change> {
    let call = view.call_of(use_.place.range).filter(|_| use_.only)?;
    let [coroutine @ (Expr::Call(_) | Expr::Name(_) | Expr::Attribute(_))] = &*call.arguments.args
    else {
        return None;
    };
    let is_waited = match view.tree.parent(call)? {
        AnyNodeRef::ExprAwait(_) => true,
        AnyNodeRef::ExprAttribute(it) => {
            let waits = view.call_of(it.range());
            it.attr.as_str() == "wait" && waits.is_some_and(|it| it.arguments.is_empty())
        }
        _ => false,
    };
    if !is_waited || !call.arguments.keywords.is_empty() {
        return None;
    }
    let message = "it is awaited";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let start = TextRange::new(call.start(), coroutine.start());
    let end = TextRange::new(coroutine.end(), call.end());
    change.edit(Edit::delete(start));
    change.edit(Edit::delete(end));
    Some(change)
}

/// What is not waited for at once is a task, where none of it stays a green thread.
fn task(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Option<Change> {
    let call = view.call_of(use_.place.range).filter(|_| use_.only)?;
    let [coroutine] = &*call.arguments.args else {
        return None;
    };
    let mut values = cx.program.values_at(view.place(coroutine));
    let runs_one = values.all(|value| matches!(value, Value::Coroutine(_)));
    if cx.part.is_some() || are_followed(cx) || !runs_one || !call.arguments.keywords.is_empty() {
        return None;
    }
    let mut change = Change::new(RULE, use_.place, &*use_.api, "it becomes a task");
    change.edit(Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(helper("spawn")?)],
    });
    Some(change)
}

/// Where the program chooses eventlet's hub for asyncio.
pub(crate) enum Hub {
    /// It does already.
    Chosen,
    /// Before these statements.
    At(Vec<Place>),
}

impl Hub {
    /// Finds the places: before the standard library is patched, or else where the program starts.
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        if cx
            .program
            .calls()
            .any(|(_, call)| chooses_asyncio(cx, call))
        {
            return Hub::Chosen;
        }
        let mut files: Vec<FileId> = patching(cx.program, cx.catalog).collect();
        files.sort();
        files.dedup();
        let mut places: Vec<Place> = files.iter().filter_map(|file| patch(cx, *file)).collect();
        if places.is_empty() {
            places = starts(cx);
        }
        Hub::At(places)
    }

    /// Whether nothing was found that starts the program.
    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self, Hub::At(places) if places.is_empty())
    }
}

/// Whether a call chooses the hub for asyncio.
fn chooses_asyncio(cx: &Context<'_>, call: &Call) -> bool {
    let flow = &cx.program.flow;
    let mut targets = cx.program.callees(call).iter();
    let chooses =
        targets.any(|target| matches!(target, Target::External(sym) if flow.text(*sym) == USE_HUB));
    let mut names = call.args.iter().flat_map(|arg| flow.values_of(arg.node));
    chooses
        && names.any(|value| match value {
            Value::Str(sym) => flow.text(sym).ends_with("asyncio"),
            _ => false,
        })
}

/// The statement of a file that patches the standard library.
fn patch(cx: &Context<'_>, file: FileId) -> Option<Place> {
    let view = cx.view(file)?;
    let calls = |stmt: &Stmt| {
        let Stmt::Expr(it) = stmt else { return false };
        let Expr::Call(call) = &*it.value else {
            return false;
        };
        let name = cx.program.api_at(view.place(&*call.func));
        let row = name.and_then(|name| cx.catalog.get(name));
        row.is_some_and(|api| api.rule.as_deref() == Some("green-patch"))
    };
    let mut nodes = view.tree.nodes_within(view.parsed.syntax().range());
    nodes.find_map(|node| match node {
        AnyNodeRef::StmtExpr(it) if calls(&Stmt::Expr(it.clone())) => Some(view.place(it)),
        _ => None,
    })
}

/// Where code that waits is the first to run: in the bodies of modules, and in functions with which the program is started.
fn starts(cx: &Context<'_>) -> Vec<Place> {
    let mut out = Vec::new();
    for func in cx.program.functions().filter(|func| is_outside(cx, *func)) {
        if cx.program.function(func).kind != FunctionKind::Module {
            continue;
        }
        let Some(view) = cx.view(anchor(cx, func).file) else {
            continue;
        };
        let waits: Vec<Place> = (cx.facts().causes(func).iter())
            .filter_map(|cause| match cause {
                Cause::Call { place, .. } | Cause::Api { place, .. } => Some(*place),
                _ => None,
            })
            .collect();
        out.extend(of_module(view, &waits));
    }
    for func in entries(cx.program) {
        if let (true, Some((view, def))) = (is_outside(cx, func), definition(cx, func)) {
            out.extend(first(view, &def.body));
        }
    }
    out
}

/// Where the body of a module begins to do something.
fn of_module(view: &View<'_>, waits: &[Place]) -> Option<Place> {
    let body = &view.parsed.syntax().body;
    let guard = body.iter().find_map(|stmt| match stmt {
        Stmt::If(it) if is_guard(it) => Some(it),
        _ => None,
    });
    if let Some(guard) = guard
        && waits
            .iter()
            .all(|place| guard.range().contains_range(place.range))
    {
        return first(view, &guard.body);
    }
    first(view, body)
}

/// The first statement that is neither a text nor an import.
fn first(view: &View<'_>, body: &[Stmt]) -> Option<Place> {
    let is_text = |stmt: &Stmt| matches!(stmt, Stmt::Expr(it) if it.value.is_string_literal_expr());
    let stmt = body
        .iter()
        .find(|stmt| !(is_text(stmt) || stmt.is_import_stmt() || stmt.is_import_from_stmt()))?;
    Some(view.place(stmt))
}
