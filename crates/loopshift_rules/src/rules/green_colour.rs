//! Functions that must become async, with all their calls, as one change.
//!
//! What calls each other falls or stands together: the functions, those that share a colour with them, their calls,
//! and the place where the program starts.

mod border;
mod bridge;
mod builtin;
mod calls;
mod components;
mod consumers;
mod define;
mod enter;
mod entering;
mod exits;
mod factory;
mod generator;
mod interrupt;
mod iterate;
mod lambda;
mod methods;
mod nested;
mod operators;
mod property;
mod pytest;
mod sentinel;
mod test_case;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::facts::{Cause, Colour};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use crate::common::code::{definition, own};
use crate::common::green::{Needs, anchor, awaiting, body_of, entry, is_behind, shows_at_exit};
use crate::context::{Context, View};
use crate::entries;
use crate::served;
use components::components;
pub(crate) use enter::is_ours;
pub(crate) use generator::over_waiting;
pub(crate) use iterate::goes_through_waiting;
pub(crate) use lambda::{Lambda, becomes as becomes_of, lambda as lambda_of};
pub(crate) use sentinel::{items as items_until, of as call_until};

const RULE: &str = "green-colour";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    if cx.recipe.served {
        return;
    }
    let needs = cx.once(Needs::new);
    let components = components(cx, &needs);
    if components.is_empty() {
        return;
    }
    let all = All::new(cx, &needs);
    for members in components {
        let mut change = named(cx, &members);
        let edited = match all.runs.of(cx, &members) {
            Some(refused) => Err(refused),
            None => edits(&all, &members, &mut change),
        };
        match edited {
            Ok(()) => changes.push(change),
            Err((place, reason)) => {
                let mut declined = Change::declined(RULE, place, change.api, reason);
                declined.covers = change.covers;
                changes.push(declined);
            }
        }
    }
}

/// What is found once for the whole program.
struct All<'c> {
    cx: &'c Context<'c>,
    needs: &'c Needs,
    /// Where the program runs event loops.
    runs: nested::Runs<'c>,
    /// What the language runs where.
    operations: Vec<Operation>,
    /// The properties that become methods.
    getters: BTreeMap<FuncId, Option<&'static str>>,
    /// The methods `__iter__` that are renamed.
    renamed: Vec<(FuncId, iterate::Iterated)>,
    /// How tests are run.
    tests: pytest::Tests,
    /// The functions that a web framework calls for a request.
    requests: BTreeSet<FuncId>,
    /// The functions that are started at exit.
    at_exit: BTreeSet<FuncId>,
}

impl<'c> All<'c> {
    fn new(cx: &'c Context<'c>, needs: &'c Needs) -> Self {
        let getters = property::getters(cx);
        let renamed = iterate::renamed(cx);
        let mut operations = Vec::new();
        iterate::operations(cx, &mut operations);
        enter::operations(cx, &mut operations);
        property::operations(cx, &getters, &mut operations);
        operators::operations(cx, &mut operations);
        builtin::operations(cx, &mut operations);
        methods::operations(cx, &renamed, &mut operations);
        test_case::operations(cx, &mut operations);
        test_case::cleanups(cx, &mut operations);
        All {
            cx,
            needs,
            runs: nested::Runs::new(cx),
            operations,
            getters,
            renamed,
            tests: pytest::Tests::new(cx),
            requests: served::roots(cx.program),
            at_exit: entries::at_exit(cx.program),
        }
    }
}

/// A place where something else than a call runs functions that become async.
struct Operation {
    place: Place,
    functions: BTreeSet<FuncId>,
    edits: Vec<Edit>,
    /// An expression that is awaited: its range, and what stands before and behind it.
    around: Vec<(TextRange, String, String)>,
    /// Why it has no form.
    reason: Option<String>,
    /// What may differ.
    caveat: Option<&'static str>,
    /// Whether something waits there.
    waits: bool,
    /// Whether its items are gone through: what waits before it gives them is awaited inside of what does that.
    goes_through: bool,
}

impl Operation {
    fn new(place: Place, functions: BTreeSet<FuncId>) -> Self {
        Operation {
            place,
            functions,
            edits: Vec::new(),
            around: Vec::new(),
            reason: None,
            caveat: None,
            waits: true,
            goes_through: false,
        }
    }
}

