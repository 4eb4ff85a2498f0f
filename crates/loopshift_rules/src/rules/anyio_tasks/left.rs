//! Whether an object that holds tasks is left as asyncio leaves it: by the task that entered it, when its tasks are over
//! or nothing runs any more.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, ExprName, Stmt};

use super::cancelled::end_is_seen;
use super::entered::entered;
use super::family::{Family, Model, Spawn, WaitKind, held};
use super::{fixtures, offered};
use crate::common::cancel::can_be_cancelled;
use crate::common::cancellation::goes_on;
use crate::common::code::{definition, own, switches};
use crate::common::lasting::lasts;
use crate::common::raising::{Raising, passed};
use crate::context::{Context, View};

/// Whether a group in the object with this `__aenter__` ends nothing that asyncio would let run. `starts` are the calls in
/// it that are given the group.
pub(super) fn is_alike(
    cx: &Context<'_>,
    model: &Model<'_>,
    enter: FuncId,
    families: &[usize],
    starts: &BTreeSet<Place>,
) -> bool {
    let Some(entering) = entering(cx, enter) else {
        return false;
    };
    if entering.is_empty() || offered::is_offered(cx, enter) {
        return false;
    }
    let is_last = |(view, stmt): &(&View<'_>, &Stmt)| {
        !goes_on(cx, view, stmt) && lasts(cx, cx.program.function_at(view.place(*stmt)))
    };
    let is_last = entering.iter().all(is_last);
    let is_at_end = (entering.iter()).all(|(view, stmt)| fixtures::is_at_end(cx, view, stmt));
    let places = || entering.iter().map(|(view, stmt)| view.place(*stmt));
    let facts = Facts {
        cx,
        model,
        raising: Raising::new(cx),
        is_cancelled: places().any(|place| can_be_cancelled(cx, place)),
        ends_program: places().all(|place| passed(cx, place).is_some()),
    };
    families.iter().all(|index| {
        let family = &model.families[*index];
        is_at_end || is_last && !end_is_seen(cx, family) || facts.is_over(family, enter, starts)
    })
}

/// The uses whose changes have the fixtures that enter such objects run in one task.
pub(super) fn fixtures_entering(cx: &Context<'_>, enter: FuncId) -> Vec<Place> {
    let entering = entering(cx, enter).unwrap_or_default().into_iter();
    let owners = entering.map(|(view, stmt)| cx.program.function_at(view.place(stmt)));
    owners
        .filter_map(|owner| fixtures::mover(cx, owner))
        .collect()
}

/// The statements that enter objects of the class. `None` where something else does, or another task may leave them.
fn entering<'c>(cx: &Context<'c>, enter: FuncId) -> Option<Vec<(&'c View<'c>, &'c Stmt)>> {
    let class = cx.program.function(enter).class?;
    let mros = &cx.program.flow.mro;
    let is_one = move |value: Value| match value {
        Value::Instance(it) => mros[it.0 as usize].contains(&MroEntry::Class(class)),
        _ => false,
    };
    let mut found = Vec::new();
    for view in cx.views_where(is_one) {
        for expr in entered(view) {
            if !cx.program.values_at(view.place(expr)).any(is_one) {
                continue;
            }
            let enclosing = view.tree.enclosing_statement(expr.range())?;
            let stmt = match enclosing {
                Stmt::With(with)
                    if with
                        .items
                        .iter()
                        .any(|it| it.range().contains_range(expr.range())) =>
                {
                    enclosing
                }
                _ => of_stack(cx, view, expr)?,
            };
            let Stmt::With(with) = stmt else { return None };
            let owner = cx.program.function_at(view.place(expr));
            let function = cx.program.function(owner);
            let direct = with
                .items
                .iter()
                .any(|it| it.context_expr.range() == expr.range());
            let by_stack = stmt.range() != enclosing.range();
            if !(direct || by_stack)
                || !with.is_async
                || !function.is_async
                || function.is_generator && !fixtures::is_host(cx, owner)
            {
                return None;
            }
            found.push((view, stmt));
        }
    }
    Some(found)
}

