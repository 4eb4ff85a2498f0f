//! Where the task groups of a function begin and end.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt, StmtFunctionDef};
use loopshift_python::{Ranged, TextRange};

use super::family::{Family, Model, Wait, WaitKind};
use super::life::exits;
use super::state::{Exit, ExitKind, Stage};
use super::suites::{Run, each, hull};
use super::{fatal, fixtures};
use crate::common::cancellation::end_a_cancellation;
use crate::common::code::is_in_loop;
use crate::common::raising::Raising;
use crate::context::{Context, View};

/// A task group to be.
pub(super) struct Region<'c> {
    pub(super) view: &'c View<'c>,
    pub(super) function: FuncId,
    pub(super) def: &'c StmtFunctionDef,
    pub(super) run: Run<'c>,
    /// The families whose tasks are in it.
    pub(super) families: BTreeSet<usize>,
    /// Whether it goes on to the end of the function, since tasks may still run there.
    pub(super) open: bool,
    /// The statements behind it that only read results: waits in them become reads.
    pub(super) tail: BTreeSet<Place>,
    /// The ways out on which tasks are left that asyncio would cancel at the end of the program.
    pub(super) stops: Vec<(ExitKind, TextRange)>,
    /// Whether an error that leaves it ends the program.
    pub(super) is_fatal: bool,
    /// Whether a task that was told to stop may be left at the end.
    pub(super) lingers: bool,
    /// Calls that start tasks and are given the group.
    pub(super) starts: Vec<Place>,
}

impl Region<'_> {
    /// Its statements, as a place.
    pub(super) fn place(&self) -> Place {
        self.view.place(self.run.range())
    }
}

/// What a function asks for: its families, and the calls in it that start tasks for good.
pub(super) struct Wanted<'m, 'c> {
    pub(super) view: &'c View<'c>,
    pub(super) function: FuncId,
    pub(super) def: &'c StmtFunctionDef,
    pub(super) families: BTreeSet<usize>,
    pub(super) starts: Vec<Place>,
    pub(super) is_entry: bool,
    pub(super) model: &'m Model<'c>,
}

/// The groups of a function, or why there are none.
pub(super) fn regions<'c>(
    cx: &Context<'c>,
    wanted: &Wanted<'_, 'c>,
) -> Result<Vec<Region<'c>>, (BTreeSet<usize>, String)> {
    let mut regions: Vec<Region<'c>> = Vec::new();
    let body = &wanted.def.body;
    for index in &wanted.families {
        let ranges = anchors(wanted, *index);
        let Some(run) = hull(body, &ranges) else {
            return Err((
                [*index].into(),
                "the statements that make and use the task have no block in common".to_owned(),
            ));
        };
        regions.push(region(wanted, run, [*index].into()));
    }
    if let Some(first) = wanted
        .starts
        .iter()
        .map(|place| place.range)
        .min_by_key(Ranged::start)
    {
        let at = top_level(body, first);
        let run = Run {
            suite: body,
            first: at,
            end: body.len(),
        };
        let mut region = region(wanted, run, BTreeSet::new());
        region.open = true;
        region.starts.clone_from(&wanted.starts);
        regions.push(region);
    }
    // Groups that meet become one; one whose tasks outlive it grows to the end of the function.
    loop {
        merge(body, &mut regions);
        let mut grown = false;
        for region in &mut regions {
            if region.open {
                continue;
            }
            let out = leave(cx, wanted, region);
            let unsettled = out.iter().any(|exit| {
                !exit.state.tasks.is_empty() || exit.kind == ExitKind::Jump && exit.state.is_live()
            });
            if unsettled {
                region.open = true;
                let at = top_level(body, region.run.range());
                region.run = Run {
                    suite: body,
                    first: at,
                    end: body.len(),
                };
                grown = true;
            }
        }
        if !grown {
            break;
        }
    }
    for region in &mut regions {
        finish(cx, wanted, region).map_err(|reason| (region.families.clone(), reason))?;
    }
    Ok(regions)
}

