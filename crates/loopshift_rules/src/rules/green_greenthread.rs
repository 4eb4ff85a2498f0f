//! What is done with green threads of eventlet: waiting, killing, linking.

use std::collections::BTreeSet;
use std::sync::Arc;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, ExprCall, Stmt, StmtTry};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use crate::catalog::Api;
use crate::common::code::{Reach, definition, own};
use crate::common::green::{
    CutShort, anchor, are_followed, awaited_there, cleaned_up, each, helper, is_only, named,
    owners, run_by, shown,
};
use crate::common::objects::{Mention, mention};
use crate::context::{Context, View};

const RULE: &str = "green-greenthread";

/// The class of green threads.
const GREEN_THREAD: &str = "eventlet.greenthread.GreenThread";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let state = State {
        cx,
        owners: cx.once(owners),
        followed: are_followed(cx),
        cut_short: cx.once(CutShort::new),
    };
    each(cx, RULE, changes, |use_, api, view| {
        moved(&state, use_, api, view)
    });
}

struct State<'s> {
    cx: &'s Context<'s>,
    owners: Arc<FxHashMap<Place, FuncId>>,
    /// Whether tasks are of a class of their own.
    followed: bool,
    /// Where a wait may be cut short.
    cut_short: Arc<CutShort>,
}

fn moved<'c>(
    state: &State<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let State { cx, owners, .. } = state;
    if use_.api == GREEN_THREAD {
        return class(state, use_, view);
    }
    let method = api.name.rsplit('.').next().unwrap_or_default();
    match method {
        "wait" => {
            let call = view
                .call_of(use_.place.range)
                .ok_or("it is passed on as a function")?;
            let Expr::Attribute(attribute) = &*call.func else {
                return Err("it is called through a variable".to_owned());
            };
            if !is_only(cx, use_) {
                return Err("it may be something else that is waited for there".to_owned());
            }
            let task = Piece::Source(attribute.value.range());
            let text = match (state.followed, state.cut_short.reaches(cx, use_.place)) {
                (true, _) => pieces("await {0}.wait()", &[task]),
                (false, true) => pieces("await {@asyncio}.shield({0})", &[task]),
                (false, false) => pieces("await {0}", &[task]),
            };
            replaced(state, use_, view, call, text)
        }
        "kill" => {
            let method = view.tree.expr_at(use_.place.range);
            let method = method.and_then(|expr| expr.as_attribute_expr());
            let killed = method.and_then(|method| run_by(cx, view, &method.value));
            let mut change = match (method, view.call_of(use_.place.range)) {
                (Some(method), None) => {
                    let message = format!("`{}` is awaited after the test", use_.api);
                    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
                    cleaned_up(cx, view, method, helper("kill"), &mut change)?;
                    change
                }
                _ => named(cx, owners, use_, api, view, RULE)?,
            };
            if handlers_wait(cx, killed) {
                change.caveat("a green thread whose handlers wait goes on in the background, a task is waited for");
            }
            shown(cx, &mut change);
            Ok(change)
        }
        _ => named(cx, owners, use_, api, view, RULE),
    }
}

/// The class itself, in annotations and tests.
fn class(state: &State<'_>, use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let is_named = matches!(
        mention(state.cx, view, use_.place.range),
        Mention::Annotation(_) | Mention::Test
    );
    let expr = view.tree.expr_at(use_.place.range);
    if !is_named || !use_.only || !expr.is_some_and(|expr| view.is_direct(expr)) {
        return Err("the class is neither named in an annotation nor in a test".to_owned());
    }
    let pieces = if state.followed {
        vec![Piece::Helper(
            helper("GreenThread").ok_or("a helper is missing")?,
        )]
    } else {
        pieces("{@asyncio}.Task", &[])
    };
    let message = format!("`{}` is the class of tasks", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.edit(Edit::Replace {
        range: use_.place.range,
        pieces,
    });
    Ok(change)
}

