//! Where a wait may be cut short: by a time limit around it, or because the green thread that waits is killed.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::{Call, FuncId};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};

use super::ending::{run_by, started};
use crate::common::code::{Reach, called_within, is_yield};
use crate::context::{Context, View};

/// Where the waits of a program may be cut short.
#[derive(Default)]
pub(crate) struct CutShort {
    /// Whether that may be anywhere, as far as is seen.
    anywhere: bool,
    /// Blocks with a time limit.
    blocks: Vec<Place>,
    /// What such blocks call, and what green threads run that are killed.
    functions: BTreeSet<FuncId>,
}

impl CutShort {
    /// Finds them.
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        CutShort::by(cx, |_| true)
    }

    /// Finds those that a time limit cuts short.
    pub(crate) fn by_limits(cx: &Context<'_>) -> Self {
        CutShort::by(cx, |name| {
            !matches!(name, "kill" | "killall" | "killone" | "throw")
        })
    }

    /// Finds those that are cut short by what `counts`, by the last part of its name.
    fn by(cx: &Context<'_>, counts: impl Fn(&str) -> bool) -> Self {
        let mut out = CutShort::default();
        let mut roots = BTreeSet::new();
        for use_ in cx.uses {
            if !cx.recipe.moves(&use_.api) {
                let words = ["cancel", "timeout", "wait_for"];
                let is_asyncio = use_.api.starts_with("asyncio.");
                out.anywhere |= is_asyncio && words.iter().any(|word| use_.api.contains(word));
                continue;
            }
            let name = use_.api.rsplit('.').next().unwrap_or_default();
            if !counts(name) {
                continue;
            }
            match cut_by(cx, use_) {
                Cut::Nothing => {}
                Cut::Block(block) => {
                    roots.extend(called_within(cx, block));
                    let hidden = cx.program.hidden_calls_of(cx.program.function_at(block));
                    roots.extend(functions_of(cx, hidden));
                    out.blocks.push(block);
                }
                Cut::Functions(run) => roots.extend(run),
                Cut::Anything => out.anywhere = true,
            }
        }
        out.functions = cx.once(Reach::new).from(roots);
        out
    }

    /// Whether what waits at a place may be cut short.
    pub(crate) fn reaches(&self, cx: &Context<'_>, place: Place) -> bool {
        let is_around = |it: &Place| it.file == place.file && it.range.contains_range(place.range);
        self.anywhere
            || self.functions.contains(&cx.program.function_at(place))
            || self.blocks.iter().any(is_around)
    }
}

/// What a use cuts short.
enum Cut {
    Nothing,
    Block(Place),
    Functions(BTreeSet<FuncId>),
    Anything,
}

fn cut_by(cx: &Context<'_>, use_: &Use) -> Cut {
    let name = use_.api.rsplit('.').next().unwrap_or_default();
    let Some(view) = cx.view(use_.place.file) else {
        return Cut::Anything;
    };
    let call = view.call_of(use_.place.range);
    match name {
        "kill" if use_.api.ends_with(".Popen.kill") => Cut::Nothing,
        "kill" => {
            let killed = call.and_then(|call| killed(cx, use_, view, call));
            killed
                .or_else(|| started(cx))
                .map_or(Cut::Anything, Cut::Functions)
        }
        "killall" | "killone" | "throw" => started(cx).map_or(Cut::Anything, Cut::Functions),
        "Timeout" => match call {
            Some(call) => match block(view, call) {
                Some(block) if !hands_over(view, block) => Cut::Block(block),
                _ => Cut::Anything,
            },
            None if is_caught(view, use_.place) => Cut::Nothing,
            None => Cut::Anything,
        },
        "with_timeout" => match call {
            Some(call) => {
                let args = call.arguments.args.iter();
                let values = args.flat_map(|arg| cx.program.values_at(view.place(arg)));
                Cut::Functions(functions(&cx.program.flow, values).collect())
            }
            None => Cut::Anything,
        },
        "start_new" | "exc_after" => Cut::Anything,
        _ => Cut::Nothing,
    }
}

/// What the green threads run that a call kills.
fn killed(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    call: &ExprCall,
) -> Option<BTreeSet<FuncId>> {
    let killed = match &*call.func {
        Expr::Attribute(method) if use_.member => &method.value,
        _ => call.arguments.args.first()?,
    };
    let one_by_one = ["gevent.Greenlet.kill", "eventlet.kill", "gevent.kill"];
    let is_one = one_by_one.contains(&&*use_.api) || use_.api.contains("greenthread");
    is_one.then(|| run_by(cx, view, killed)).flatten()
}

/// The block that a time limit is made for, where it is made at its head.
fn block(view: &View<'_>, call: &ExprCall) -> Option<Place> {
    let item = view.tree.parent(call)?;
    let AnyNodeRef::WithItem(_) = item else {
        return None;
    };
    match view.tree.parent(item)? {
        AnyNodeRef::StmtWith(with) => Some(view.place(with)),
        _ => None,
    }
}

/// Whether other code runs within a block: where a generator yields in it, as what `contextmanager` makes does.
fn hands_over(view: &View<'_>, block: Place) -> bool {
    view.tree.nodes_within(block.range).any(is_yield)
}

/// Whether a class is only named where it is imported, or caught.
fn is_caught(view: &View<'_>, place: Place) -> bool {
    let Some(expr) = view.tree.expr_at(place.range) else {
        return true;
    };
    let mut around = view.tree.ancestors(expr);
    let holder = around.find(|node| !matches!(node, AnyNodeRef::ExprTuple(_)));
    matches!(holder, Some(AnyNodeRef::ExceptHandlerExceptHandler(_)))
}

/// The functions of the program that calls run.
fn functions_of<'c>(cx: &Context<'c>, calls: impl Iterator<Item = &'c Call>) -> BTreeSet<FuncId> {
    let targets = calls.flat_map(|call| cx.program.callees(call));
    targets.filter_map(|target| target.function()).collect()
}