fn region<'c>(wanted: &Wanted<'_, 'c>, run: Run<'c>, families: BTreeSet<usize>) -> Region<'c> {
    Region {
        view: wanted.view,
        function: wanted.function,
        def: wanted.def,
        run,
        families,
        open: false,
        tail: BTreeSet::new(),
        stops: Vec::new(),
        is_fatal: false,
        lingers: false,
        starts: Vec::new(),
    }
}

/// The place of the statement of the function's body that holds the range.
fn top_level(body: &[Stmt], range: TextRange) -> usize {
    body.iter()
        .position(|stmt| stmt.range().contains_range(range) || stmt.start() >= range.start())
        .unwrap_or(0)
}

/// The ranges in the function where tasks of a family are made, waited for, told to stop or given away.
fn anchors(wanted: &Wanted<'_, '_>, index: usize) -> Vec<TextRange> {
    let family = &wanted.model.families[index];
    let mut out: Vec<TextRange> = Vec::new();
    let here = |function: FuncId, range: TextRange| {
        function == wanted.function || wanted.def.range().contains_range(range)
    };
    for spawn in &family.spawns {
        if spawn.view.file == wanted.view.file && here(spawn.function, spawn.call.range()) {
            out.push(spawn.call.range());
        }
    }
    for wait in waits_of(wanted.model, index) {
        if wait.view.file == wanted.view.file && here(wait.function, wait.await_.range()) {
            out.push(wait.await_.range());
        }
    }
    for member in &family.members {
        if member.name == "cancel"
            && member.view.file == wanted.view.file
            && here(member.function, member.attribute.range())
        {
            out.push(member.attribute.range());
        }
    }
    // Handed to a function, which may wait for it.
    for held in &family.cluster.places {
        if held.place.file != wanted.view.file
            || !wanted.def.range().contains_range(held.place.range)
        {
            continue;
        }
        if let Some(expr) = wanted.view.tree.expr_at(held.place.range)
            && let Some(call) = argument_of(wanted.view, expr)
        {
            out.push(call);
        }
    }
    for held in container_uses(wanted, index) {
        out.push(held);
    }
    out
}

/// The call of a function of ours that the expression is an argument of.
fn argument_of(view: &View<'_>, expr: &Expr) -> Option<TextRange> {
    let parent = view
        .tree
        .ancestors(expr)
        .find(|node| !matches!(node, AnyNodeRef::ExprStarred(_) | AnyNodeRef::Arguments(_)))?;
    match parent {
        AnyNodeRef::ExprCall(call) if call.func.range() != expr.range() => {
            let builtin = call
                .func
                .as_name_expr()
                .is_some_and(|name| loopshift_engine_builtin(name.id.as_str()));
            let method = call.func.is_attribute_expr();
            (!builtin && !method).then(|| call.range())
        }
        _ => None,
    }
}

fn loopshift_engine_builtin(name: &str) -> bool {
    matches!(
        name,
        "len"
            | "list"
            | "set"
            | "tuple"
            | "sorted"
            | "enumerate"
            | "zip"
            | "any"
            | "all"
            | "print"
            | "isinstance"
            | "id"
            | "reversed"
            | "filter"
            | "map"
            | "iter"
            | "next"
            | "dict"
    )
}

/// Calls of functions of ours that are given a container of the family's tasks.
fn container_uses(wanted: &Wanted<'_, '_>, index: usize) -> Vec<TextRange> {
    let family = &wanted.model.families[index];
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for container in &family.cluster.containers {
        if container.file != wanted.view.file {
            continue;
        }
        if let Some(expr) = wanted.view.tree.expr_at(container.range)
            && let Some(AnyNodeRef::StmtAssign(assign)) = wanted.view.tree.parent(expr)
        {
            names.extend(assign.targets.iter().filter_map(|target| match target {
                Expr::Name(name) => Some(name.id.as_str()),
                _ => None,
            }));
        }
    }
    wanted
        .view
        .scopes
        .references
        .iter()
        .filter(|it| names.contains(it.name) && wanted.def.range().contains_range(it.range))
        .filter_map(|it| argument_of(wanted.view, wanted.view.tree.expr_at(it.range)?))
        .collect()
}