/// The change of a component, without edits.
fn named(cx: &Context<'_>, members: &BTreeSet<FuncId>) -> Change {
    let facts = cx.facts();
    let functions: Vec<FuncId> = members
        .iter()
        .copied()
        .filter(|func| matches!(facts.colour(*func), Colour::Becomes(_)))
        .collect();
    // The function that waits itself tells most; a module where there is none.
    let first = functions
        .iter()
        .min_by_key(|func| facts.chain(**func).len())
        .or(members.first())
        .copied()
        .unwrap_or(FuncId::NONE);
    let name = cx.program.qualified_name(first);
    let message = match functions.len() {
        0 => format!("`{name}` runs in an event loop"),
        1 => format!("`{name}` becomes async"),
        count => format!("`{name}` and {} more become async", count - 1),
    };
    let mut change = Change::new(RULE, anchor(cx, first), name, message);
    change.covers = members.iter().map(|func| anchor(cx, *func)).collect();
    change
}

/// The edits of a component while they are found.
struct Work<'w, 'c> {
    all: &'w All<'c>,
    members: &'w BTreeSet<FuncId>,
    edits: Vec<(FileId, Edit)>,
    /// What is awaited: its place, and what stands before and behind it.
    awaits: BTreeMap<Place, (String, String)>,
    /// Places where something waits, by the function around them.
    waits: BTreeMap<FuncId, BTreeSet<Place>>,
    /// Generator expressions in which something waits.
    generators: BTreeSet<Place>,
    /// Places whose items are gone through.
    through: BTreeSet<Place>,
    /// Calls that give a coroutine or not.
    asked: BTreeSet<Place>,
    /// Lambdas that become functions, with their names.
    taken: BTreeSet<(Place, &'static str)>,
}

type Failure = (Place, String);

/// Adds the edits of a component to its change.
///
/// # Errors
/// The place that stands in the way, and why.
fn edits(all: &All<'_>, members: &BTreeSet<FuncId>, change: &mut Change) -> Result<(), Failure> {
    let cx = all.cx;
    if cx.mentions("SystemExit") {
        change.caveat("`SystemExit` of a task leaves the program; that of a green thread is raised where the program waits");
    }
    if cx.mentions("ContextVar") && starts_otherwise(cx) {
        change.caveat("a task starts with the context variables of the task that starts it; a green thread with none");
    }
    if *cx.once(shows_at_exit) {
        change.caveat("tasks that are left at the end of the program are cancelled before `atexit` calls anything; green threads are dropped");
    }
    let mut work = Work {
        all,
        members,
        edits: Vec::new(),
        awaits: BTreeMap::new(),
        waits: BTreeMap::new(),
        generators: BTreeSet::new(),
        through: BTreeSet::new(),
        asked: BTreeSet::new(),
        taken: BTreeSet::new(),
    };
    for func in members {
        define::can_be_async(cx, *func)?;
        holds_thread_lock(cx, *func)?;
    }
    let (behind, waiting): (Vec<FuncId>, Vec<FuncId>) =
        members.iter().partition(|func| is_behind(cx, **func));
    for func in &behind {
        bridge::can_stay(cx, *func)?;
        work.waits_behind(*func)?;
        change.covers.push(anchor(cx, *func));
    }
    if members.iter().any(|func| all.requests.contains(func)) {
        change.caveat("a request runs an event loop of its own: what still runs at its end is cancelled, and its threads are waited for");
    }
    if !behind.is_empty() {
        change.caveat(bridge::CAVEAT);
    }
    for func in &waiting {
        work.calls(*func)?;
        work.bridges(*func)?;
    }
    work.border(change)?;
    work.operations()?;
    for operation in &all.operations {
        if let Some(caveat) = operation.caveat
            && !operation.functions.is_disjoint(members)
            && !change.caveats.iter().any(|known| known == caveat)
        {
            change.caveat(caveat);
        }
    }
    work.renamed()?;
    for func in &waiting {
        work.function(*func)?;
        work.exits(*func)?;
        work.interrupts(*func, change)?;
        if all.at_exit.contains(func) {
            change
                .caveat("it runs in an event loop of its own, when that of the program is closed");
        }
    }
    work.find_generators();
    work.write(change)
}

impl<'c> Work<'_, 'c> {
    fn expr(&self, place: Place) -> Result<(&'c View<'c>, &'c Expr), Failure> {
        let view = self.view(place)?;
        let expr = view.tree.expr_at(place.range);
        Ok((
            view,
            expr.ok_or((place, "the call was not found".to_owned()))?,
        ))
    }

    fn view(&self, place: Place) -> Result<&'c View<'c>, Failure> {
        let view = self.all.cx.view(place.file);
        view.ok_or((place, "its file can't be edited".to_owned()))
    }

