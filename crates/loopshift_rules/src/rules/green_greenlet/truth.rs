//! A green thread is true while it runs; a task always is.

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, Expr, UnaryOp};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};

use super::RULE;
use crate::common::green::{GREENLET, helper, is_greenlet, items, items_of, starts_later};
use crate::context::{Context, View};

const API: &str = "gevent.Greenlet.__bool__";

pub(super) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let may_be_green = |value: Value| match value {
        Value::Object(class, _) => {
            let class = cx.program.flow.text(class);
            cx.recipe.moves(class) && cx.catalog.member(class, "__bool__").is_some()
        }
        value => is_greenlet(cx, value),
    };
    if !cx.program.flow.values.iter().any(may_be_green) {
        return;
    }
    let counts = |value| may_be_green(value) || items_of(cx, value).into_iter().any(may_be_green);
    for view in cx.views_where(counts) {
        for expr in view.tree.exprs() {
            let place = view.place(expr);
            let node = cx.program.node_at(place);
            if !node.is_some() {
                continue;
            }
            let values: Vec<Value> = cx.program.flow.values_of(node).collect();
            let is_green = values.iter().any(|value| may_be_green(*value));
            let change = if is_green && is_truth(view, expr) {
                Runs::of(cx, &values).and_then(|runs| tested(view, expr, runs))
            } else {
                let items = items(cx, node);
                if !items.iter().any(|value| may_be_green(*value)) || !is_any_or_all(cx, view, expr)
                {
                    continue;
                }
                Runs::of(cx, &items).map(|runs| any_of(expr, runs))
            };
            let message = "whether a green thread runs is asked of its task";
            changes.push(match change {
                Ok(edit) => {
                    let mut change = Change::new(RULE, place, API, message);
                    change.edit(edit);
                    change
                }
                Err(reason) => Change::declined(RULE, place, API, reason),
            });
        }
    }
}

/// Whether only the truth of the expression counts where it stands.
fn is_truth(view: &View<'_>, expr: &Expr) -> bool {
    let range = expr.range();
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtIf(it)) => it.test.range() == range,
        Some(AnyNodeRef::StmtWhile(it)) => it.test.range() == range,
        Some(AnyNodeRef::StmtAssert(it)) => it.test.range() == range,
        Some(AnyNodeRef::ExprIf(it)) => it.test.range() == range,
        Some(AnyNodeRef::ElifElseClause(it)) => {
            it.test.as_ref().is_some_and(|test| test.range() == range)
        }
        Some(AnyNodeRef::Comprehension(it)) => it.ifs.iter().any(|it| it.range() == range),
        Some(AnyNodeRef::ExprUnaryOp(it)) => it.op == UnaryOp::Not,
        Some(AnyNodeRef::ExprBoolOp(it)) => {
            let whole = view.tree.expr_at(it.range());
            let is_last = it.values.last().is_some_and(|last| last.range() == range);
            // `a and b` may be `a`, which is no truth then. Its last part stands for itself.
            whole.is_some_and(|whole| is_truth(view, whole)) || !is_last
        }
        _ => is_argument_of(view, expr, &["bool"]),
    }
}

fn is_any_or_all(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let plain = !expr.is_generator_expr() && !expr.is_list_comp_expr();
    plain
        && is_argument_of(view, expr, &["any", "all"])
        && cx.program.node_at(view.place(expr)).is_some()
}

/// Whether the expression is the only argument of one of these builtins.
fn is_argument_of(view: &View<'_>, expr: &Expr, names: &[&str]) -> bool {
    let call = view.tree.ancestors(expr).find_map(|node| match node {
        AnyNodeRef::ExprCall(call) => Some(Some(call)),
        AnyNodeRef::Arguments(_) => None,
        _ => Some(None),
    });
    let Some(Some(call)) = call else { return false };
    let is_name = matches!(&*call.func, Expr::Name(name) if names.contains(&name.id.as_str()));
    is_name
        && call.arguments.len() == 1
        && call
            .arguments
            .args
            .iter()
            .any(|it| it.range() == expr.range())
}

