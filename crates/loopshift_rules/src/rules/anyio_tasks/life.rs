//! Which tasks may still run where: a walk over the statements of a function.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_python::ast::{self, AnyNodeRef, ExceptHandler, Expr, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::caught::{Failing, failing};
use super::conditions::{none_test, takes_some, until_done};
use super::family::{Family, Wait, WaitKind, held};
use super::state::{Exit, ExitKind, Stage, State, joined};
use super::suites::header;
use crate::context::{Context, View};

/// What happens at a place.
#[derive(Clone, Copy)]
pub(super) enum Event<'m> {
    Spawn(Place),
    /// A call after which tasks may run that nobody waits for.
    Start(Place),
    Wait(&'m [Place], &'m Expr, WaitKind),
    /// A wait that an error of a task may leave.
    Fail(&'m Wait<'m>, Failing<'m>),
    Cancel(&'m Expr),
}

/// The walk.
pub(super) struct Walk<'m, 'c> {
    pub(super) cx: &'m Context<'c>,
    pub(super) view: &'c View<'c>,
    pub(super) events: Vec<(TextRange, Event<'m>)>,
    sites: BTreeMap<Place, TextRange>,
    loops: Vec<(Vec<State<'c>>, Vec<State<'c>>)>,
    loop_ranges: Vec<TextRange>,
    exits: Vec<Exit<'c>>,
    /// The statements around that may catch errors, with what holds where they do.
    pub(super) catching: Vec<(TextRange, Option<State<'c>>)>,
}

/// Looks at `stmts` of a function, and tells in what state control leaves them. `starts` are calls of functions that start
/// tasks which go on when they return.
pub(super) fn exits<'m, 'c>(
    cx: &'m Context<'c>,
    view: &'c View<'c>,
    families: &[&'m Family<'c>],
    waits: &'m [(&'m Wait<'c>, Vec<Place>)],
    starts: &[Place],
    stmts: &'c [Stmt],
) -> Vec<Exit<'c>> {
    let mut events = Vec::new();
    let mut sites = BTreeMap::new();
    for family in families {
        for spawn in &family.spawns {
            if spawn.view.file == view.file {
                events.push((spawn.call.range(), Event::Spawn(spawn.site())));
                sites.insert(spawn.site(), spawn.call.range());
            }
        }
        for member in &family.members {
            if member.view.file == view.file && member.name == "cancel" && member.call.is_some() {
                events.push((
                    member.attribute.range(),
                    Event::Cancel(&member.attribute.value),
                ));
            }
        }
    }
    for (wait, list) in waits {
        if wait.view.file == view.file {
            if let Some(failing) = failing(cx, families, wait) {
                events.push((wait.await_.range(), Event::Fail(wait, failing)));
            }
            for operand in &wait.operands {
                let inner = match operand {
                    Expr::Starred(starred) => &*starred.value,
                    other => other,
                };
                events.push((wait.await_.range(), Event::Wait(list, inner, wait.kind)));
            }
        }
    }
    for start in starts {
        if start.file == view.file {
            events.push((start.range, Event::Start(*start)));
        }
    }
    events.sort_by_key(|(range, _)| (range.end(), std::cmp::Reverse(range.start())));
    let mut walk = Walk {
        cx,
        view,
        events,
        sites,
        loops: Vec::new(),
        loop_ranges: Vec::new(),
        exits: Vec::new(),
        catching: Vec::new(),
    };
    if let Some(state) = walk.block(stmts, State::default()) {
        walk.exits.push(Exit {
            kind: ExitKind::Fall,
            range: TextRange::default(),
            state,
        });
    }
    walk.exits
}

impl<'m, 'c> Walk<'m, 'c> {
    pub(super) fn block(&mut self, stmts: &'c [Stmt], mut state: State<'c>) -> Option<State<'c>> {
        for stmt in stmts {
            state = self.stmt(stmt, state)?;
        }
        Some(state)
    }

    fn apply(&mut self, range: TextRange, state: &mut State<'c>) {
        let events: Vec<Event<'m>> = self
            .events
            .iter()
            .filter(|(at, _)| range.contains_range(*at))
            .map(|(_, event)| *event)
            .collect();
        for event in events {
            match event {
                Event::Spawn(site) | Event::Start(site) => {
                    state.tasks.insert(site, Stage::Live);
                }
                Event::Fail(wait, failing) => self.fail(wait, failing, state),
                Event::Wait(sites, operand, kind) => {
                    let open = matches!(kind, WaitKind::Shield | WaitKind::ShieldedFor);
                    if open || kind.is_partial() {
                        continue;
                    }
                    for site in self.settled(state, sites, operand) {
                        state.tasks.remove(&site);
                    }
                }
                Event::Cancel(receiver) if self.are_done(state, receiver) => {}
                Event::Cancel(receiver) => {
                    let (sites, _) = self.sites_of(state, receiver);
                    for site in sites {
                        if let Some(stage) = state.tasks.get_mut(&site) {
                            *stage = Stage::Cancelling;
                        }
                    }
                }
            }
        }
    }

    /// The tasks an expression may be, and whether it is just the one that was made last at its place.
    fn sites_of(&self, state: &State<'c>, expr: &Expr) -> (BTreeSet<Place>, bool) {
        if let Expr::Name(name) = expr
            && let Some(sites) = state.names.get(name.id.as_str())
        {
            return (sites.clone(), sites.len() == 1);
        }
        let sites = held(self.cx, self.view.place(expr)).sites;
        let single = sites.len() == 1;
        (sites, single)
    }

    /// The tasks that are over once the expression was waited for.
    pub(super) fn settled(
        &self,
        state: &State<'c>,
        all: &[Place],
        operand: &Expr,
    ) -> BTreeSet<Place> {
        let is_container = self
            .cx
            .program
            .values_at(self.view.place(operand))
            .any(|value| {
                matches!(
                    value,
                    loopshift_engine::flow::value::Value::Container(_)
                        | loopshift_engine::flow::value::Value::Iterator(_)
                )
            });
        if self.are_done(state, operand) || is_some_of(state, operand) {
            return BTreeSet::new();
        }
        let (sites, single) = self.sites_of(state, operand);
        let sites: BTreeSet<Place> = sites.into_iter().filter(|it| all.contains(it)).collect();
        if is_container || self.is_each(operand) {
            return sites;
        }
        if !single {
            return BTreeSet::new();
        }
        // One of many that a loop made, unless the loop goes around both.
        sites
            .into_iter()
            .filter(|site| {
                self.sites.get(site).is_none_or(|made| {
                    self.innermost_loop(*made) == self.innermost_loop(operand.range())
                })
            })
            .collect()
    }

    /// Whether the expression is the variable of a comprehension that leaves nothing out.
    pub(super) fn is_each(&self, operand: &Expr) -> bool {
        let Some(expr) = self.view.tree.expr_at(operand.range()) else {
            return false;
        };
        let Some(comprehension) = self.view.tree.comprehension_around(expr) else {
            return false;
        };
        let whole = loopshift_python::tree::generators(comprehension)
            .is_some_and(|generators| generators.iter().all(|it| it.ifs.is_empty()));
        whole && operand.is_name_expr()
    }

    fn innermost_loop(&self, range: TextRange) -> Option<TextRange> {
        self.view.tree.around(range).find_map(|node| match node {
            AnyNodeRef::StmtFor(it) if !it.iter.range().contains_range(range) => Some(it.range()),
            AnyNodeRef::StmtWhile(it) => Some(it.range()),
            AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprSetComp(_)
            | AnyNodeRef::ExprDictComp(_)
            | AnyNodeRef::ExprGenerator(_) => Some(node.range()),
            _ => None,
        })
    }

    fn stmt(&mut self, stmt: &'c Stmt, mut state: State<'c>) -> Option<State<'c>> {
        for range in header(stmt) {
            self.apply(range, &mut state);
        }
        match stmt {
            Stmt::Assign(assign) => {
                if let [target] = &assign.targets[..] {
                    self.bind(target, &assign.value, &mut state);
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.bind(&assign.target, value, &mut state);
                }
            }
            Stmt::Return(it) => {
                self.exits.push(Exit {
                    kind: ExitKind::Return,
                    range: it.range(),
                    state,
                });
                return None;
            }
            Stmt::Raise(_) => return None,
            Stmt::Break(it) => return self.jump(it.range(), state, true),
            Stmt::Continue(it) => return self.jump(it.range(), state, false),
            Stmt::If(it) => {
                let mut taken = state.clone();
                self.assume(&it.test, true, &mut taken);
                let mut out = self.block(&it.body, taken);
                self.assume(&it.test, false, &mut state);
                let mut has_else = false;
                for clause in &it.elif_else_clauses {
                    let mut taken = state.clone();
                    match &clause.test {
                        Some(test) => {
                            self.apply(test.range(), &mut state);
                            taken = state.clone();
                            self.assume(test, true, &mut taken);
                            self.assume(test, false, &mut state);
                        }
                        None => has_else = true,
                    }
                    let branch = self.block(&clause.body, taken);
                    out = joined(out, branch);
                }
                if !has_else {
                    out = joined(out, Some(state));
                }
                // `if not t.done(): t.cancel()`: the other way, it is over.
                if let Some(out) = &mut out {
                    self.cancelled_if_running(it, out);
                }
                return out;
            }
            Stmt::For(it) => return self.for_(it, state),
            Stmt::While(it) => {
                let forever = matches!(&*it.test, Expr::BooleanLiteral(literal) if literal.value);
                let has_break = it.body.iter().any(leaves_loop);
                let mut out = self.loop_(it.range(), &it.body, &it.orelse, state, forever);
                if let (Some(out), Some(name), false) = (&mut out, until_done(&it.test), has_break)
                {
                    out.forget(name);
                }
                if let (Some(out), Some((name, false)), false) =
                    (&mut out, none_test(&it.test), has_break)
                    && self.is_drained(it, name.id.as_str())
                {
                    self.empty(out, name);
                }
                return out;
            }
            Stmt::With(it) => {
                let (out, caught) = self.catching(it.range(), &it.body, state);
                return joined(out, caught);
            }
            Stmt::Match(it) => {
                let mut out = Some(state.clone());
                for case in &it.cases {
                    let branch = self.block(&case.body, state.clone());
                    out = joined(out, branch);
                }
                return out;
            }
            Stmt::Try(it) => return self.try_(it, state),
            _ => {}
        }
        Some(state)
    }

    fn bind(&mut self, target: &'c Expr, value: &'c Expr, state: &mut State<'c>) {
        if let Expr::Tuple(pair) = target {
            for (at, element) in pair.elts.iter().enumerate() {
                if let Expr::Name(name) = element {
                    state.names.remove(name.id.as_str());
                    if at == 0 && self.is_partial(value) {
                        state.names.insert(name.id.as_str(), BTreeSet::new());
                    }
                }
            }
        }
        let Expr::Name(name) = target else { return };
        if is_some_of(state, value) {
            state.some.insert(name.id.as_str());
        } else {
            state.some.remove(name.id.as_str());
        }
        if self.is_partial(value) || self.are_done(state, value) {
            state.names.insert(name.id.as_str(), BTreeSet::new());
            return;
        }
        let value_sites: BTreeSet<Place> = match value {
            Expr::Name(other) => match state.names.get(other.id.as_str()) {
                Some(sites) => sites.clone(),
                None => BTreeSet::new(),
            },
            _ => {
                let place = self.view.place(value);
                let is_spawn = self.sites.contains_key(&place);
                is_spawn.then_some(place).into_iter().collect()
            }
        };
        if value_sites.is_empty() {
            state.names.remove(name.id.as_str());
        } else {
            state.names.insert(name.id.as_str(), value_sites);
        }
    }

    fn cancelled_if_running(&self, it: &'c ast::StmtIf, state: &mut State<'c>) {
        if !it.elif_else_clauses.is_empty() || !self.view.text(it.test.range()).contains(".done()")
        {
            return;
        }
        for stmt in &it.body {
            let cancels: Vec<&Expr> = self
                .events
                .iter()
                .filter(|(at, _)| stmt.range().contains_range(*at))
                .filter_map(|(_, event)| match event {
                    Event::Cancel(receiver) => Some(*receiver),
                    _ => None,
                })
                .collect();
            for receiver in cancels {
                let (sites, _) = self.sites_of(state, receiver);
                for site in sites {
                    if let Some(stage) = state.tasks.get_mut(&site) {
                        *stage = Stage::Cancelling;
                    }
                }
            }
        }
    }

    fn jump(&mut self, range: TextRange, state: State<'c>, is_break: bool) -> Option<State<'c>> {
        match self.loops.last_mut() {
            Some((breaks, _)) if is_break => breaks.push(state),
            Some((_, continues)) => continues.push(state),
            None => self.exits.push(Exit {
                kind: ExitKind::Jump,
                range,
                state,
            }),
        }
        None
    }

    fn for_(&mut self, it: &'c ast::StmtFor, state: State<'c>) -> Option<State<'c>> {
        let targets: Vec<&'c ast::ExprName> = match &*it.target {
            Expr::Name(name) => vec![name],
            Expr::Tuple(tuple) => tuple.elts.iter().filter_map(Expr::as_name_expr).collect(),
            _ => Vec::new(),
        };
        let mut state = state;
        let done = self.are_done(&state, &it.iter);
        let some = is_some_of(&state, &it.iter);
        for name in &targets {
            state.names.remove(name.id.as_str());
            if done {
                state.names.insert(name.id.as_str(), BTreeSet::new());
            }
        }
        let mut out = self.loop_(it.range(), &it.body, &it.orelse, state, false);
        for name in targets {
            let mut sites = held(self.cx, self.view.place(name)).sites;
            if sites.is_empty() {
                sites = self.next_of(it, name.id.as_str());
            }
            let Some(state) = &mut out else { break };
            if sites.is_empty() || done || some {
                continue;
            }
            if self.waits_for_each(&it.body, name.id.as_str()) {
                for site in &sites {
                    state.tasks.remove(site);
                }
            } else if self.cancels_each(&it.body, name.id.as_str()) {
                for site in &sites {
                    if let Some(stage) = state.tasks.get_mut(site) {
                        *stage = Stage::Cancelling;
                    }
                }
            }
        }
        out
    }

    /// The tasks that a loop awaits in the order in which they end.
    fn next_of(&self, it: &'c ast::StmtFor, name: &str) -> BTreeSet<Place> {
        let inside = (self.events.iter()).filter(|(at, _)| it.range().contains_range(*at));
        inside
            .filter_map(|(_, event)| match event {
                Event::Wait(sites, Expr::Name(it), WaitKind::Next) if it.id.as_str() == name => {
                    Some(sites.iter().copied())
                }
                _ => None,
            })
            .flatten()
            .collect()
    }

    /// Whether a loop waits for its variable on every way through its body.
    fn waits_for_each(&self, body: &'c [Stmt], name: &str) -> bool {
        body.iter()
            .take_while(|stmt| !leaves_loop(stmt))
            .any(|stmt| match stmt {
                Stmt::Try(it) => self.waits_for_each(&it.body, name),
                Stmt::With(it) => self.waits_for_each(&it.body, name),
                Stmt::If(_) | Stmt::For(_) | Stmt::While(_) | Stmt::Match(_) => false,
                _ => self.events.iter().any(|(at, event)| {
                    stmt.range().contains_range(*at)
                        && matches!(event, Event::Wait(_, Expr::Name(it), kind)
                            if it.id.as_str() == name
                                && matches!(kind, WaitKind::Await | WaitKind::For | WaitKind::Next))
                }),
            })
    }

    fn cancels_each(&self, body: &'c [Stmt], name: &str) -> bool {
        body.iter().any(|stmt| {
            self.events.iter().any(|(at, event)| {
                stmt.range().contains_range(*at)
                    && matches!(event, Event::Cancel(Expr::Name(it)) if it.id.as_str() == name)
            })
        })
    }

    fn loop_(
        &mut self,
        range: TextRange,
        body: &'c [Stmt],
        orelse: &'c [Stmt],
        entry: State<'c>,
        forever: bool,
    ) -> Option<State<'c>> {
        self.loop_ranges.push(range);
        let mut top = entry;
        let mut breaks = Vec::new();
        for round in 0..3 {
            let exits = self.exits.len();
            self.loops.push((Vec::new(), Vec::new()));
            let out = self.block(body, top.clone());
            let (found, continues) = self.loops.pop().unwrap_or_default();
            breaks = found;
            let before = top.clone();
            for state in out.iter().chain(&continues) {
                top.join(state);
            }
            if top == before || round == 2 {
                break;
            }
            self.exits.truncate(exits);
        }
        self.loop_ranges.pop();
        let mut out = if forever {
            None
        } else {
            self.block(orelse, top)
        };
        for state in breaks {
            out = joined(out, Some(state));
        }
        out
    }

    fn try_(&mut self, it: &'c ast::StmtTry, state: State<'c>) -> Option<State<'c>> {
        let exits = self.exits.len();
        let jumps = self.loops.last().map(|(a, b)| (a.len(), b.len()));
        // What holds when an error is raised in the body: after one of its statements.
        let mut raised: Option<State<'c>> = None;
        let mut current = Some(state.clone());
        self.catching.push((it.range(), None));
        for stmt in &it.body {
            let Some(before) = current.take() else { break };
            let mut during = before.clone();
            self.apply(stmt.range(), &mut during);
            let after = self.stmt(stmt, before);
            if !matches!(stmt, Stmt::Assign(_) if after.is_none()) {
                raised = joined(raised, Some(after.clone().unwrap_or(during)));
            }
            current = after;
        }
        let failed = self.catching.pop().and_then(|(_, failed)| failed);
        let raised = joined(raised, failed).unwrap_or(state);
        let mut out = match current {
            Some(state) => self.block(&it.orelse, state),
            None => None,
        };
        for ExceptHandler::ExceptHandler(handler) in &it.handlers {
            let branch = self.block(&handler.body, raised.clone());
            out = joined(out, branch);
        }
        if it.finalbody.is_empty() {
            return out;
        }
        // What leaves the statement goes through the last block.
        let left: Vec<Exit<'c>> = self.exits.drain(exits..).collect();
        for exit in left {
            if let Some(state) = self.block(&it.finalbody, exit.state) {
                self.exits.push(Exit { state, ..exit });
            }
        }
        if let (Some((breaks, continues)), Some((frames, conts))) = (self.loops.pop(), jumps) {
            let (mut breaks, mut continues) = (breaks, continues);
            let late_breaks: Vec<State<'c>> = breaks.drain(frames..).collect();
            let late_continues: Vec<State<'c>> = continues.drain(conts..).collect();
            self.loops.push((breaks, continues));
            for (state, is_break) in late_breaks
                .into_iter()
                .map(|state| (state, true))
                .chain(late_continues.into_iter().map(|state| (state, false)))
            {
                if let Some(state) = self.block(&it.finalbody, state)
                    && let Some((breaks, continues)) = self.loops.last_mut()
                {
                    if is_break {
                        breaks.push(state);
                    } else {
                        continues.push(state);
                    }
                }
            }
        }
        let falls = out.is_some();
        let mut entry = out.unwrap_or_default();
        entry.join(&raised);
        let out = self.block(&it.finalbody, entry);
        if falls { out } else { None }
    }
}

/// Whether an expression holds only some of the tasks of a collection.
fn is_some_of(state: &State<'_>, expr: &Expr) -> bool {
    takes_some(expr)
        || expr
            .as_name_expr()
            .is_some_and(|name| state.some.contains(name.id.as_str()))
}

fn leaves_loop(stmt: &Stmt) -> bool {
    let mut found = matches!(
        stmt,
        Stmt::Break(_) | Stmt::Continue(_) | Stmt::Return(_) | Stmt::Raise(_)
    );
    if let Stmt::If(_) = stmt {
        super::suites::each(std::slice::from_ref(stmt), &mut |inner| {
            found |= matches!(inner, Stmt::Break(_) | Stmt::Continue(_) | Stmt::Return(_));
        });
    }
    found
}
