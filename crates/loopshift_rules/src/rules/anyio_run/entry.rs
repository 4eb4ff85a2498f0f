//! An event loop made by hand: `loop = asyncio.new_event_loop()`, `loop.run_until_complete(main())`, `loop.close()`.
//!
//! All of it becomes one `anyio.run`, or nothing does.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::render::has_blocks;
use loopshift_python::{Ranged, TextRange, TextSize};

use super::outline::{MAKING, OUTER, outlined};
use super::several::{self, Run};
use super::{RULE, inside, runnable};
use crate::common::code::Reach;
use crate::common::loops::{LoopObjects, loop_objects, passed, statement_of};
use crate::common::order::Order;
use crate::context::{Context, View};
use crate::rules::anyio_loop::runs_in_the_loop;

pub(super) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let entries: Vec<LoopObjects> = loop_objects(cx)
        .into_iter()
        .filter(LoopObjects::is_entry)
        .collect();
    let several = (!entries.is_empty()).then(|| Several::new(cx, &entries));
    for (index, objects) in entries.iter().enumerate() {
        let places = all_places(objects);
        if places.is_empty() {
            continue;
        }
        let Some(several) = &several else {
            continue;
        };
        let moved = match &several.made_outside {
            Some(reason) => Err(reason.clone()),
            None if objects.is_only_passed => asked_for(cx, objects, index, several),
            None => convert(cx, objects, index, several),
        };
        match moved {
            Ok(mut change) => {
                let runs_move = !objects.is_only_passed;
                let mut spoken = spoken(&places, several, runs_move);
                if let Some((first, api)) = spoken.next() {
                    change.place = *first;
                    change.api.clone_from(api);
                }
                change.covers.extend(spoken.map(|(place, _)| *place));
                changes.push(change);
            }
            Err(reason) => {
                let runs = several.together(cx, index);
                if several.made_outside.is_none()
                    && let Ok(mut change) = outlined(cx, objects, &runs, several)
                {
                    let covered = spoken(&places, several, false);
                    change.covers.extend(covered.map(|(place, _)| *place));
                    changes.push(change);
                    continue;
                }
                changes.extend(places.iter().filter(|(_, api)| is_ours(api)).map(
                    |(place, api)| Change::declined(RULE, *place, api.clone(), reason.clone()),
                ));
            }
        }
    }
    // What no loop of ours is given to.
    let spoken: Vec<Place> = changes
        .iter()
        .flat_map(|change| change.covers.iter().copied().chain([change.place]))
        .collect();
    for (use_, _, _) in cx.uses_for(RULE) {
        if use_.api == "asyncio.set_event_loop" && !spoken.contains(&use_.place) {
            changes.push(Change::declined(
                RULE,
                use_.place,
                &*use_.api,
                "AnyIO makes its event loop itself, and it is not known which loop this is",
            ));
        }
    }
}

/// The places that a change of a loop speaks for. What takes what is run for an entry of the program waits for the round
/// in which the run itself moves: until then it may become what another function awaits.
fn spoken<'p>(
    places: &'p [(Place, String)],
    several: &'p Several<'_>,
    runs_move: bool,
) -> impl Iterator<Item = &'p (Place, String)> {
    let is_run = |api: &str| api == "asyncio.AbstractEventLoop.run_until_complete";
    places
        .iter()
        .filter(move |(place, api)| !several.inside.contains(place) && (runs_move || !is_run(api)))
}

/// Whether this rule speaks for an API, rather than the rule of a member.
fn is_ours(api: &str) -> bool {
    matches!(
        api,
        "asyncio.new_event_loop"
            | "asyncio.set_event_loop"
            | "asyncio.get_event_loop"
            | "asyncio.get_running_loop"
            | "asyncio.AbstractEventLoop.run_until_complete"
            | "asyncio.AbstractEventLoop.close"
            | "asyncio.AbstractEventLoop.shutdown_asyncgens"
            | "asyncio.AbstractEventLoop.shutdown_default_executor"
    )
}