/// The `async with` of the exit stack that leaves what it enters by this argument: `stack.enter_async_context(…)`. No other block
/// that began before ends before.
fn of_stack<'c>(cx: &Context<'_>, view: &'c View<'c>, entered: &Expr) -> Option<&'c Stmt> {
    let call = view.tree.call_around(entered)?;
    view.await_of(call.range())?;
    let stack = match &*call.func {
        Expr::Attribute(it) => it.value.as_name_expr()?,
        _ => return None,
    };
    let makes_stack = |expr: &Expr| {
        let call = expr.as_call_expr();
        call.is_some_and(|it| cx.api_of(view, &it.func) == Some("contextlib.AsyncExitStack"))
    };
    for node in view.tree.ancestors(call) {
        match node {
            AnyNodeRef::StmtWith(with) => {
                let [item] = &*with.items else { return None };
                let target = item.optional_vars.as_deref()?.as_name_expr()?;
                let fits = target.id == stack.id && makes_stack(&item.context_expr);
                return view
                    .tree
                    .enclosing_statement(with.range())
                    .filter(|_| fits && stays(view, stack));
            }
            AnyNodeRef::StmtFunctionDef(_)
            | AnyNodeRef::StmtTry(_)
            | AnyNodeRef::ExprLambda(_)
            | AnyNodeRef::ExprGenerator(_) => return None,
            _ => {}
        }
    }
    None
}

/// Whether the variable of an exit stack is only used to call its methods, and none takes out what it leaves.
fn stays(view: &View<'_>, stack: &ExprName) -> bool {
    let scopes = &view.scopes;
    let id = stack.id.as_str();
    let own = scopes.resolve(id, scopes.at(stack.start()));
    let mut reads = (scopes.references_of(id)).filter(|it| scopes.resolve(id, it.scope) == own);
    reads.all(|it| {
        let expr = view.tree.expr_at(it.range);
        matches!(expr.and_then(|it| view.tree.parent(it)), Some(AnyNodeRef::ExprAttribute(it))
            if it.attr.as_str() != "pop_all" && view.call_of(it.range()).is_some())
    })
}

struct Facts<'f, 'c> {
    cx: &'f Context<'c>,
    model: &'f Model<'c>,
    raising: Raising<'f, 'c>,
    /// Whether what leaves the object may be cancelled meanwhile.
    is_cancelled: bool,
    /// Whether an error that leaves it ends the program.
    ends_program: bool,
}

impl Facts<'_, '_> {
    /// Whether `__aexit__` waits for all tasks that `__aenter__` starts.
    fn is_over(&self, family: &Family<'_>, enter: FuncId, starts: &BTreeSet<Place>) -> bool {
        let cx = self.cx;
        let class = cx.program.function(enter).class;
        let exit = class
            .into_iter()
            .flat_map(|class| cx.program.methods(class))
            .find(|it| cx.program.function(**it).name() == "__aexit__");
        let Some((view, def)) = exit.and_then(|it| definition(cx, *it)) else {
            return false;
        };
        let mut started = BTreeSet::new();
        if family.spawns.iter().any(|spawn| spawn.function == enter) {
            started.insert("self".to_owned());
        }
        for start in starts {
            let call = cx
                .view(start.file)
                .and_then(|view| Some((view, view.tree.expr_at(start.range)?)));
            let Some((view, Expr::Call(call))) = call else {
                return false;
            };
            match owner(view, call) {
                Some(owner) => started.insert(owner),
                None => return false,
            };
        }
        let mut over = BTreeSet::new();
        self.waits(family, view, &def.body, 3, &mut over);
        !started.is_empty() && started.is_subset(&over)
    }

    /// Whose tasks of the family are over when the statements have run. Tells whether it goes on behind them.
    fn waits(
        &self,
        family: &Family<'_>,
        view: &View<'_>,
        body: &[Stmt],
        depth: u8,
        over: &mut BTreeSet<String>,
    ) -> bool {
        body.iter()
            .all(|stmt| self.stmt(family, view, stmt, depth, over))
    }