/// The waits that touch a family.
pub(super) fn waits_of<'m, 'c>(
    model: &'m Model<'c>,
    index: usize,
) -> impl Iterator<Item = &'m Wait<'c>> {
    let places = model.waits_by_family.get(&index).into_iter().flatten();
    places.map(|place| &model.waits[*place])
}

/// Joins regions that meet. One that grows may meet those before it.
fn merge<'c>(body: &'c [Stmt], regions: &mut Vec<Region<'c>>) {
    let mut first = 0;
    while first < regions.len() {
        let range = regions[first].run.range();
        let meets = |other: &Region<'_>| {
            let both = other.run.range().intersect(range);
            both.is_some_and(|both| !both.is_empty())
        };
        let second = (0..regions.len()).find(|it| *it != first && meets(&regions[*it]));
        let Some(second) = second else {
            first += 1;
            continue;
        };
        let (keep, lose) = (first.min(second), first.max(second));
        let other = regions.remove(lose);
        first = keep;
        let region = &mut regions[keep];
        let ends: Vec<TextRange> = [region.run, other.run]
            .iter()
            .flat_map(|run| [run.stmts().first(), run.stmts().last()])
            .flatten()
            .map(Ranged::range)
            .collect();
        if let Some(run) = hull(body, &ends) {
            region.run = run;
        }
        region.families.extend(other.families);
        region.open |= other.open;
        region.starts.extend(other.starts);
        if region.open {
            let at = top_level(body, region.run.range());
            region.run = Run {
                suite: body,
                first: at,
                end: body.len(),
            };
        }
    }
}

/// How control leaves a region.
fn leave<'c>(cx: &Context<'c>, wanted: &Wanted<'_, 'c>, region: &Region<'c>) -> Vec<Exit<'c>> {
    let families: Vec<&Family<'c>> = region
        .families
        .iter()
        .map(|index| &wanted.model.families[*index])
        .collect();
    let waits: Vec<(&Wait<'c>, Vec<Place>)> = wanted
        .model
        .waits_within(region.view.file, region.run.range())
        .map(|wait| (wait, wait.sites.iter().copied().collect()))
        .collect();
    exits(
        cx,
        region.view,
        &families,
        &waits,
        &region.starts,
        region.run.stmts(),
    )
}

/// Says what happens at the ends of a region, and refuses one that can't be.
fn finish<'c>(
    cx: &Context<'c>,
    wanted: &Wanted<'_, 'c>,
    region: &mut Region<'c>,
) -> Result<(), String> {
    let mut yields = false;
    each(region.run.stmts(), &mut |stmt| {
        yields |= super::suites::header(stmt)
            .iter()
            .any(|range| holds_yield(region.view, *range, region.def));
    });
    let may_yield =
        is_context_manager(cx, region.view, region.def) || fixtures::is_host(cx, region.function);
    if yields && !may_yield {
        return Err(
            "the function yields while the task may run, and a task group must not be open over a `yield`"
                .to_owned(),
        );
    }
    if fixtures::ends_by_class(cx, region.view, region.def, region.run.stmts()) {
        return Err(
            "pytest tells by the class of an error how the test ended, and it would arrive in an ExceptionGroup"
                .to_owned(),
        );
    }
    if end_a_cancellation(cx, region.view, region.run.stmts()) {
        return Err(
            "the function ends its own cancellation while the task may run, and AnyIO would cancel the wait for the task, too: raise it again"
                .to_owned(),
        );
    }
    let out = leave(cx, wanted, region);
    for exit in &out {
        if exit.kind == ExitKind::Jump && !exit.state.tasks.is_empty() {
            return Err("a `break` or `continue` leaves the task running".to_owned());
        }
        if exit.state.is_live() {
            if !wanted.is_entry {
                return Err(
                    "the task may still run when the function returns, and there is no place for its task group"
                        .to_owned(),
                );
            }
            region.stops.push((exit.kind, exit.range));
        } else if !exit.state.tasks.is_empty() {
            region.lingers = true;
            debug_assert!(
                exit.state
                    .tasks
                    .values()
                    .all(|stage| *stage == Stage::Cancelling)
            );
        }
    }
    region.is_fatal = fatal::is_fatal(cx, wanted.model, region);
    if !region.open {
        find_tail(cx, wanted, region);
    }
    Ok(())
}