fn all_places(objects: &LoopObjects) -> Vec<(Place, String)> {
    let mut all: Vec<(Place, String)> = objects
        .sources
        .iter()
        .chain(&objects.members)
        .chain(&objects.handed)
        .cloned()
        .collect();
    all.sort();
    all.dedup();
    all
}

/// All runs of event loops made by hand, with the number of the objects they belong to.
pub(super) struct Several<'c> {
    pub(super) order: Order<'c>,
    runs: Vec<(usize, Run)>,
    /// Members of the loop that are used where it runs: there it is the one that runs.
    pub(super) inside: BTreeSet<Place>,
    /// Why none can be moved: something is put into an event loop before it runs, elsewhere than beside its run.
    made_outside: Option<String>,
}

impl<'c> Several<'c> {
    fn new(cx: &'c Context<'c>, entries: &[LoopObjects]) -> Self {
        let reach = cx.once(Reach::new);
        let mut runs = Vec::new();
        for (index, objects) in entries.iter().enumerate() {
            for (place, api) in &objects.members {
                if api == "asyncio.AbstractEventLoop.run_until_complete" && !is_shutdown(cx, *place)
                {
                    // A loop that is made elsewhere may run it any number of times.
                    let home = cx.program.function_at(*place);
                    let again = in_a_loop(cx, *place)
                        || !objects
                            .sources
                            .iter()
                            .any(|(source, _)| cx.program.function_at(*source) == home)
                            && !runs_once(cx, home);
                    runs.push((index, Run::new(cx, &reach, *place, again)));
                }
            }
        }
        let made_outside = made_outside(cx, &reach, &runs);
        Several {
            order: Order::new(cx),
            runs,
            inside: used_inside(cx, entries),
            made_outside,
        }
    }

    /// The runs of these objects, and those beside them in the same functions.
    fn together(&self, cx: &Context<'_>, index: usize) -> Vec<&Run> {
        let home = |run: &Run| cx.program.function_at(run.place);
        let homes: Vec<FuncId> = self
            .runs
            .iter()
            .filter(|(its, _)| *its == index)
            .map(|(_, run)| home(run))
            .collect();
        self.runs
            .iter()
            .filter(|(its, run)| *its == index || homes.contains(&home(run)))
            .map(|(_, run)| run)
            .collect()
    }
}

/// Lets functions ask for the loop that they are given, where it could move if they did: it does so in the next round.
fn asked_for(
    cx: &Context<'_>,
    objects: &LoopObjects,
    index: usize,
    several: &Several<'_>,
) -> Result<Change, String> {
    let mut asked = objects.clone();
    asked.obstacle = None;
    let moved = convert(cx, &asked, index, several)?;
    let message = "functions ask for the event loop that runs, and are not given it";
    let mut change = Change::new(RULE, moved.place, moved.api, message);
    passed::ask(cx, objects, &mut change)?;
    Ok(change)
}

/// The members of the one loop of the program that are only used where it runs.
fn used_inside(cx: &Context<'_>, entries: &[LoopObjects]) -> BTreeSet<Place> {
    let [objects] = entries else {
        return BTreeSet::new();
    };
    let other = ["asyncio.run", "asyncio.Runner", "asyncio.Runner.run"];
    if cx.uses.iter().any(|it| other.contains(&&*it.api)) {
        return BTreeSet::new();
    }
    let members = objects.members.iter();
    members
        .filter(|(_, api)| !is_ours(api) && !OUTER.contains(&&**api))
        .map(|(place, _)| *place)
        .filter(|place| runs_in_the_loop(cx, *place))
        .collect()
}