/// How a task is asked whether it runs.
#[derive(Clone, Copy)]
pub(super) enum Runs {
    /// It runs from the beginning until it is done.
    Task,
    /// It waits for its start, and has an attribute that says whether it runs.
    Started,
    /// It is one or the other.
    Either(&'static Helper),
}

impl Runs {
    /// How what may be one of these values is asked.
    pub(super) fn of(cx: &Context<'_>, values: &[Value]) -> Result<Self, String> {
        if !values.iter().all(|value| is_greenlet(cx, *value)) {
            return Err(
                "it may be something else than a green thread, whose truth says whether it runs"
                    .to_owned(),
            );
        }
        let later = values.iter().filter(|value| starts_later(cx, **value));
        match later.count() {
            0 => Ok(Runs::Task),
            count if count == values.len() => Ok(Runs::Started),
            _ => Ok(Runs::Either(helper("runs").ok_or("a helper is missing")?)),
        }
    }

    pub(super) fn yes(self, x: &Piece) -> Vec<Piece> {
        match self {
            Runs::Task => vec!["not ".into(), x.clone(), ".done()".into()],
            Runs::Started => vec![x.clone(), ".started".into()],
            Runs::Either(runs) => {
                let needed = Piece::Needs(&GREENLET);
                vec![
                    needed,
                    Piece::Helper(runs),
                    "(".into(),
                    x.clone(),
                    ")".into(),
                ]
            }
        }
    }

    fn no(self, x: &Piece) -> Vec<Piece> {
        if matches!(self, Runs::Task) {
            return vec![x.clone(), ".done()".into()];
        }
        let mut text = self.yes(x);
        text.insert(0, "not ".into());
        text
    }
}

fn tested(view: &View<'_>, expr: &Expr, runs: Runs) -> Result<Edit, String> {
    if !is_plain(expr) {
        return Err("whether a green thread runs is asked of what is no plain variable".to_owned());
    }
    let parent = view.tree.parent(expr);
    if let Some(AnyNodeRef::ExprBoolOp(it)) = parent {
        let whole = view.tree.expr_at(it.range());
        if !whole.is_some_and(|whole| is_truth(view, whole)) {
            return Err(
                "it is a value there as well as a test whether a green thread runs".to_owned(),
            );
        }
    }
    let x = || Piece::Source(expr.range());
    let is_there = is_there(view, expr);
    if let Some(AnyNodeRef::ExprUnaryOp(not)) = parent {
        let inside = matches!(
            view.tree.parent(not),
            Some(AnyNodeRef::ExprBoolOp(_) | AnyNodeRef::ExprUnaryOp(_))
        );
        let mut pieces = runs.no(&x());
        if !is_there {
            pieces.splice(0..0, ["not ".into(), x(), " or ".into()]);
            if inside {
                pieces.insert(0, "(".into());
                pieces.push(")".into());
            }
        }
        return Ok(replace(not.range(), pieces));
    }
    let mut pieces = runs.yes(&x());
    if !is_there {
        pieces.splice(0..0, [x(), " and ".into()]);
    }
    Ok(replace(expr.range(), pieces))
}

fn any_of(expr: &Expr, runs: Runs) -> Edit {
    let range = expr.range();
    let mut pieces = runs.yes(&"task".into());
    pieces.extend([" for task in ".into(), Piece::Source(range)]);
    replace(range, pieces)
}

fn replace(range: TextRange, pieces: Vec<Piece>) -> Edit {
    Edit::Replace { range, pieces }
}

/// A variable, or an attribute of one: reading it twice is reading it once.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Attribute(it) => is_plain(&it.value),
        _ => false,
    }
}

/// Whether the expression is surely no `None`: a variable that only ever gets what a call gives, or an item of a
/// comprehension.
fn is_there(view: &View<'_>, expr: &Expr) -> bool {
    let Expr::Name(name) = expr else { return false };
    let at = view.scopes.at(name.range.start());
    let Some(scope) = view.scopes.resolve(name.id.as_str(), at) else {
        return false;
    };
    let bindings = view.scopes.scopes[scope].bindings.get(name.id.as_str());
    bindings.is_some_and(|bindings| {
        !bindings.is_empty()
            && bindings.iter().all(|binding| {
                let target = view.tree.node_at(binding.range);
                match target.and_then(|target| view.tree.parent(target)) {
                    Some(AnyNodeRef::StmtAssign(it)) => it.value.is_call_expr(),
                    Some(AnyNodeRef::Comprehension(_)) => true,
                    _ => false,
                }
            })
    })
}