    /// What the language runs, and builtins do.
    fn operations(&mut self) -> Result<(), Failure> {
        let cx = self.all.cx;
        for operation in &self.all.operations {
            if operation.functions.is_disjoint(self.members) {
                continue;
            }
            let place = operation.place;
            if let Some(reason) = &operation.reason {
                return Err((place, reason.clone()));
            }
            if operation.edits.is_empty() && operation.around.is_empty() {
                continue;
            }
            let file = place.file;
            if !operation.waits {
                let edits = operation.edits.iter();
                self.edits.extend(edits.map(|edit| (file, edit.clone())));
                continue;
            }
            let owner = cx.program.function_at(place);
            if !self.members.contains(&owner) {
                let name = cx.program.qualified_name(owner);
                let reason = format!(
                    "what waits there would make `{name}` async, and that can't be followed"
                );
                return Err((place, reason));
            }
            if operation.goes_through {
                self.through.insert(place);
            }
            self.edits
                .extend(operation.edits.iter().map(|edit| (file, edit.clone())));
            for (range, before, after) in &operation.around {
                let range = *range;
                self.awaits
                    .insert(Place { file, range }, (before.clone(), after.clone()));
            }
            self.waits.entry(owner).or_default().insert(place);
            // A generator expression whose first loop waits.
            let (view, expr) = self.expr(place)?;
            let clause = view.tree.ancestors(expr).find_map(|node| match node {
                AnyNodeRef::Comprehension(clause) => Some(clause),
                _ => None,
            });
            let written = |clause: &loopshift_python::ast::Comprehension| {
                let mut edits = operation.edits.iter().map(Edit::range);
                let first = clause.iter.range() == place.range;
                first || edits.any(|range| range == TextRange::empty(clause.start()))
            };
            if let Some(clause) = clause.filter(|it| written(it))
                && let Some(AnyNodeRef::ExprGenerator(it)) = view.tree.parent(clause)
            {
                let place = view.place(it);
                self.generators.insert(place);
            }
        }
        Ok(())
    }

    /// Methods `__iter__` that give what waits, and wait for nothing themselves.
    fn renamed(&mut self) -> Result<(), Failure> {
        let cx = self.all.cx;
        for (func, iterated) in &self.all.renamed {
            if iterated.functions.is_disjoint(self.members) {
                continue;
            }
            let place = anchor(cx, *func);
            if iterated.plain {
                let reason = "it gives an iterator that waits, or one that does not";
                return Err((place, reason.to_owned()));
            }
            if let Some((view, def)) = definition(cx, *func) {
                let edit = Edit::replace(def.name.range(), "__aiter__", &[]);
                self.edits.push((view.file, edit));
            }
        }
        Ok(())
    }

    /// The definition of a function, or the body of a module.
    fn function(&mut self, func: FuncId) -> Result<(), Failure> {
        let cx = self.all.cx;
        match cx.program.function(func).kind {
            FunctionKind::Module => self.start(func),
            FunctionKind::Lambda => self.lambda(func),
            FunctionKind::Def => {
                let getter = self.all.getters.get(&func);
                if let Some(Some(reason)) = getter {
                    let name = cx.program.qualified_name(func);
                    let reason = format!("`{name}` would have to be async: {reason}");
                    return Err((anchor(cx, func), reason));
                }
                let edits = define::edits(cx, &self.all.tests, func, getter.is_some())?;
                self.edits.extend(edits);
                Ok(())
            }
        }
    }

    /// The body of a function that does not run alone as a task, and where something waits in it.
    fn waits_in(&self, func: FuncId) -> Option<(&'c View<'c>, &'c [Stmt], BTreeSet<Place>)> {
        let cx = self.all.cx;
        let view = cx.view(anchor(cx, func).file)?;
        let body = match cx.program.function(func).kind {
            FunctionKind::Module => &view.parsed.syntax().body,
            _ => &definition(cx, func)?.1.body,
        };
        let runs_alone = |cause: &Cause| matches!(cause, Cause::Spawned { .. });
        if cx.facts().causes(func).iter().any(runs_alone) {
            return None;
        }
        let mut waits = self.waits.get(&func).cloned().unwrap_or_default();
        // What `asyncio.run` gets raises behind it.
        if cx.program.function(func).kind == FunctionKind::Module {
            waits.retain(|place| self.awaits.contains_key(place));
        }
        let apis = cx.facts().causes(func).iter();
        waits.extend(apis.filter_map(|cause| match cause {
            Cause::Api { place, .. } => Some(*place),
            _ => None,
        }));
        Some((view, body, waits))
    }

    fn lambda(&mut self, func: FuncId) -> Result<(), Failure> {
        let cx = self.all.cx;
        let place = anchor(cx, func);
        let (view, it) = lambda::lambda(cx, func)
            .ok_or_else(|| (place, "the lambda was not found".to_owned()))?;
        let becomes = lambda::becomes(cx, func, it, view);
        if let Lambda::Function | Lambda::Calls = becomes {
            let stays = matches!(becomes, Lambda::Calls);
            let edits = lambda::function(view, it, stays, &mut self.taken)
                .map_err(|reason| (place, reason))?;
            self.edits
                .extend(edits.into_iter().map(|edit| (place.file, edit)));
        }
        Ok(())
    }