/// Lets members that are used where the loop runs belong to the loop that runs.
pub(super) fn of_running(
    cx: &Context<'_>,
    objects: &LoopObjects,
    several: &Several<'_>,
    change: &mut Change,
) -> Result<(), String> {
    for (place, _) in &objects.members {
        if !several.inside.contains(place) {
            continue;
        }
        let view = cx.view(place.file).ok_or("the file can't be edited")?;
        let Some(Expr::Attribute(member)) = view.tree.expr_at(place.range) else {
            return Err("a member of the event loop is not read in place".to_owned());
        };
        let edit = Edit::replace(member.value.range(), "{@asyncio}.get_running_loop()", &[]);
        change.edits.push((place.file, edit));
    }
    Ok(())
}

/// What puts something into an event loop that need not run yet.
const SCHEDULING: &[&str] = &[
    "asyncio.gather",
    "asyncio.AbstractEventLoop.call_at",
    "asyncio.AbstractEventLoop.call_later",
    "asyncio.AbstractEventLoop.call_soon",
];

/// Whether a plain function that runs before any event loop does, and does not run one itself, puts something into one: the
/// loop that `anyio.run` makes is another.
fn made_outside(cx: &Context<'_>, reach: &Reach, runs: &[(usize, Run)]) -> Option<String> {
    let schedules = |api: &str| MAKING.contains(&api) || SCHEDULING.contains(&api);
    let mut found = (cx.uses.iter())
        .filter(|it| schedules(&it.api))
        .map(|it| (it, cx.program.function_at(it.place)))
        .filter(|(_, function)| !cx.program.function(*function).is_async)
        .filter(|(_, function)| {
            (runs.iter()).all(|(_, run)| cx.program.function_at(run.place) != *function)
        })
        .peekable();
    found.peek()?;
    let modules = cx.program.flow.linked.modules.iter().map(|it| it.body);
    let plain = reach.until(modules, |function| cx.program.function(function).is_async);
    let (use_, _) = found.find(|(_, function)| plain.contains(function))?;
    Some(format!(
        "`{}` at {}:{} puts something into an event loop before that runs, and `anyio.run` makes another loop",
        use_.api,
        cx.program.file(use_.place.file).path,
        cx.program.line(use_.place)
    ))
}

/// `loop.run_until_complete(loop.shutdown_asyncgens())`
pub(super) fn is_shutdown(cx: &Context<'_>, callee: Place) -> bool {
    call_at(cx, callee).is_ok_and(|(view, call)| {
        matches!(call.arguments.args.first(), Some(Expr::Call(inner))
        if matches!(
            cx.api_of(view, &inner.func),
            Some(
                "asyncio.AbstractEventLoop.shutdown_asyncgens"
                    | "asyncio.AbstractEventLoop.shutdown_default_executor"
            )
        ))
    })
}

fn convert(
    cx: &Context<'_>,
    objects: &LoopObjects,
    index: usize,
    several: &Several<'_>,
) -> Result<Change, String> {
    if let Some((_, reason)) = &objects.obstacle {
        return Err(reason.clone());
    }
    let start = objects
        .sources
        .first()
        .ok_or("it is not known where the event loop is made")?;
    let mut change = Change::new(
        RULE,
        start.0,
        start.1.clone(),
        "the event loop made by hand becomes `anyio.run`",
    );
    let mut going: Vec<Place> = objects.holding.clone();
    let mut runs: Vec<Place> = Vec::new();
    for (place, api) in &objects.handed {
        if api != "asyncio.set_event_loop" {
            return Err("the event loop is used from a thread".to_owned());
        }
        going.push(whole_statement(cx, *place)?);
    }
    for (place, api) in &objects.members {
        match api.as_str() {
            "asyncio.AbstractEventLoop.close" => going.push(whole_statement(cx, *place)?),
            // They stand in `loop.run_until_complete(…)`, which goes.
            "asyncio.AbstractEventLoop.shutdown_asyncgens"
            | "asyncio.AbstractEventLoop.shutdown_default_executor" => {}
            "asyncio.AbstractEventLoop.run_until_complete" => {
                if let Some(gone) = run_or_shutdown(cx, *place, &mut change)? {
                    going.push(gone);
                } else {
                    runs.push(*place);
                }
            }
            _ if several.inside.contains(place) => {}
            _ => {
                let name = api.rsplit('.').next().unwrap_or(api);
                return Err(format!(
                    "the event loop is also used for `{name}` outside of what it runs"
                ));
            }
        }
    }
    if runs.is_empty() {
        return Err("the event loop runs nothing".to_owned());
    }
    of_running(cx, objects, several, &mut change)?;
    resets(cx, &runs, &mut going, &mut change);
    let together = several.together(cx, index);
    if let Some(reason) = several::shared(cx, &several.order, &together) {
        return Err(reason);
    }
    if together
        .iter()
        .any(|run| several::ends_tasks(cx, &several.order, run))
    {
        change.caveat(
            "tasks that are left at the end are cancelled, as by `asyncio.run`, and clean up",
        );
    }
    delete(cx, going, &mut change);
    Ok(change)
}

