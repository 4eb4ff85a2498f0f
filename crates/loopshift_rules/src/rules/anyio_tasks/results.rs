//! What becomes of the results of `gather(…, return_exceptions=True)`, where one may be the `CancelledError` of a task that was
//! told to stop. `AnyIO` has no error to give in its place: a class of the module's own stands for it where all that is done
//! with the results is seen.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, BoolOp, Comprehension, Expr, ExprCall, Stmt, UnaryOp};
use loopshift_python::tree::generators;
use loopshift_python::{Ranged, TextRange};

use super::cancelled::is_cancelled;
use super::family::{Family, Model, Wait, WaitKind};
use crate::common::cancellation::is_cancelled_error;
use crate::common::shared::is_statement;
use crate::context::{Context, View};
use crate::shown::is_shown_by;

/// The name of the class: results show it.
pub(super) const CLASS: &str = "CancelledError";

/// Functions of Python that only look at what they are given.
const LOOKING: &[&str] = &["<builtin>.bool", "<builtin>.len"];

/// Functions of Python that give what they are given, item by item.
const PASSING: &[&str] = &["<builtin>.list", "<builtin>.reversed", "<builtin>.tuple"];

/// What holds a result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// It is the result.
    Result,
    /// A list of them.
    List,
    /// A dict whose values they are.
    Dict,
}

/// Whether the results of a wait are used, and one may be that of a cancelled task of the family.
pub(super) fn may_be_cancelled(family: &Family<'_>, wait: &Wait<'_>) -> bool {
    wait.kind == (WaitKind::Gather { exceptions: true })
        && !is_statement(wait.view, wait.await_)
        && (is_cancelled(family) || family.ends_cancelled || !family.cut_short.is_empty())
        && (wait.sites.iter()).any(|site| family.cluster.sites.contains(site))
}

/// Why the results of tasks of a family can't be those of before, where one may be cancelled.
pub(super) fn refusal<'c>(cx: &Context<'c>, model: &Model<'c>, index: usize) -> Option<String> {
    let family = &model.families[index];
    let mut waits = model
        .waits_of([&index])
        .filter(|wait| may_be_cancelled(family, wait));
    waits.find_map(|wait| tests(cx, wait).err())
}

/// The names of `asyncio.CancelledError` by which the results of a wait are told from others.
///
/// # Errors
/// What is done with them that would show the difference.
pub(super) fn tests<'c>(cx: &Context<'c>, wait: &Wait<'c>) -> Result<Vec<Place>, String> {
    let mut walk = Walk {
        cx,
        view: wait.view,
        tests: Vec::new(),
        seen: BTreeSet::new(),
    };
    walk.has_room()?;
    let whole = wait.view.tree.expr_at(wait.await_.range());
    let whole = whole.ok_or("it can't be found")?;
    walk.follow(whole, Holds::List)?;
    // Each module has a class of its own.
    if let Some(place) = walk.tests.iter().find(|it| it.file != wait.view.file) {
        let path = &cx.program.file(place.file).path;
        let line = cx.program.line(*place);
        return Err(format!(
            "line {line} of {path} tells what `gather` gives for a cancelled task from other results: AnyIO has no error to give in its place"
        ));
    }
    Ok(walk.tests)
}

struct Walk<'w, 'c> {
    cx: &'w Context<'c>,
    view: &'c View<'c>,
    tests: Vec<Place>,
    seen: BTreeSet<Place>,
}