fn holds_yield(view: &View<'_>, range: TextRange, def: &StmtFunctionDef) -> bool {
    let text = view.text(range);
    if !text.contains("yield") {
        return false;
    }
    let mut offset = 0;
    while let Some(at) = text[offset..].find("yield") {
        let start =
            range.start() + loopshift_python::TextSize::try_from(offset + at).unwrap_or_default();
        let around = TextRange::empty(start);
        let node = view.tree.around(around).find(|node| {
            matches!(
                node,
                AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)
            )
        });
        if let Some(node) = node {
            let owner = view.tree.enclosing_function(node.range());
            if owner.is_some_and(|owner| owner.range() == def.range()) {
                return true;
            }
        }
        offset += at + 5;
    }
    false
}

/// Whether the function is what `with` enters and leaves in one place: its tasks may be in a group over its `yield`.
pub(crate) fn is_context_manager(cx: &Context<'_>, view: &View<'_>, def: &StmtFunctionDef) -> bool {
    def.decorator_list.iter().any(|decorator| {
        cx.api_of(view, &decorator.expression) == Some("contextlib.asynccontextmanager")
    })
}

/// Takes the last statements out of the region that only wait, if nothing else is waited for there.
fn find_tail(cx: &Context<'_>, wanted: &Wanted<'_, '_>, region: &mut Region<'_>) {
    let mut end = region.run.end;
    let raising = Raising::new(cx);
    // An error that is kept comes when its task has failed, not when the others have ended, too.
    let raises = |index: usize| {
        let mut spawns = wanted.model.families[index].spawns.iter();
        spawns.any(|spawn| spawn.may_raise(&raising))
    };
    let keeps = !cx.settings.plain
        && has_several(wanted, region)
        && region
            .families
            .iter()
            .any(|index| raises(*index) && !fatal::ends(wanted.model, region, *index));
    let fails = |wait: &&Wait<'_>| {
        let raises = |site: &Place| {
            let family = wanted.model.by_site.get(site);
            family.is_some_and(|index| raises(*index))
        };
        matches!(
            wait.kind,
            WaitKind::Await | WaitKind::Gather { exceptions: false }
        ) && wait.sites.iter().any(raises)
    };
    while end > region.run.first + 1 {
        let stmt = &region.run.suite[end - 1];
        let is_last = end == region.run.end;
        let waits: Vec<&Wait<'_>> = wanted
            .model
            .waits_within(region.view.file, stmt.range())
            .collect();
        if waits.is_empty() || !is_pure_wait(region, wanted, stmt, &waits, is_last) {
            break;
        }
        let in_order = is_last
            && waits
                .iter()
                .all(|wait| is_last_of_all(wanted, region, wait));
        if keeps && !in_order && waits.iter().any(fails) {
            break;
        }
        for wait in waits {
            region.tail.insert(wait.view.place(wait.await_));
        }
        end -= 1;
    }
    region.run.end = end;
}

/// Whether a task is waited for when all others of the region have been.
fn is_last_of_all(wanted: &Wanted<'_, '_>, region: &Region<'_>, wait: &Wait<'_>) -> bool {
    let mine = |index: usize| {
        let family = &wanted.model.families[index];
        matches!(&family.spawns[..], [only] if wait.sites.contains(&only.site()) && !is_in_loop(only.view, only.call.range()))
    };
    let before = |index: usize| {
        waits_of(wanted.model, index).any(|other| {
            other.function == wait.function
                && other.await_.start() < wait.await_.start()
                && matches!(other.kind, WaitKind::Await | WaitKind::Gather { .. })
        })
    };
    let mut families = region.families.iter();
    wait.kind == WaitKind::Await && families.all(|index| mine(*index) || before(*index))
}