/// Turns a `run_until_complete` into `anyio.run`; or gives the statement that goes, if all it runs is the end of the loop.
fn run_or_shutdown(
    cx: &Context<'_>,
    place: Place,
    change: &mut Change,
) -> Result<Option<Place>, String> {
    let (view, call) = call_at(cx, place)?;
    if view.is_async(place.range) {
        return Err("it runs where an event loop runs already".to_owned());
    }
    let [main] = &*call.arguments.args else {
        return Err("it is not known what it runs".to_owned());
    };
    if is_shutdown(cx, place) {
        return whole_statement(cx, place).map(Some);
    }
    let pieces = runnable(cx, view, Some(call), main)?;
    change.edits.push((
        place.file,
        Edit::replace(call.func.range(), "{@anyio}.run", &[]),
    ));
    change.edits.push((
        place.file,
        Edit::Replace {
            range: inside(call),
            pieces,
        },
    ));
    Ok(None)
}

/// `asyncio.set_event_loop(None)` beside the runs goes with them.
pub(super) fn resets(
    cx: &Context<'_>,
    runs: &[Place],
    going: &mut Vec<Place>,
    change: &mut Change,
) {
    for use_ in cx.uses {
        if use_.api != "asyncio.set_event_loop" {
            continue;
        }
        let near = runs.iter().any(|run| {
            run.file == use_.place.file
                && cx.program.function_at(*run) == cx.program.function_at(use_.place)
        });
        let Ok((_, call)) = call_at(cx, use_.place) else {
            continue;
        };
        let none = call
            .arguments
            .args
            .first()
            .is_some_and(Expr::is_none_literal_expr);
        if near
            && none
            && let Ok(stmt) = whole_statement(cx, use_.place)
        {
            going.push(stmt);
            change.covers.push(use_.place);
        }
    }
}

/// Removes statements; a `try` whose `finally` holds nothing else goes, too.
pub(super) fn delete(cx: &Context<'_>, mut going: Vec<Place>, change: &mut Change) {
    going.sort();
    going.dedup();
    let mut by_try: Vec<(Place, Edit)> = Vec::new();
    for place in &going {
        let Some(view) = cx.view(place.file) else {
            continue;
        };
        if let Some((range, pieces)) = emptied_try(view, *place, &going) {
            let edit = Edit::Replace { range, pieces };
            let at = view.place(range);
            if !by_try.iter().any(|(known, _)| *known == at) {
                by_try.push((at, edit));
            }
        } else {
            change
                .edits
                .push((place.file, Edit::DeleteStatement { range: place.range }));
        }
    }
    change
        .edits
        .extend(by_try.into_iter().map(|(place, edit)| (place.file, edit)));
}