    fn stmt(
        &self,
        family: &Family<'_>,
        view: &View<'_>,
        stmt: &Stmt,
        depth: u8,
        over: &mut BTreeSet<String>,
    ) -> bool {
        match stmt {
            Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) => {
                if self.is_wait(family, view, stmt) {
                    over.insert("self".to_owned());
                    return true;
                }
                if let Some(owner) = self.ended_by_call(family, view, stmt, depth) {
                    over.insert(owner);
                    return true;
                }
                self.goes_on(view, stmt)
            }
            Stmt::Try(it) => {
                self.waits(family, view, &it.body, depth, over)
                    && (!switches(&it.finalbody) || self.goes_on(view, stmt))
            }
            Stmt::With(it) if !it.is_async => self.waits(family, view, &it.body, depth, over),
            Stmt::For(it) if !it.is_async && it.orelse.is_empty() => {
                self.waits(family, view, &it.body, depth, over)
            }
            // There is none of its tasks where the test fails.
            Stmt::If(it)
                if self.asks(family, view, &it.test) && it.elif_else_clauses.is_empty() =>
            {
                match it.body.last() {
                    Some(Stmt::Return(_) | Stmt::Continue(_)) => !switches(&it.body),
                    _ => self.waits(family, view, &it.body, depth, over),
                }
            }
            Stmt::If(it)
                if it
                    .elif_else_clauses
                    .last()
                    .is_some_and(|it| it.test.is_none()) =>
            {
                let others = it.elif_else_clauses.iter().map(|it| &it.body);
                let mut on = true;
                let ended = others.chain([&it.body]).map(|body| {
                    let mut ended = over.clone();
                    on &= self.waits(family, view, body, depth, &mut ended);
                    ended
                });
                *over = ended.reduce(|one, other| &one & &other).unwrap_or_default();
                on
            }
            _ => self.goes_on(view, stmt),
        }
    }

    /// Whether what stands behind the statement is reached.
    fn goes_on(&self, view: &View<'_>, stmt: &Stmt) -> bool {
        let nodes = own(std::slice::from_ref(stmt));
        let leaves = nodes.iter().any(|node| {
            matches!(
                node,
                AnyNodeRef::StmtReturn(_)
                    | AnyNodeRef::StmtRaise(_)
                    | AnyNodeRef::StmtBreak(_)
                    | AnyNodeRef::StmtContinue(_)
            )
        });
        let fails = || {
            nodes.iter().any(|node| {
                matches!(node, AnyNodeRef::ExprAwait(it) if self.raising.awaiting(view, &it.value))
            })
        };
        let waits = switches(std::slice::from_ref(stmt));
        !leaves && (!waits || !self.is_cancelled && (self.ends_program || !fails()))
    }

    /// Whether the statement waits until all tasks of the family have ended.
    fn is_wait(&self, family: &Family<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
        (self.model.waits_within(view.file, stmt.range())).any(|wait| {
            let all = matches!(
                wait.kind,
                WaitKind::Await
                    | WaitKind::Gather { .. }
                    | WaitKind::For
                    | WaitKind::GatherFor
                    | WaitKind::All
            );
            let first = match stmt {
                Stmt::Expr(it) => it.value.range() == wait.await_.range(),
                Stmt::Assign(it) => it.value.range() == wait.await_.range(),
                Stmt::AnnAssign(it) => {
                    (it.value.as_ref()).is_some_and(|it| it.range() == wait.await_.range())
                }
                _ => false,
            };
            let mut spawns = family.spawns.iter();
            all && first && spawns.all(|spawn| wait.sites.contains(&spawn.site()))
        })
    }

    /// Whose tasks are over where the statement awaits a method that waits for them.
    fn ended_by_call(
        &self,
        family: &Family<'_>,
        view: &View<'_>,
        stmt: &Stmt,
        depth: u8,
    ) -> Option<String> {
        let Stmt::Expr(it) = stmt else { return None };
        let Expr::Await(await_) = &*it.value else {
            return None;
        };
        let Expr::Call(call) = &*await_.value else {
            return None;
        };
        let mut callees = self
            .cx
            .program
            .values_at(view.place(&*call.func))
            .peekable();
        let known = depth > 0 && callees.peek().is_some();
        let all = callees.all(|value| {
            let method = value
                .function()
                .and_then(|func| definition(self.cx, func))
                .filter(|(_, def)| def.is_async && def.decorator_list.is_empty());
            method.is_some_and(|(view, def)| {
                let mut over = BTreeSet::new();
                self.waits(family, view, &def.body, depth - 1, &mut over);
                over.contains("self")
            })
        });
        owner(view, call).filter(|_| known && all)
    }

    /// Whether a test only asks whether there is a task, or whether it still runs.
    fn asks(&self, family: &Family<'_>, view: &View<'_>, test: &Expr) -> bool {
        match test {
            Expr::UnaryOp(it) => self.asks(family, view, &it.operand),
            Expr::Compare(it) => {
                it.comparators.iter().all(Expr::is_none_literal_expr)
                    && self.asks(family, view, &it.left)
            }
            Expr::BoolOp(it) => it.values.iter().all(|it| self.asks(family, view, it)),
            Expr::Call(call) => matches!(&*call.func, Expr::Attribute(it)
                if it.attr.as_str() == "done" && self.asks(family, view, &it.value)),
            Expr::Name(_) | Expr::Attribute(_) => {
                !held(self.cx, view.place(test)).sites.is_empty()
                    || self.is_set_beside(family, test)
            }
            _ => false,
        }
    }

    /// Whether an attribute is set right before the tasks are made, and only there: it is none where there are none.
    fn is_set_beside(&self, family: &Family<'_>, test: &Expr) -> bool {
        let Expr::Attribute(asked) = test else {
            return false;
        };
        let is_it =
            |target: &Expr| matches!(target, Expr::Attribute(it) if it.attr.id == asked.attr.id);
        let sets = |stmt: &Stmt| matches!(stmt, Stmt::Assign(it) if it.targets.iter().any(is_it));
        let before = |spawn: &Spawn<'_>| {
            let stmt = spawn.view.tree.enclosing_statement(spawn.call.range())?;
            let (suite, index) = spawn.view.tree.suite_of(stmt)?;
            let stmt = suite.get(index.checked_sub(1)?)?;
            sets(stmt).then(|| spawn.view.place(stmt))
        };
        let beside: Option<Vec<Place>> = family.spawns.iter().map(before).collect();
        beside.is_some_and(|beside| {
            let mut views = self.cx.views_naming([asked.attr.as_str()]);
            views.all(|view| {
                view.tree.nodes().all(|node| match node {
                    AnyNodeRef::ExprAttribute(it)
                        if it.attr.id == asked.attr.id && it.ctx.is_store() =>
                    {
                        match view.tree.enclosing_statement(it.range()) {
                            Some(Stmt::Assign(assign)) if assign.value.is_none_literal_expr() => {
                                true
                            }
                            Some(Stmt::AnnAssign(assign)) => {
                                let value = assign.value.as_deref();
                                value.is_none_or(Expr::is_none_literal_expr)
                            }
                            Some(stmt) => beside.contains(&view.place(stmt)),
                            None => false,
                        }
                    }
                    _ => true,
                })
            })
        })
    }
}

/// Whose method a call calls: `self`, an attribute of it, or each of what a loop goes through.
fn owner(view: &View<'_>, call: &ExprCall) -> Option<String> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let Expr::Name(name) = &*method.value else {
        return Some(view.text(method.value.range()).to_owned());
    };
    let mut around = view.tree.ancestors(call);
    let iterable = around.find_map(|node| match node {
        AnyNodeRef::StmtFor(it) if matches!(&*it.target, Expr::Name(it) if it.id == name.id) => {
            Some(&*it.iter)
        }
        _ => None,
    });
    match iterable {
        None => Some(name.id.to_string()),
        // In another order they are the same ones.
        Some(Expr::Call(call)) => match &call.arguments.args[..] {
            [one] if matches!(&*call.func, Expr::Name(it) if matches!(it.id.as_str(), "reversed" | "list" | "tuple" | "set")) => {
                Some(view.text(one.range()).to_owned())
            }
            _ => None,
        },
        Some(iterable) => Some(view.text(iterable.range()).to_owned()),
    }
}