/// Whether several tasks may run in the region.
fn has_several(wanted: &Wanted<'_, '_>, region: &Region<'_>) -> bool {
    let families = region.families.iter();
    let mut spawns = families.flat_map(|index| &wanted.model.families[*index].spawns);
    match (spawns.next(), spawns.next()) {
        (Some(only), None) => is_in_loop(only.view, only.call.range()),
        (first, _) => first.is_some(),
    }
}

/// Whether a statement does nothing before its waits, and nothing else that takes time.
fn is_pure_wait(
    region: &Region<'_>,
    wanted: &Wanted<'_, '_>,
    stmt: &Stmt,
    waits: &[&Wait<'_>],
    is_last: bool,
) -> bool {
    let view = region.view;
    let simple = match stmt {
        Stmt::Expr(it) => is_last || it.value.is_await_expr(),
        Stmt::Assign(it) => {
            is_last
                || it.value.is_await_expr()
                    && it.targets.iter().all(|target| match target {
                        Expr::Name(_) => true,
                        Expr::Tuple(tuple) => tuple.elts.iter().all(Expr::is_name_expr),
                        _ => false,
                    })
        }
        Stmt::AnnAssign(_) | Stmt::Return(_) => is_last,
        _ => false,
    };
    if !simple {
        return false;
    }
    let known = |wait: &&Wait<'_>| {
        matches!(
            wait.kind,
            WaitKind::Await | WaitKind::Gather { exceptions: false }
        ) && wait.sites.iter().all(|site| {
            wanted
                .model
                .by_site
                .get(site)
                .is_some_and(|family| region.families.contains(family))
        })
    };
    if !waits.iter().all(known) {
        return false;
    }
    let first = waits
        .iter()
        .map(|wait| wait.await_.start())
        .min()
        .unwrap_or_default();
    // Tasks that the statement makes, other waits, and calls that are over before the first wait.
    let spawns = region.families.iter().any(|index| {
        wanted.model.families[*index].spawns.iter().any(|spawn| {
            spawn.view.file == view.file && stmt.range().contains_range(spawn.call.range())
        })
    });
    if spawns {
        return false;
    }
    let mut clean = true;
    visit_exprs(stmt, &mut |expr| match expr {
        Expr::Await(await_) => {
            clean &= waits
                .iter()
                .any(|wait| wait.await_.range() == await_.range());
        }
        Expr::Call(call) if call.end() <= first => clean = false,
        Expr::ListComp(_)
        | Expr::SetComp(_)
        | Expr::DictComp(_)
        | Expr::Generator(_)
        | Expr::Lambda(_)
            if waits
                .iter()
                .any(|wait| expr.range().contains_range(wait.await_.range())) =>
        {
            clean = false;
        }
        Expr::BoolOp(_) | Expr::If(_)
            if waits
                .iter()
                .any(|wait| expr.range().contains_range(wait.await_.range())) =>
        {
            clean = false;
        }
        _ => {}
    });
    // With a coroutine in the call it is a task that the group has to make first.
    clean
}

/// Calls `visit` for all expressions of a statement.
pub(super) fn visit_exprs<'a>(stmt: &'a Stmt, visit: &mut impl FnMut(&'a Expr)) {
    use loopshift_python::ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_stmt};
    struct Visitor<'f, F>(&'f mut F);
    impl<'a, F: FnMut(&'a Expr)> SourceOrderVisitor<'a> for Visitor<'_, F> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            (self.0)(expr);
            walk_expr(self, expr);
        }
    }
    walk_stmt(&mut Visitor(visit), stmt);
}
