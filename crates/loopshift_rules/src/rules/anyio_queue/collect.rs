//! Every place where the queues of a cluster stand, and what each of them does there.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::{Cluster, Member};
use loopshift_python::ast::{self, AnyNodeRef, Expr, ParameterWithDefault, Stmt};
use loopshift_python::scope::{BindingKind, ScopeId};
use loopshift_python::{Ranged, TextRange};

use super::calls::{Given, given, partial, reached};
use super::names::Texts;
use super::slots::{BOTH, RECEIVE, Slot, Slots, slots_of, variable};
use crate::common::objects::Obstacle;
use crate::context::{Context, View};

/// What a place does with a queue, and so what is to be written there.
pub(super) enum Fact<'v> {
    /// An assignment, or a declaration without a value.
    Bind {
        stmt: &'v Stmt,
        target: &'v Expr,
        slot: usize,
        value: Option<&'v Expr>,
        annotation: Option<&'v Expr>,
    },
    /// A target that gets one value of a container or call: `for q in queues`.
    Unpack { target: &'v Expr, slot: usize },
    /// A value that is returned or put into a container.
    Store { value: &'v Expr, slot: usize },
    /// An argument.
    Pass { given: Given<'v>, slot: usize },
    /// A member that is read.
    Member {
        member: Member,
        receiver: &'v Expr,
        slot: usize,
    },
    /// A test for `None` or truth.
    Test { expr: &'v Expr, slot: usize },
    /// A parameter.
    Parameter {
        parameter: &'v ParameterWithDefault,
        slot: usize,
    },
    /// A name in `global` or `nonlocal`.
    Declare { range: TextRange, slot: usize },
    /// An import of a variable of another module.
    Alias { alias: &'v ast::Alias, slot: usize },
}

/// All that is known of a cluster.
pub(super) struct Collected<'v> {
    /// The slots, with their needs.
    pub(super) slots: Slots,
    /// The facts, with the files they are in.
    pub(super) facts: Vec<(&'v View<'v>, Fact<'v>)>,
}

/// A leaf of a value: what it may be, branch by branch.
pub(super) enum Leaf {
    /// What a slot holds.
    Slot(usize),
    /// A new queue.
    Site,
}

/// Collects the facts of a cluster.
pub(super) struct Collector<'t, 'v> {
    pub(super) cx: &'v Context<'v>,
    pub(super) texts: &'t Texts<'v>,
    pub(super) cluster: &'v Cluster,
    pub(super) slots: Slots,
    pub(super) facts: Vec<(&'v View<'v>, Fact<'v>)>,
    pub(super) handled: BTreeSet<Place>,
    pub(super) passed: BTreeSet<Place>,
    pub(super) hints: Vec<(usize, u8)>,
    /// The slots that get what containers and calls hold, taken apart.
    pub(super) unpacked: Vec<usize>,
}

/// Collects what the places of a cluster do.
///
/// # Errors
/// The first place that is not known.
pub(super) fn collect<'v>(
    cx: &'v Context<'v>,
    texts: &Texts<'v>,
    cluster: &'v Cluster,
) -> Result<Collected<'v>, Obstacle> {
    let mut it = Collector {
        cx,
        texts,
        cluster,
        slots: Slots::default(),
        facts: Vec::new(),
        handled: BTreeSet::new(),
        passed: BTreeSet::new(),
        hints: Vec::new(),
        unpacked: Vec::new(),
    };
    for held in &cluster.places {
        if !held.only {
            return Err(Obstacle::new(
                held.place,
                "it may be something else than a queue, too",
            ));
        }
        it.occurrence(held.place)?;
    }
    let mut next = 0;
    while next < it.slots.len() {
        it.enumerate(next)?;
        next += 1;
    }
    it.slots.settle();
    for (slot, ends) in std::mem::take(&mut it.hints) {
        if it.slots.needs(slot) == 0 {
            it.slots.need(slot, ends);
        }
    }
    for slot in 0..it.slots.len() {
        if it.slots.needs(slot) == 0 {
            it.slots.need(slot, RECEIVE);
        }
    }
    it.slots.settle();
    it.none_unpacked()?;
    Ok(Collected {
        slots: it.slots,
        facts: it.facts,
    })
}

impl<'v> Collector<'_, 'v> {
    pub(super) fn view(&self, place: Place) -> Result<&'v View<'v>, Obstacle> {
        self.cx
            .view(place.file)
            .ok_or_else(|| Obstacle::new(place, "the file could not be read"))
    }

    pub(super) fn is_site(&self, place: Place) -> bool {
        self.cluster.sites.contains(&place)
    }

    /// A place where a queue stands: an expression, a parameter, an import.
    pub(super) fn occurrence(&mut self, place: Place) -> Result<(), Obstacle> {
        if !self.handled.insert(place) {
            return Ok(());
        }
        let view = self.view(place)?;
        let Some(expr) = view.tree.expr_at(place.range) else {
            return self.binding(view, place.range);
        };
        let store = match expr {
            Expr::Name(name) => name.ctx != ast::ExprContext::Load,
            Expr::Attribute(attribute) => attribute.ctx != ast::ExprContext::Load,
            Expr::Subscript(subscript) if subscript.ctx != ast::ExprContext::Load => return Ok(()),
            _ => false,
        };
        if store {
            return self.target(view, expr);
        }
        if !self.is_site(place) {
            self.slot(view, expr)?;
        }
        self.value(view, expr)
    }

    /// The slot of an expression; where it may be several, they belong together.
    pub(super) fn slot(&mut self, view: &'v View<'v>, expr: &'v Expr) -> Result<usize, Obstacle> {
        let mut first = None;
        for slot in slots_of(self.cx, view, expr)? {
            let slot = self.slots.add(slot);
            match first {
                None => first = Some(slot),
                Some(first) => self.slots.join(first, slot),
            }
        }
        first.ok_or_else(|| Obstacle::new(view.place(expr), "it is not known what this is"))
    }

    /// A parameter or an import.
    pub(super) fn binding(&mut self, view: &'v View<'v>, range: TextRange) -> Result<(), Obstacle> {
        let refuse = |reason: &str| {
            Obstacle::new(
                Place {
                    file: view.file,
                    range,
                },
                reason,
            )
        };
        let found = view
            .scopes
            .scopes
            .iter()
            .enumerate()
            .find_map(|(scope, it)| {
                it.bindings.iter().find_map(|(name, bindings)| {
                    bindings
                        .iter()
                        .find(|binding| binding.range == range)
                        .map(|binding| (scope, *name, binding.kind))
                })
            });
        let (scope, name, kind) =
            found.ok_or_else(|| refuse("it is bound in a way that two streams can't be"))?;
        match kind {
            BindingKind::Parameter => self.parameter(view, scope, name, range),
            BindingKind::Import => self.alias(view, scope, name, range),
            _ => Err(refuse("it is bound in a way that two streams can't be")),
        }
    }

    pub(super) fn parameter(
        &mut self,
        view: &'v View<'v>,
        scope: ScopeId,
        name: &str,
        range: TextRange,
    ) -> Result<(), Obstacle> {
        let place = Place {
            file: view.file,
            range,
        };
        let refuse = |reason: &str| Obstacle::new(place, reason);
        let node = view.tree.around(range).find_map(|node| match node {
            AnyNodeRef::ParameterWithDefault(it) => Some(it),
            _ => None,
        });
        let node = node.ok_or_else(|| refuse("it is one of `*args` or `**kwargs`"))?;
        if node.parameter.name.range() != range {
            return Err(refuse("it is one of `*args` or `**kwargs`"));
        }
        let slot = self
            .slots
            .add(Slot::Variable(view.file, scope, name.to_owned()));
        self.facts.push((
            view,
            Fact::Parameter {
                parameter: node,
                slot,
            },
        ));
        if let Some(default) = node.default() {
            let made_there = view
                .tree
                .exprs()
                .any(|it| it.is_call_expr() && default.range().contains_range(it.range()));
            if made_there {
                return Err(refuse(
                    "it is the default of a parameter, of which the two ends would not be those of one stream",
                ));
            }
            self.flows(view, default, slot)?;
        }
        let program = self.cx.program;
        let found = program.functions().find_map(|func| {
            let function = program.function(func);
            if program.function_file(func) != view.file {
                return None;
            }
            let index = function
                .params
                .iter()
                .position(|param| param.range == node.parameter.range)?;
            Some((func, index))
        });
        let (func, index) = found.ok_or_else(|| refuse("its function is not known"))?;
        self.callers(view, func, index, slot, node.default().is_some(), place)
    }

    /// All calls of a function must hand over what the parameter becomes.
    pub(super) fn callers(
        &mut self,
        view: &'v View<'v>,
        func: FuncId,
        index: usize,
        slot: usize,
        has_default: bool,
        place: Place,
    ) -> Result<(), Obstacle> {
        let cx = self.cx;
        let _ = view;
        for site in cx.callers.of(func) {
            let refuse = |reason: &str| Obstacle::new(site.place, reason);
            let view = self.view(site.place)?;
            let Some(Expr::Call(call)) = view.tree.expr_at(site.place.range) else {
                return Err(refuse(
                    "the function that it goes to is called by a decorator",
                ));
            };
            if let Some(partial) = partial(cx, view, call) {
                // What it gets was given where the partial was made.
                let there = self.view(partial)?;
                let Some(Expr::Call(made)) = there.tree.expr_at(partial.range) else {
                    return Err(refuse(
                        "the function that it goes to is called in a way that is not known",
                    ));
                };
                let all = reached(cx, there, made)?;
                for reached in all.into_iter().filter(|reached| reached.func == func) {
                    let given = given(cx, there, made, reached, index)?.ok_or_else(|| {
                        refuse("it goes to a partial of a function, which may be given it later")
                    })?;
                    self.pass(there, given, slot)?;
                }
                continue;
            }
            let all = reached(cx, view, call)?;
            let mut found = false;
            for reached in all.into_iter().filter(|reached| reached.func == func) {
                found = true;
                match given(cx, view, call, reached, index)? {
                    Some(given) => self.pass(view, given, slot)?,
                    None if has_default => {}
                    None => {
                        return Err(refuse("the function that it goes to is called without it"));
                    }
                }
            }
            if !found {
                return Err(refuse(
                    "the function that it goes to is called in a way that is not known",
                ));
            }
        }
        if cx.callers.is_handed_over(func) && cx.callers.of(func).is_empty() {
            return Err(Obstacle::new(
                place,
                "the function that it goes to is handed to code that is not known",
            ));
        }
        Ok(())
    }

    pub(super) fn pass(
        &mut self,
        view: &'v View<'v>,
        given: Given<'v>,
        slot: usize,
    ) -> Result<(), Obstacle> {
        let place = view.place(given.value);
        self.flows(view, given.value, slot)?;
        if self.passed.insert(place) {
            self.facts.push((view, Fact::Pass { given, slot }));
            return Ok(());
        }
        let known = self.facts.iter().find_map(|(_, fact)| match fact {
            Fact::Pass { given, slot } if view.place(given.value) == place => Some(*slot),
            _ => None,
        });
        if let Some(known) = known {
            // One argument for several functions: they take the same.
            self.slots.join(known, slot);
            if given.keyword.is_some()
                && self.slots.get(known).name() != self.slots.get(slot).name()
            {
                return Err(Obstacle::new(place, "its parameter has several names"));
            }
        }
        Ok(())
    }

    pub(super) fn alias(
        &mut self,
        view: &'v View<'v>,
        scope: ScopeId,
        name: &str,
        range: TextRange,
    ) -> Result<(), Obstacle> {
        let place = Place {
            file: view.file,
            range,
        };
        let refuse = |reason: &str| Obstacle::new(place, reason);
        let Some(AnyNodeRef::Alias(alias)) = view.tree.node_at(range).or_else(|| {
            view.tree
                .around(range)
                .find(|node| matches!(node, AnyNodeRef::Alias(_)))
        }) else {
            return Err(refuse("it is imported in a way that is not known"));
        };
        let flow = &self.cx.program.flow;
        let linked = &flow.linked;
        let origin = linked.imports.iter().find_map(|(file, import)| {
            let is_name = import.name.map(|name| flow.text(name)) == Some(alias.name.as_str());
            if *file != view.file || import.range != alias.range() || !is_name {
                return None;
            }
            let module = flow.text(import.module);
            linked
                .modules
                .iter()
                .position(|it| it.name == module)
                .and_then(|file| u32::try_from(file).ok())
        });
        let file =
            origin.ok_or_else(|| refuse("it is imported from a module that is not known"))?;
        let file = loopshift_engine::change::FileId(file);
        let slot = self.slots.add(variable(self.cx, view, scope, name));
        let origin = self
            .slots
            .add(Slot::Variable(file, 0, alias.name.to_string()));
        // A module imports what it uses.
        self.slots.flow(origin, slot);
        self.facts.push((view, Fact::Alias { alias, slot }));
        Ok(())
    }

    /// A name or attribute that gets a value.
    pub(super) fn target(&mut self, view: &'v View<'v>, expr: &'v Expr) -> Result<(), Obstacle> {
        let refuse = |reason: &str| Obstacle::new(view.place(expr), reason);
        let slot = self.slot(view, expr)?;
        match view.tree.parent(expr) {
            Some(AnyNodeRef::StmtAssign(assign)) => {
                if assign.targets.len() != 1 {
                    return Err(refuse("it is assigned to several targets at once"));
                }
                self.bind(view, expr, slot, Some(&assign.value), None)
            }
            Some(AnyNodeRef::StmtAnnAssign(assign)) => self.bind(
                view,
                expr,
                slot,
                assign.value.as_deref(),
                Some(&assign.annotation),
            ),
            Some(AnyNodeRef::StmtFor(_) | AnyNodeRef::Comprehension(_)) => {
                self.unpack(view, expr, slot, None)
            }
            Some(AnyNodeRef::ExprTuple(tuple)) => {
                let assigned = view.tree.parent(tuple);
                let pair = match assigned {
                    Some(AnyNodeRef::StmtAssign(assign)) if assign.targets.len() == 1 => {
                        match &*assign.value {
                            Expr::Tuple(values) if values.len() == tuple.len() => tuple
                                .elts
                                .iter()
                                .position(|elt| elt.range() == expr.range())
                                .map(|at| &values.elts[at]),
                            _ => None,
                        }
                    }
                    Some(
                        AnyNodeRef::StmtFor(_)
                        | AnyNodeRef::Comprehension(_)
                        | AnyNodeRef::ExprTuple(_),
                    ) => None,
                    _ => return Err(refuse("it is bound in a way that two streams can't be")),
                };
                self.unpack(view, expr, slot, pair)
            }
            _ => Err(refuse("it is bound in a way that two streams can't be")),
        }
    }

    pub(super) fn bind(
        &mut self,
        view: &'v View<'v>,
        target: &'v Expr,
        slot: usize,
        value: Option<&'v Expr>,
        annotation: Option<&'v Expr>,
    ) -> Result<(), Obstacle> {
        let stmt = view
            .tree
            .enclosing_statement(target.range())
            .ok_or_else(|| Obstacle::new(view.place(target), "it stands in no statement"))?;
        if let Some(value) = value {
            self.flows(view, value, slot)?;
        }
        self.facts.push((
            view,
            Fact::Bind {
                stmt,
                target,
                slot,
                value,
                annotation,
            },
        ));
        Ok(())
    }

    pub(super) fn unpack(
        &mut self,
        view: &'v View<'v>,
        target: &'v Expr,
        slot: usize,
        value: Option<&'v Expr>,
    ) -> Result<(), Obstacle> {
        match value {
            // `a, b = Queue(), Queue()`: each in the form of its target.
            Some(value) => {
                self.flows(view, value, slot)?;
                self.facts.push((view, Fact::Store { value, slot }));
            }
            None => {
                let element = self.slots.add(Slot::Element);
                self.slots.join(slot, element);
                self.unpacked.push(slot);
            }
        }
        self.facts.push((view, Fact::Unpack { target, slot }));
        Ok(())
    }

    /// What is tested for `None` further on may be `None` in the container, too, where there is nothing to unpack.
    fn none_unpacked(&self) -> Result<(), Obstacle> {
        for (view, fact) in &self.facts {
            if let Fact::Test { expr, slot } = fact
                && self
                    .unpacked
                    .iter()
                    .any(|from| self.slots.reaches(*from, *slot))
            {
                let reason = "it may be None where it is taken out of a container";
                return Err(Obstacle::new(view.place(*expr), reason));
            }
        }
        Ok(())
    }

    /// The leaves of a value flow to a slot.
    pub(super) fn flows(
        &mut self,
        view: &'v View<'v>,
        value: &'v Expr,
        to: usize,
    ) -> Result<(), Obstacle> {
        let mut leaves = Vec::new();
        self.leaves(view, value, &mut leaves)?;
        for leaf in leaves {
            match leaf {
                Leaf::Site => self.slots.need(to, BOTH),
                Leaf::Slot(from) if self.slots.get(from).is_single() => self.slots.join(from, to),
                Leaf::Slot(from) => self.slots.flow(from, to),
            }
        }
        Ok(())
    }

    pub(super) fn leaves(
        &mut self,
        view: &'v View<'v>,
        value: &'v Expr,
        out: &mut Vec<Leaf>,
    ) -> Result<(), Obstacle> {
        match value {
            Expr::NoneLiteral(_) => {}
            Expr::If(it) => {
                self.leaves(view, &it.body, out)?;
                self.leaves(view, &it.orelse, out)?;
            }
            Expr::BoolOp(it) if it.op == ast::BoolOp::Or => {
                for value in &it.values {
                    self.leaves(view, value, out)?;
                }
            }
            other if self.is_site(view.place(other)) => out.push(Leaf::Site),
            other => out.push(Leaf::Slot(self.slot(view, other)?)),
        }
        Ok(())
    }
}
