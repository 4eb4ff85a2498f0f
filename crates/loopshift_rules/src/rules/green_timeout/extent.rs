//! Where the time of a timeout may run: in its block, in what that calls, and in the block of a `with` whose generator
//! yields meanwhile.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, ExprCall, Stmt, StmtTry, StmtWith};
use loopshift_python::{Ranged, TextRange};

use super::inside::{enters_timeout, may_wait};
use super::{Found, last};
use crate::catalog::Kind;
use crate::common::code::{Reach, called_within, is_yield, own};
use crate::common::timeouts::item_of;
use crate::context::{Context, View};

/// Where the time of a timeout may run.
pub(super) struct Extent {
    blocks: BTreeSet<Place>,
    functions: BTreeSet<FuncId>,
    everywhere: bool,
    /// The `try` statements that end what was started before them. No `with` raises the timeout behind them.
    ending: BTreeSet<Place>,
    /// Generators that yield while the time runs.
    generators: BTreeSet<FuncId>,
}

impl Extent {
    pub(super) fn new(cx: &Context<'_>, reach: &Reach, uses: &[Found<'_>]) -> Self {
        let mut out = Extent {
            blocks: BTreeSet::new(),
            functions: BTreeSet::new(),
            everywhere: false,
            ending: BTreeSet::new(),
            generators: BTreeSet::new(),
        };
        for (use_, api, view) in uses {
            let Some(call) = view.call_of(use_.place.range) else {
                continue;
            };
            let starts = api.kind == Kind::Exception || last(&use_.api) == "start_new";
            if last(&use_.api) == "with_timeout" {
                let given = call.arguments.args.get(1).into_iter();
                let run = given.flat_map(|it| cx.program.values_at(view.place(it)));
                let run = functions(&cx.program.flow, run);
                out.functions.extend(reach.from(run));
            } else if starts && item_of(view, call).is_none() {
                let owner = cx.program.function_at(use_.place);
                out.functions.extend(reach.from([owner]));
                match ending(cx, view, call) {
                    Some(it) => {
                        if own(&it.body).into_iter().any(is_yield) {
                            out.generators.insert(owner);
                        }
                        out.ending.insert(view.place(it));
                    }
                    None => out.everywhere = true,
                }
            }
        }
        out.follow_blocks(cx, reach);
        out
    }

    /// Follows the blocks of `with` that enter a timeout, by themselves or through a generator.
    fn follow_blocks(&mut self, cx: &Context<'_>, reach: &Reach) {
        let mut blocks: Vec<(&View<'_>, &StmtWith)> = Vec::new();
        for view in cx.views() {
            blocks.extend(view.tree.nodes().filter_map(|node| match node {
                AnyNodeRef::StmtWith(with) => Some((view, with)),
                _ => None,
            }));
        }
        loop {
            let known = self.generators.len();
            for (view, with) in &blocks {
                let place = view.place(*with);
                if self.blocks.contains(&place)
                    || !(enters_timeout(cx, view, with) || self.enters_generator(cx, view, with))
                {
                    continue;
                }
                self.functions.extend(reach.from(called_within(cx, place)));
                if own(&with.body).into_iter().any(is_yield) {
                    self.generators.insert(cx.program.function_at(place));
                }
                self.blocks.insert(place);
            }
            if self.generators.len() == known {
                break;
            }
        }
        // Whoever else runs a generator is not followed.
        let is_entered = |place: Place| {
            cx.view(place.file)
                .and_then(|view| Some((view, view.call_of(place.range)?)))
                .is_some_and(|(view, call)| item_of(view, call).is_some())
        };
        self.everywhere |= self.generators.iter().any(|func| {
            let sites = cx.callers.of(*func);
            sites.is_empty() || sites.iter().any(|site| !is_entered(site.place))
        });
    }

    /// Whether the head of a `with` calls a generator that yields while the time runs.
    fn enters_generator(&self, cx: &Context<'_>, view: &View<'_>, with: &StmtWith) -> bool {
        !self.generators.is_empty()
            && with.items.iter().any(|item| {
                let called = called_within(cx, view.place(&item.context_expr));
                called.iter().any(|func| self.generators.contains(func))
            })
    }

    /// Whether the time may run at a place of a function.
    pub(super) fn holds(&self, func: FuncId, place: Place) -> bool {
        let is_around = |it: &Place| it.file == place.file && it.range.contains_range(place.range);
        self.everywhere || self.functions.contains(&func) || self.blocks.iter().any(is_around)
    }

    /// Whether a `try` ends a timeout that no `with` enters.
    pub(super) fn ends_at(&self, place: Place) -> bool {
        self.ending.contains(&place)
    }
}