fn replaced(
    state: &State<'_>,
    use_: &Use,
    view: &View<'_>,
    call: &ExprCall,
    text: Vec<Piece>,
) -> Result<Change, String> {
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    let owner = state
        .owners
        .get(&view.place(call))
        .ok_or("the function that waits was not found")?;
    let message = format!("`{}` is awaited", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: awaited_there(state.cx, *owner, view, expr, text)?,
    });
    change.requires.push(anchor(state.cx, *owner));
    Ok(change)
}

/// Whether some handler that runs when a green thread is killed waits, or the function goes on behind it. Where it is known
/// what such green threads run, only that counts.
fn handlers_wait(cx: &Context<'_>, killed: Option<BTreeSet<FuncId>>) -> bool {
    let beside = match killed {
        Some(killed) => cx.once(Reach::new).from(killed),
        None => started(cx),
    };
    cx.program.functions().any(|func| {
        // What only the main green thread runs is not killed.
        if !beside.contains(&func) {
            return false;
        }
        let waits: Vec<TextRange> = cx.facts().waits(func).map(|place| place.range).collect();
        if waits.is_empty() {
            return false;
        }
        let Some((_, def)) = definition(cx, func) else {
            return false;
        };
        let called = || {
            cx.callers
                .of(func)
                .iter()
                .any(|site| site.owner != FuncId::NONE)
        };
        own(&def.body).into_iter().any(|node| {
            let AnyNodeRef::StmtTry(it) = node else {
                return false;
            };
            let inside = |range: TextRange| waits.iter().any(|wait| range.contains_range(*wait));
            let goes_on = |body: &[Stmt]| match body.last() {
                Some(Stmt::Raise(_)) => false,
                Some(Stmt::Return(_)) => called(),
                last => {
                    let left = matches!(last, Some(Stmt::Break(_)));
                    called() || waits_behind(cx, func, it.range(), left, &waits)
                }
            };
            it.finalbody.iter().any(|stmt| inside(stmt.range()))
                || ends(it)
                    .any(|body| body.iter().any(|stmt| inside(stmt.range())) || goes_on(body))
        })
    })
}

/// Whether a function waits after the statement at `range`; `left` says whether the loop around it is left there.
fn waits_behind(
    cx: &Context<'_>,
    func: FuncId,
    range: TextRange,
    left: bool,
    waits: &[TextRange],
) -> bool {
    let Some((view, def)) = definition(cx, func) else {
        return true;
    };
    let loops = (view.tree.around(range))
        .filter(|node| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)))
        .filter(|node| def.range().contains_range(node.range()));
    let loops: Vec<TextRange> = loops.map(|node| node.range()).collect();
    let (end, again) = match &loops[..] {
        [inner, outer @ ..] if left => (inner.end(), outer.last()),
        all => (range.end(), all.last()),
    };
    let again = again.is_some_and(|it| waits.iter().any(|wait| it.contains_range(*wait)));
    again || waits.iter().any(|wait| wait.start() >= end)
}

/// The functions that may run in a green thread that the program has started.
fn started(cx: &Context<'_>) -> BTreeSet<FuncId> {
    let roots = cx.program.functions().filter(|func| {
        let mut sites = cx.callers.of(*func).iter();
        cx.callers.is_unseen(*func) || sites.any(|site| site.owner == FuncId::NONE)
    });
    cx.once(Reach::new).from(roots)
}

/// The bodies of handlers that see the end of a green thread.
fn ends(stmt: &StmtTry) -> impl Iterator<Item = &[Stmt]> {
    stmt.handlers.iter().filter_map(|handler| {
        let ExceptHandler::ExceptHandler(handler) = handler;
        let names = |expr: &Expr| match expr {
            Expr::Name(name) => ["BaseException", "GreenletExit"].contains(&name.id.as_str()),
            Expr::Attribute(name) => name.attr.as_str() == "GreenletExit",
            _ => false,
        };
        let sees = match handler.type_.as_deref() {
            None => true,
            Some(Expr::Tuple(types)) => types.elts.iter().any(names),
            Some(other) => names(other),
        };
        sees.then_some(&handler.body[..])
    })
}