impl<'c> Walk<'_, 'c> {
    fn api(&self, expr: &Expr) -> &str {
        self.cx.api_of(self.view, expr).unwrap_or_default()
    }

    fn odd(&self, expr: &Expr) -> String {
        let line = self.cx.program.line(self.view.place(expr));
        format!(
            "what `gather` gives for a cancelled task is used: AnyIO has no error to give in its place, and it is not known that line {line} would do the same with another"
        )
    }

    /// Whether the class can stand in the module under its name.
    fn has_room(&self) -> Result<(), String> {
        if self.view.scopes.is_bound_anywhere(CLASS) {
            return Err(format!(
                "what `gather` gives for a cancelled task is used, and a class `{CLASS}` of the module's own would have to stand in: the name is taken"
            ));
        }
        Ok(())
    }

    /// Follows what a coroutine gives to all who await it.
    fn returned(&mut self, holds: Holds, expr: &'c Expr) -> Result<(), String> {
        let (cx, view) = (self.cx, self.view);
        let function = cx.program.function_at(view.place(expr));
        if !self.seen.insert(view.place(expr)) {
            return Ok(());
        }
        let sites = cx.callers.of(function);
        let is_known = !sites.is_empty()
            && !cx.callers.is_handed_over(function)
            && cx.program.function(function).is_async
            && sites.iter().all(|site| site.only);
        if !is_known {
            return Err(self.odd(expr));
        }
        for site in sites {
            let caller = cx.view(site.place.file);
            let given = caller.and_then(|view| {
                let await_ = view.await_of(site.place.range)?;
                Some((view, view.tree.expr_at(await_.range())?))
            });
            let Some((caller, given)) = given else {
                return Err(self.odd(expr));
            };
            self.view = caller;
            let followed = self.has_room().and_then(|()| self.follow(given, holds));
            self.view = view;
            followed?;
        }
        Ok(())
    }

    /// Follows an expression that holds a result.
    fn follow(&mut self, expr: &'c Expr, holds: Holds) -> Result<(), String> {
        let view = self.view;
        if holds == Holds::Result && self.is_another(expr) {
            return Ok(());
        }
        match view.tree.parent(expr) {
            Some(AnyNodeRef::StmtExpr(_) | AnyNodeRef::InterpolatedElement(_)) => Ok(()),
            Some(AnyNodeRef::StmtAssign(it)) if it.value.range() == expr.range() => {
                (it.targets.iter()).try_for_each(|target| self.bound(target, holds, expr))
            }
            Some(AnyNodeRef::StmtAnnAssign(it)) if it.target.is_name_expr() => {
                self.bound(&it.target, holds, expr)
            }
            Some(AnyNodeRef::StmtFor(it)) if it.iter.range() == expr.range() => {
                self.items(&it.target, holds, expr)
            }
            Some(AnyNodeRef::Comprehension(it)) if it.iter.range() == expr.range() => {
                self.items(&it.target, holds, expr)
            }
            Some(
                AnyNodeRef::Comprehension(_) | AnyNodeRef::StmtIf(_) | AnyNodeRef::StmtWhile(_),
            ) => Ok(()),
            Some(AnyNodeRef::ExprCompare(_)) => Ok(()),
            Some(AnyNodeRef::StmtReturn(_)) => self.returned(holds, expr),
            Some(AnyNodeRef::ExprUnaryOp(it)) if it.op == UnaryOp::Not => Ok(()),
            Some(AnyNodeRef::ExprIf(it)) if it.test.range() == expr.range() => Ok(()),
            Some(AnyNodeRef::ExprSubscript(it))
                if it.value.range() == expr.range()
                    && it.ctx.is_load()
                    && holds != Holds::Result =>
            {
                let inner = if it.slice.is_slice_expr() {
                    holds
                } else {
                    Holds::Result
                };
                self.again(it.range(), inner, expr)
            }
            Some(AnyNodeRef::ExprListComp(it))
                if it.elt.range() == expr.range() && holds == Holds::Result =>
            {
                self.again(it.range(), Holds::List, expr)
            }
            Some(AnyNodeRef::ExprGenerator(it))
                if it.elt.range() == expr.range() && holds == Holds::Result =>
            {
                self.again(it.range(), Holds::List, expr)
            }
            Some(AnyNodeRef::ExprDictComp(it))
                if it.value.range() == expr.range() && holds == Holds::Result =>
            {
                self.again(it.range(), Holds::Dict, expr)
            }
            Some(AnyNodeRef::ExprAttribute(it)) => {
                self.member(it.range(), it.attr.as_str(), holds, expr)
            }
            Some(AnyNodeRef::Arguments(arguments)) => match view.tree.parent(arguments) {
                Some(AnyNodeRef::ExprCall(call)) => self.given(call, expr, holds),
                _ => Err(self.odd(expr)),
            },
            _ => Err(self.odd(expr)),
        }
    }

    /// Follows the expression at a range, which holds what `from` gives.
    fn again(&mut self, range: TextRange, holds: Holds, from: &Expr) -> Result<(), String> {
        let expr = self.view.tree.expr_at(range);
        match expr {
            Some(expr) => self.follow(expr, holds),
            None => Err(self.odd(from)),
        }
    }

    /// Follows an argument of a call.
    fn given(&mut self, call: &'c ExprCall, expr: &'c Expr, holds: Holds) -> Result<(), String> {
        let args = &call.arguments.args;
        let at = args.iter().position(|it| it.range() == expr.range());
        let api = self.api(&call.func).to_owned();
        match (&*api, at) {
            ("<builtin>.isinstance", Some(0)) => match args.get(1) {
                Some(classes) if all_of(classes).iter().all(|it| self.is_class(it)) => {
                    self.tests.extend(self.cancelled_in(classes));
                    Ok(())
                }
                _ => Err(self.odd(expr)),
            },
            ("<builtin>.type", Some(0)) if holds == Holds::Result && args.len() == 1 => {
                let parent = self.view.tree.parent(call);
                match parent {
                    Some(AnyNodeRef::ExprAttribute(it)) if it.attr.as_str() == "__name__" => Ok(()),
                    _ => Err(self.odd(expr)),
                }
            }
            (api, Some(_)) if LOOKING.contains(&api) || is_shown_by(api) => Ok(()),
            ("<builtin>.zip", Some(at)) if holds == Holds::List => {
                match self.target_of(call.range()) {
                    Some(Expr::Tuple(it)) if !it.elts.iter().any(Expr::is_starred_expr) => {
                        match it.elts.get(at) {
                            Some(target) => self.bound(target, Holds::Result, expr),
                            None => Err(self.odd(expr)),
                        }
                    }
                    None if at == 1 && args.len() == 2 => match self.dict_of(call) {
                        Some(dict) => self.follow(dict, Holds::Dict),
                        None => Err(self.odd(expr)),
                    },
                    _ => Err(self.odd(expr)),
                }
            }
            ("<builtin>.enumerate", Some(0)) if holds == Holds::List => {
                match self.target_of(call.range()) {
                    Some(Expr::Tuple(it)) if it.elts.len() == 2 => {
                        self.bound(&it.elts[1], Holds::Result, expr)
                    }
                    _ => Err(self.odd(expr)),
                }
            }
            ("<builtin>.any" | "<builtin>.all" | "<builtin>.sum", Some(0))
                if holds == Holds::List =>
            {
                Ok(())
            }
            (api, Some(0)) if PASSING.contains(&api) && holds == Holds::List => {
                self.again(call.range(), Holds::List, expr)
            }
            _ => Err(self.odd(expr)),
        }
    }

    /// Follows `x.name`.
    fn member(
        &mut self,
        range: TextRange,
        name: &str,
        holds: Holds,
        from: &Expr,
    ) -> Result<(), String> {
        let call = self.view.call_of(range);
        match (holds, name, call) {
            (Holds::Dict, "values", Some(call)) => self.again(call.range(), Holds::List, from),
            (Holds::Dict, "items", Some(call)) => match self.target_of(call.range()) {
                Some(Expr::Tuple(it)) if it.elts.len() == 2 => {
                    self.bound(&it.elts[1], Holds::Result, from)
                }
                _ => Err(self.odd(from)),
            },
            (Holds::Dict, "keys", Some(_)) => Ok(()),
            (Holds::Result, "__class__", None) => {
                let attribute = self.view.tree.node_at(range);
                match attribute.and_then(|it| self.view.tree.parent(it)) {
                    Some(AnyNodeRef::ExprAttribute(it)) if it.attr.as_str() == "__name__" => Ok(()),
                    _ => Err(self.odd(from)),
                }
            }
            _ => Err(self.odd(from)),
        }
    }

    /// The target of the loop that goes through the expression.
    fn target_of(&self, range: TextRange) -> Option<&'c Expr> {
        let expr = self.view.tree.expr_at(range)?;
        match self.view.tree.parent(expr)? {
            AnyNodeRef::StmtFor(it) if it.iter.range() == range => Some(&it.target),
            AnyNodeRef::Comprehension(it) if it.iter.range() == range => Some(&it.target),
            _ => None,
        }
    }

    /// `dict(zip(…))` around the `zip`.
    fn dict_of(&self, zip: &'c ExprCall) -> Option<&'c Expr> {
        let AnyNodeRef::ExprCall(call) = self
            .view
            .tree
            .ancestors(zip)
            .find(|it| !it.is_arguments())?
        else {
            return None;
        };
        let is_dict = self.api(&call.func) == "<builtin>.dict" && call.arguments.len() == 1;
        let dict = self.view.tree.expr_at(call.range())?;
        is_dict.then_some(dict)
    }

    /// Follows what a loop gives that goes through it.
    fn items(&mut self, target: &'c Expr, holds: Holds, from: &Expr) -> Result<(), String> {
        match holds {
            Holds::List => self.bound(target, Holds::Result, from),
            Holds::Dict => Ok(()), // its keys
            Holds::Result => Err(self.odd(from)),
        }
    }

    /// Follows what a target is bound to.
    fn bound(&mut self, target: &'c Expr, holds: Holds, from: &Expr) -> Result<(), String> {
        let name = match target {
            Expr::Name(name) => name,
            Expr::Tuple(it)
                if holds == Holds::List && !it.elts.iter().any(Expr::is_starred_expr) =>
            {
                return (it.elts.iter()).try_for_each(|it| self.bound(it, Holds::Result, from));
            }
            _ => return Err(self.odd(from)),
        };
        if !self.seen.insert(self.view.place(name)) {
            return Ok(());
        }
        let id = name.id.as_str();
        let (view, scopes) = (self.view, &self.view.scopes);
        let around = self.loop_around(name.range());
        let scope = scopes.at(name.start());
        let scope = scopes.resolve(id, scope).ok_or_else(|| self.odd(from))?;
        if view.tree.enclosing_function(name.range()).is_none()
            || scopes.scopes[scope].parent.is_none()
        {
            return Err(self.odd(from));
        }
        let bindings = scopes.scopes[scope].bindings.get(id);
        let bindings: Vec<TextRange> = bindings.into_iter().flatten().map(|it| it.range).collect();
        let within = around.unwrap_or(scopes.scopes[scope].range);
        let inner = bindings.iter().filter(|it| within.contains_range(**it));
        if inner.count() != 1 {
            return Err(self.odd(from));
        }
        let read = (scopes.references.iter())
            .filter(|it| it.name == id && scopes.resolve(id, it.scope) == Some(scope));
        for reference in read.map(|it| it.range).filter(|it| *it != name.range()) {
            if within.contains_range(reference) {
                let Some(expr) = view.tree.expr_at(reference) else {
                    return Err(self.odd(from));
                };
                self.follow(expr, holds)?;
            } else {
                // Another loop gives the variable another value first.
                let other = |range: &&TextRange| {
                    self.loop_around(**range)
                        .is_some_and(|it| it.contains_range(reference))
                };
                if !bindings.iter().any(|it| other(&it)) {
                    return Err(self.odd(from));
                }
            }
        }
        Ok(())
    }

    /// The `for` whose target stands at the range.
    fn loop_around(&self, target: TextRange) -> Option<TextRange> {
        let mut around = self.view.tree.around(target);
        around.find_map(|node| match node {
            AnyNodeRef::StmtFor(it) if it.target.range().contains_range(target) => Some(it.range()),
            _ => None,
        })
    }

    /// The names of `asyncio.CancelledError` in the classes of an `isinstance`.
    fn cancelled_in(&self, classes: &Expr) -> Vec<Place> {
        let cancelled = all_of(classes)
            .iter()
            .filter(|it| is_cancelled_error(self.cx, self.view, it));
        cancelled.map(|it| self.view.place(it)).collect()
    }

    /// Whether it is known which class the expression is.
    fn is_class(&self, expr: &Expr) -> bool {
        let mut values = self.cx.program.values_at(self.view.place(expr)).peekable();
        let is_ours = values.peek().is_some() && values.all(|it| matches!(it, Value::Class(_)));
        is_ours || !self.api(expr).is_empty()
    }

    /// Whether the result that a variable holds is known to be another one than that of a cancelled task where it stands.
    fn is_another(&self, expr: &Expr) -> bool {
        let Expr::Name(name) = expr else { return false };
        let id = name.id.as_str();
        let at = expr.range();
        let mut inner = at;
        for node in self.view.tree.ancestors(expr) {
            let known = match node {
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return false,
                AnyNodeRef::ExprIf(it) => {
                    it.body.range().contains_range(at) && self.excludes(&it.test, id, true)
                        || it.orelse.range().contains_range(at)
                            && self.excludes(&it.test, id, false)
                }
                AnyNodeRef::ExprBoolOp(it) => {
                    let before = it.values.iter().take_while(|it| it.end() < at.start());
                    let holds = it.op == BoolOp::And;
                    before.into_iter().any(|it| self.excludes(it, id, holds))
                }
                AnyNodeRef::StmtIf(it) => {
                    let in_body = contains(&it.body, at);
                    if in_body && self.excludes(&it.test, id, true) {
                        return true;
                    }
                    let mut known = !in_body
                        && !it.test.range().contains_range(at)
                        && self.excludes(&it.test, id, false);
                    for clause in &it.elif_else_clauses {
                        let here = contains(&clause.body, at);
                        let Some(test) = &clause.test else { continue };
                        known |= here && self.excludes(test, id, true);
                        known |= clause.end() < at.start() && self.excludes(test, id, false);
                    }
                    known
                }
                other => generators(other)
                    .into_iter()
                    .flatten()
                    .flat_map(|it: &Comprehension| &it.ifs)
                    .any(|test| !test.range().contains_range(at) && self.excludes(test, id, true)),
            };
            if known || self.left_before(node, inner, id) {
                return true;
            }
            if binds(node, id) {
                return false;
            }
            inner = node.range();
        }
        false
    }

    /// Whether a statement in front, in the same block, leaves it for what is the result of a cancelled task.
    fn left_before(&self, node: AnyNodeRef<'_>, inner: TextRange, name: &str) -> bool {
        let blocks: Vec<&[Stmt]> = match node {
            AnyNodeRef::StmtFor(it) => vec![&it.body],
            AnyNodeRef::StmtIf(it) => std::iter::once(&it.body[..])
                .chain(it.elif_else_clauses.iter().map(|it| &it.body[..]))
                .collect(),
            _ => return false,
        };
        let block = blocks.into_iter().find(|it| contains(it, inner));
        block.into_iter().flatten().any(|stmt| match stmt {
            Stmt::If(it) if it.end() <= inner.start() => {
                let leaves = it.body.last().is_some_and(|last| {
                    matches!(
                        last,
                        Stmt::Continue(_) | Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_)
                    )
                });
                leaves && self.excludes(&it.test, name, false)
            }
            _ => false,
        })
    }

    /// Whether what the variable holds is no result of a cancelled task where the test holds, or does not hold.
    fn excludes(&self, test: &Expr, name: &str, holds: bool) -> bool {
        match test {
            Expr::UnaryOp(it) if it.op == UnaryOp::Not => self.excludes(&it.operand, name, !holds),
            Expr::BoolOp(it) if (it.op == BoolOp::And) == holds => {
                it.values.iter().any(|it| self.excludes(it, name, holds))
            }
            Expr::Call(call) if self.api(&call.func) == "<builtin>.isinstance" => {
                let [Expr::Name(of), classes] = &*call.arguments.args else {
                    return false;
                };
                let all = all_of(classes);
                let catches = |it: &Expr| {
                    is_cancelled_error(self.cx, self.view, it)
                        || self.api(it) == "<builtin>.BaseException"
                };
                let is_known = |it: &Expr| {
                    let api = self.api(it);
                    api.starts_with("<builtin>.") && api != "<builtin>.object"
                };
                of.id.as_str() == name
                    && if holds {
                        all.iter().all(|it| is_known(it) && !catches(it))
                    } else {
                        all.iter().any(catches)
                    }
            }
            _ => false,
        }
    }
}

/// The classes that an `isinstance` asks for.
fn all_of(classes: &Expr) -> &[Expr] {
    match classes {
        Expr::Tuple(it) => &it.elts,
        one => std::slice::from_ref(one),
    }
}

/// Whether it is the loop that gives the variable its values.
fn binds(node: AnyNodeRef<'_>, name: &str) -> bool {
    let is_it = |target: &Expr| match target {
        Expr::Tuple(it) => {
            (it.elts.iter()).any(|it| matches!(it, Expr::Name(it) if it.id.as_str() == name))
        }
        Expr::Name(it) => it.id.as_str() == name,
        _ => false,
    };
    match node {
        AnyNodeRef::StmtFor(it) => is_it(&it.target),
        other => (generators(other).into_iter().flatten()).any(|it| is_it(&it.target)),
    }
}

/// Whether the range lies in the statements.
fn contains(stmts: &[Stmt], range: TextRange) -> bool {
    stmts.iter().any(|it| it.range().contains_range(range))
}