/// The `try` that surely ends a timeout before anything waits that is not in its body: in its `finally`, and nothing is
/// called, or left, between the start and the `try`.
fn ending<'v>(cx: &Context<'_>, view: &View<'v>, call: &'v ExprCall) -> Option<&'v StmtTry> {
    let AnyNodeRef::StmtAssign(assign) = view.tree.parent(call)? else {
        return None;
    };
    let [name] = &assign.targets[..] else {
        return None;
    };
    let name = view.text(name.range());
    let is_its = |stmt: &Stmt, methods: &[&str]| {
        matches!(stmt, Stmt::Expr(it) if matches!(&*it.value, Expr::Call(call)
            if matches!(&*call.func, Expr::Attribute(it)
                if methods.contains(&it.attr.as_str()) && view.text(it.value.range()) == name)))
    };
    let func = cx.program.function_at(view.place(call));
    let ends = |it: &StmtTry| {
        let end = it
            .finalbody
            .iter()
            .position(|stmt| is_its(stmt, &["cancel", "close"]));
        // A timeout that comes behind the body is not raised as what it is.
        let behind = it.handlers.iter().map(|handler| {
            let ExceptHandler::ExceptHandler(handler) = handler;
            &handler.body[..]
        });
        end.is_some_and(|end| {
            behind
                .chain([&it.orelse[..], &it.finalbody[..end]])
                .all(|suite| !may_wait(cx, view, func, suite))
        })
    };
    // Others that the name stood for were not ended by it.
    let sets = |it: &StmtTry| {
        let sets = |node: &AnyNodeRef<'_>| match node {
            AnyNodeRef::StmtAssign(it) => it.targets.iter().any(|it| view.text(it.range()) == name),
            _ => false,
        };
        own(&it.body).iter().filter(|node| sets(node)).count()
    };
    let start = assign.range();
    let within = |range: TextRange, it: &StmtTry| {
        let body = it.body.first().zip(it.body.last());
        body.is_some_and(|(first, last)| {
            TextRange::new(first.start(), last.end()).contains_range(range)
        })
    };
    let mut around = (view.tree.ancestors(call))
        .take_while(|node| {
            !matches!(
                node,
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)
            )
        })
        .filter_map(|node| match node {
            AnyNodeRef::StmtTry(it) => Some(it),
            _ => None,
        });
    if let Some(it) = around.find(|it| within(start, it) && ends(it) && sets(it) == 1) {
        return Some(it);
    }
    let stmt = view.tree.enclosing_statement(start)?;
    let (suite, at) = view.tree.suite_of(stmt)?;
    for stmt in &suite[at + 1..] {
        match stmt {
            Stmt::Try(it) => return (ends(it) && sets(it) == 0).then_some(it),
            stmt if is_its(stmt, &["start"]) => {}
            other if !own(std::slice::from_ref(other)).into_iter().any(is_more) => {}
            _ => return None,
        }
    }
    None
}

/// Whether a node calls something, or leaves what it stands in.
fn is_more(node: AnyNodeRef<'_>) -> bool {
    matches!(
        node,
        AnyNodeRef::ExprCall(_)
            | AnyNodeRef::StmtWith(_)
            | AnyNodeRef::StmtFor(_)
            | AnyNodeRef::StmtReturn(_)
            | AnyNodeRef::StmtRaise(_)
            | AnyNodeRef::StmtBreak(_)
            | AnyNodeRef::StmtContinue(_)
    ) || is_yield(node)
}