    /// Puts the code of a module into an event loop.
    fn start(&mut self, body: FuncId) -> Result<(), Failure> {
        let cx = self.all.cx;
        let at = anchor(cx, body);
        debug_assert_eq!(body, body_of(cx, at.file));
        let waits = self.waits.get(&body).cloned().unwrap_or_default();
        let mut places: BTreeSet<Place> = self.all.needs.of(body).collect();
        places.extend(waits.iter().copied());
        for cause in cx.facts().causes(body) {
            if let Cause::Api { place, .. } = cause {
                places.insert(*place);
            }
        }
        let place = places.first().copied().unwrap_or(at);
        let view = self.view(at).map_err(|(_, reason)| (place, reason))?;
        let plain: BTreeSet<Place> = waits
            .into_iter()
            .filter(|place| self.awaits.contains_key(place))
            .collect();
        let entry = entry(cx, view, &places, &plain).map_err(|reason| (place, reason))?;
        let edits: Vec<_> = entry
            .edits
            .into_iter()
            .map(|edit| (at.file, edit))
            .collect();
        self.edits.extend(edits);
        // `asyncio.run` gets the coroutine.
        if let Some(place) = entry.run {
            self.awaits.remove(&place);
        }
        Ok(())
    }
}

/// Whether something else than `spawn` calls functions in tasks: a pool, a server.
fn starts_otherwise(cx: &Context<'_>) -> bool {
    cx.uses.iter().any(|use_| {
        let row = cx.catalog.get(&use_.api);
        row.is_some_and(|api| {
            let rule = api.rule.as_deref().unwrap_or_default();
            let is_known = matches!(rule, "green-spawn" | "green-timeout");
            cx.recipe.moves(&api.name) && !api.calls.is_empty() && !is_known
        })
    })
}

/// A name for what a loop goes through.
fn fresh(view: &View<'_>) -> &'static str {
    const NAMES: &[&str] = &["item", "each", "one", "_item", "_each"];
    let mut names = NAMES.iter().copied();
    names
        .find(|name| view.is_fresh(name))
        .unwrap_or("_one_item")
}

/// `await` before a call that another one takes the place of.
fn awaited(view: &View<'_>, call: &ExprCall) -> (TextRange, String, String) {
    let expr = view.tree.expr_at(call.range());
    let (before, after) = expr.map_or(("await ", ""), |expr| awaiting(view, expr));
    (call.range(), before.to_owned(), after.to_owned())
}

/// What catches the end of an iterator around the call.
fn stop_iteration(view: &View<'_>, call: &ExprCall) -> Vec<Edit> {
    let around = view.tree.around(call.range());
    let mut out = Vec::new();
    for node in around.take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_))) {
        let AnyNodeRef::StmtTry(it) = node else {
            continue;
        };
        if !it
            .body
            .iter()
            .any(|stmt| stmt.range().contains_range(call.range()))
        {
            continue;
        }
        for handler in &it.handlers {
            let loopshift_python::ast::ExceptHandler::ExceptHandler(handler) = handler;
            let Some(type_) = handler.type_.as_deref() else {
                continue;
            };
            let names = match type_ {
                Expr::Tuple(it) => &it.elts[..],
                one => std::slice::from_ref(one),
            };
            out.extend(names.iter().filter_map(ends));
        }
    }
    out
}

/// `StopIteration` by the name of its twin.
fn ends(expr: &Expr) -> Option<Edit> {
    let is_end = matches!(expr, Expr::Name(name) if name.id.as_str() == "StopIteration");
    is_end.then(|| Edit::replace(expr.range(), "StopAsyncIteration", &[]))
}

/// A lock of threads that is held over an `await` stops all tasks.
fn holds_thread_lock(cx: &Context<'_>, func: FuncId) -> Result<(), (Place, String)> {
    let Some((view, def)) = definition(cx, func) else {
        return Ok(());
    };
    for node in own(&def.body) {
        let AnyNodeRef::StmtWith(with) = node else {
            continue;
        };
        for item in &with.items {
            let place = view.place(&item.context_expr);
            let is_lock = cx.program.values_at(place).any(|value| match value {
                Value::Object(class, _) => cx.program.flow.text(class).starts_with("threading."),
                _ => false,
            });
            if is_lock {
                let reason = "it holds a lock of threads, which would stop all tasks while the function waits";
                return Err((place, reason.to_owned()));
            }
        }
    }
    Ok(())
}
