//! `asyncio.QueueEmpty` and `asyncio.QueueFull` become `anyio.WouldBlock`, together with the queues that raise them.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place, Safety};
use loopshift_engine::objects::{Cluster, Member};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr};
use loopshift_python::edit::{Edit, pieces};
use loopshift_python::{Ranged, TextRange};

use super::RULE;
use crate::common::caught;
use crate::common::objects::{Obstacle, decline, method};
use crate::context::{Context, View};

/// A queue that may raise.
pub(super) struct Raiser<'c> {
    /// Its change, by number.
    pub(super) change: usize,
    /// The cluster.
    pub(super) cluster: &'c Cluster,
    /// Whether it is never full.
    pub(super) unbounded: bool,
}

impl Raiser<'_> {
    fn raising(&self, api: &str) -> impl Iterator<Item = &Member> {
        let wanted = if api == "asyncio.QueueEmpty" {
            "get_nowait"
        } else {
            "put_nowait"
        };
        self.cluster
            .members
            .iter()
            .filter(move |member| method(member) == wanted)
    }
}

/// Moves the exceptions.
pub(super) fn plan(cx: &Context<'_>, raisers: &[Raiser<'_>], planned: &mut Vec<Change>) {
    let names = ["asyncio.QueueEmpty", "asyncio.QueueFull"];
    let mut done: BTreeSet<Place> = BTreeSet::new();
    for use_ in cx.uses.iter().filter(|use_| names.contains(&&*use_.api)) {
        if !done.insert(use_.place) {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let guarded = guarded(cx, view, use_, raisers);
        let moving: Vec<usize> = guarded
            .iter()
            .copied()
            .filter(|index| planned[*index].declined.is_none())
            .collect();
        if moving.is_empty() {
            planned.push(Change::declined(
                RULE,
                use_.place,
                &*use_.api,
                "no queue that moves is known to raise it here",
            ));
            continue;
        }
        let stays = moving.len() < guarded.len();
        match edits(view, use_, raisers, stays) {
            Ok(edits) => {
                let mut change = Change::new(
                    RULE,
                    use_.place,
                    &*use_.api,
                    format!("`{}` becomes `anyio.WouldBlock`", use_.api),
                );
                for edit in edits {
                    change.edit(edit);
                }
                caught::caveat(cx, &mut change, view, use_.place.range);
                let is_unsafe = |index: &usize| planned[*index].safety == Safety::Unsafe;
                if moving.iter().any(is_unsafe) {
                    change.caveat("it goes together with a queue whose move is unsafe");
                }
                for index in moving {
                    change.requires.push(planned[index].place);
                    planned[index].requires.push(use_.place);
                }
                planned.push(change);
            }
            Err(obstacle) => {
                for index in moving {
                    let change = &planned[index];
                    let declined = decline(
                        cx,
                        RULE,
                        &change.api.clone(),
                        change.place,
                        change.covers.clone(),
                        &obstacle,
                    );
                    planned[index] = declined;
                }
                planned.push(Change::declined(
                    RULE,
                    use_.place,
                    &*use_.api,
                    obstacle.reason,
                ));
            }
        }
    }
}

/// The body whose exceptions a reference catches: of a `try`, or of `with suppress(…)`.
fn body(view: &View<'_>, range: TextRange) -> Option<TextRange> {
    let whole = |body: &[loopshift_python::ast::Stmt]| {
        Some(TextRange::new(body.first()?.start(), body.last()?.end()))
    };
    for node in view.tree.around(range) {
        match node {
            AnyNodeRef::StmtTry(try_) => {
                let types = try_.handlers.iter().any(|handler| {
                    let ExceptHandler::ExceptHandler(handler) = handler;
                    handler
                        .type_
                        .as_ref()
                        .is_some_and(|type_| type_.range().contains_range(range))
                });
                if types {
                    return whole(&try_.body);
                }
            }
            AnyNodeRef::StmtWith(with) => {
                let items = with
                    .items
                    .iter()
                    .any(|item| item.context_expr.range().contains_range(range));
                if items {
                    return whole(&with.body);
                }
            }
            _ => {}
        }
    }
    None
}

/// The changes of the queues that may raise what a reference names.
fn guarded(cx: &Context<'_>, view: &View<'_>, use_: &Use, raisers: &[Raiser<'_>]) -> Vec<usize> {
    let body = body(view, use_.place.range);
    let direct: Vec<usize> = raisers
        .iter()
        .filter(|raiser| {
            raiser.raising(&use_.api).any(|member| {
                member.place.file == view.file
                    && body.is_some_and(|body| body.contains_range(member.place.range))
            })
        })
        .map(|raiser| raiser.change)
        .collect();
    let calls_ours = cx.program.calls().any(|(file, call)| {
        file == view.file
            && body.is_some_and(|body| body.contains_range(call.range))
            && cx
                .program
                .callees(call)
                .iter()
                .any(|target| matches!(target, loopshift_engine::flow::Target::Func(_)))
    });
    if !direct.is_empty() && !calls_ours {
        return direct;
    }
    raisers
        .iter()
        .filter(|raiser| raiser.raising(&use_.api).next().is_some())
        .map(|raiser| raiser.change)
        .collect()
}

fn is_reference(view: &View<'_>, expr: &Expr) -> Option<&'static str> {
    let text = view.text(expr.range());
    let last = text.rsplit('.').next()?.trim();
    ["QueueEmpty", "QueueFull"]
        .into_iter()
        .find(|name| *name == last)
}

/// The edits for one reference.
fn edits(
    view: &View<'_>,
    use_: &Use,
    raisers: &[Raiser<'_>],
    stays: bool,
) -> Result<Vec<Edit>, Obstacle> {
    let refuse = |reason: &str| Obstacle::new(use_.place, reason);
    let range = use_.place.range;
    let expr = view
        .tree
        .expr_at(range)
        .filter(|expr| use_.only && view.is_direct(expr))
        .ok_or_else(|| {
            refuse("its exception is named through a variable, which may be something else")
        })?;
    clashes(view, use_, raisers)?;
    let would_block = || pieces("{@anyio}.WouldBlock", &[]);
    let mut text = would_block();
    if stays {
        text.insert(0, ", ".into());
        text.insert(0, range.into());
    }
    let list: &[Expr] = match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprTuple(tuple)) => &tuple.elts,
        Some(AnyNodeRef::Arguments(arguments)) => &arguments.args,
        _ => &[],
    };
    if stays && list.is_empty() {
        text.insert(0, "(".into());
        text.push(")".into());
    }
    let references: Vec<usize> = (0..list.len())
        .filter(|index| is_reference(view, &list[*index]).is_some())
        .collect();
    let mine = list.iter().position(|elt| elt.range() == range);
    if stays || references.len() < 2 {
        return Ok(vec![Edit::Replace {
            range,
            pieces: text,
        }]);
    }
    // One name for both.
    let is_first = mine == references.first().copied();
    if references.len() == list.len()
        && let Some(AnyNodeRef::ExprTuple(tuple)) = view.tree.parent(expr)
    {
        return Ok(if is_first {
            vec![Edit::Replace {
                range: tuple.range(),
                pieces: text,
            }]
        } else {
            Vec::new()
        });
    }
    if is_first {
        return Ok(vec![Edit::Replace {
            range,
            pieces: text,
        }]);
    }
    let before = mine
        .and_then(|mine| mine.checked_sub(1))
        .and_then(|index| list.get(index))
        .ok_or_else(|| refuse("its exception stands in a list that is not known"))?;
    Ok(vec![Edit::delete(TextRange::new(
        before.end(),
        range.end(),
    ))])
}

/// `AnyIO` has one exception for both: a handler must not begin to catch the other.
fn clashes(view: &View<'_>, use_: &Use, raisers: &[Raiser<'_>]) -> Result<(), Obstacle> {
    let range = use_.place.range;
    let try_ = view.tree.around(range).find_map(|node| match node {
        AnyNodeRef::StmtTry(try_) => Some(try_),
        _ => None,
    });
    let Some(body) = body(view, range) else {
        return Ok(());
    };
    let other = if use_.api == "asyncio.QueueEmpty" {
        "QueueFull"
    } else {
        "QueueEmpty"
    };
    let here = |name: &str, within: TextRange| view.text(within).contains(name);
    let type_of = |handler: &ExceptHandler| {
        let ExceptHandler::ExceptHandler(handler) = handler;
        handler.type_.as_ref().map(|type_| type_.range())
    };
    let mut own = None;
    let mut clash = false;
    let mut complete = false;
    let mut covered = false;
    for handler in try_.map_or(&[][..], |try_| &try_.handlers) {
        let Some(type_) = type_of(handler) else {
            continue;
        };
        if type_.contains_range(range) {
            own = Some(type_);
            covered = complete;
        }
        let both = here("QueueEmpty", type_) && here("QueueFull", type_);
        // Behind a handler for both, nothing arrives any more.
        if !complete && !both && here(other, type_) {
            clash = true;
        }
        complete |= both;
    }
    if own.is_some() && clash {
        return Err(Obstacle::new(
            use_.place,
            "one `try` has a handler for an empty and one for a full queue, which raise the same in AnyIO",
        ));
    }
    let caught = covered || own.is_some_and(|own| here(other, own));
    let other_api = format!("asyncio.{other}");
    let raises_other = raisers.iter().any(|raiser| {
        !(raiser.unbounded && other == "QueueFull")
            && raiser.raising(&other_api).any(|member| {
                member.place.file == view.file && body.contains_range(member.place.range)
            })
    });
    if raises_other && !caught && !view.text(body).is_empty() {
        let suppressed = view
            .tree
            .around(range)
            .find_map(|node| match node {
                AnyNodeRef::Arguments(arguments) => Some(here(other, arguments.range())),
                _ => None,
            })
            .unwrap_or(false);
        if !suppressed {
            return Err(Obstacle::new(
                use_.place,
                format!(
                    "the code under it may raise `asyncio.{other}`, too, which is the same exception in AnyIO"
                ),
            ));
        }
    }
    Ok(())
}