/// The `try` around a statement of its `finally`, and its body a level further out, where nothing but that would be left of it.
fn emptied_try(view: &View<'_>, place: Place, going: &[Place]) -> Option<(TextRange, Vec<Piece>)> {
    let stmt = view.tree.enclosing_statement(place.range)?;
    let AnyNodeRef::StmtTry(try_) = view.tree.parent(stmt)? else {
        return None;
    };
    let gone = |stmt: &Stmt| {
        going
            .iter()
            .any(|it| it.file == place.file && it.range == stmt.range())
    };
    let whole = try_.handlers.is_empty()
        && try_.orelse.is_empty()
        && try_.finalbody.iter().any(|it| it.range() == place.range)
        && try_.finalbody.iter().all(gone);
    let (first, last) = (try_.body.first()?, try_.body.last()?);
    let header = TextRange::new(try_.start(), first.start());
    let tail = TextRange::new(last.end(), try_.end());
    if try_.finalbody.iter().all(gone) && !try_.handlers.is_empty() {
        // The other clauses stay.
        let end = match (try_.orelse.last(), try_.handlers.last()) {
            (Some(last), _) => last.end(),
            (None, Some(last)) => last.end(),
            (None, None) => return None,
        };
        let clause = TextRange::new(end, try_.end());
        return (!view.text(clause).contains('#')).then_some((clause, Vec::new()));
    }
    if !whole || view.text(header).contains('#') || view.text(tail).contains('#') {
        return None;
    }
    let (mut body, mut at) = (Vec::new(), first.start());
    for stmt in &try_.body {
        if has_blocks(stmt) {
            return None;
        }
        let between = view.text(TextRange::new(at, stmt.start()));
        if !between.is_empty() {
            body.push(without_indentation(view, first.start(), between)?.into());
        }
        body.push(Piece::Source(stmt.range()));
        at = stmt.end();
    }
    Some((try_.range(), body))
}

/// What stands between statements of a block, of which the first starts at `first`, without the indentation of the block.
/// `None` where that one does not begin its line.
fn without_indentation(view: &View<'_>, first: TextSize, between: &str) -> Option<String> {
    let before = view.text(TextRange::up_to(first));
    let line = &before[before.rfind('\n')?..];
    let blank = line.trim_start().is_empty();
    blank.then(|| between.replace('\r', "").replace(line, "\n"))
}

pub(super) fn call_at<'c>(
    cx: &Context<'c>,
    callee: Place,
) -> Result<(&'c View<'c>, &'c ExprCall), String> {
    let view = cx.view(callee.file).ok_or("the file can't be edited")?;
    let call = view
        .call_of(callee.range)
        .ok_or("it is passed on as a function")?;
    Ok((view, call))
}

/// The statement that the call of `callee` is, alone.
pub(super) fn whole_statement(cx: &Context<'_>, callee: Place) -> Result<Place, String> {
    let (view, call) = call_at(cx, callee)?;
    let stmt = statement_of(view, call).ok_or("its value is used")?;
    Ok(view.place(stmt))
}

/// Whether the program calls the function once at most.
fn runs_once(cx: &Context<'_>, function: FuncId) -> bool {
    let mut seen = BTreeSet::new();
    let mut at = function;
    while cx.program.function(at).kind != FunctionKind::Module {
        let (sites, language) = (cx.callers.of(at), cx.callers.by_language(at));
        let ([site], true) = (sites, language.is_empty()) else {
            return false;
        };
        let is_plain = !cx.program.function(at).is_async && !cx.callers.is_unseen(at);
        if !is_plain || site.owner == FuncId::NONE || in_a_loop(cx, site.place) || !seen.insert(at)
        {
            return false;
        }
        at = site.owner;
    }
    true
}

fn in_a_loop(cx: &Context<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return true;
    };
    let inner = view
        .tree
        .enclosing_function(place.range)
        .map(|function| function.range());
    view.tree
        .around(place.range)
        .take_while(|node| Some(node.range()) != inner)
        .any(|node| {
            matches!(
                node,
                AnyNodeRef::StmtFor(_)
                    | AnyNodeRef::StmtWhile(_)
                    | AnyNodeRef::ExprListComp(_)
                    | AnyNodeRef::ExprGenerator(_)
            )
        })
}
