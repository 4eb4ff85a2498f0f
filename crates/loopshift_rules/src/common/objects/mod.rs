//! What the rules for classes share: which objects belong together, and what a reference to the class is.
//!
//! An object moves with everything that may be the same object: a [`Cluster`]. References to the class that are no
//! call (annotations, tests, factories) move with the clusters that they speak of.

pub(crate) mod moving;
pub(crate) mod slot;
pub(crate) mod values;

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::{CallId, Value};
use loopshift_engine::ir::Node;
use loopshift_engine::objects::{Cluster, Member, clusters, site_place};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, ExprRef};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use crate::context::{Context, View};

/// All objects of one class, in clusters.
pub(crate) struct Family {
    /// The class: `asyncio.Lock`.
    pub ty: &'static str,
    /// The clusters.
    pub clusters: Vec<Cluster>,
    by_site: FxHashMap<Place, usize>,
    outside: Option<usize>,
}

impl Family {
    /// The family of a class.
    pub(crate) fn new(cx: &Context<'_>, ty: &'static str) -> Self {
        let clusters = clusters(cx.program, |name| name == ty);
        let mut by_site = FxHashMap::default();
        let mut outside = None;
        for (index, cluster) in clusters.iter().enumerate() {
            for site in &cluster.sites {
                by_site.insert(*site, index);
            }
            if cluster.from_outside {
                outside = Some(index);
            }
        }
        Family {
            ty,
            clusters,
            by_site,
            outside,
        }
    }

    /// The cluster of the objects that a call makes.
    pub(crate) fn at_site(&self, place: Place) -> Option<usize> {
        self.by_site.get(&place).copied()
    }

    /// The clusters whose objects the node may hold, also in containers, coroutines and the like.
    pub(crate) fn of(&self, cx: &Context<'_>, node: Node) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        self.collect(cx, node, 4, &mut found);
        found
    }

    fn collect(&self, cx: &Context<'_>, node: Node, depth: u8, found: &mut BTreeSet<usize>) {
        let flow = &cx.program.flow;
        for value in flow.values_of(node) {
            let mut inner: Vec<Node> = Vec::new();
            match value {
                Value::Object(ty, site) if flow.text(ty) == self.ty => {
                    found.extend(match site_place(cx.program, site) {
                        Some(place) => self.at_site(place),
                        None => self.outside,
                    });
                }
                Value::Container(id) => {
                    let container = &flow.linked.containers[id.0 as usize];
                    inner.extend(container.contents().chain([container.keys]));
                }
                Value::Awaitable(node) | Value::Iterator(node) | Value::Manager(node) => {
                    inner.push(node);
                }
                Value::Coroutine(func) => inner.push(cx.program.function(func).ret),
                Value::Generator(func) => inner.push(cx.program.function(func).yields),
                _ => {}
            }
            if depth > 0 {
                for node in inner {
                    self.collect(cx, node, depth - 1, found);
                }
            }
        }
    }
}

/// What a reference to a class is.
pub(crate) enum Mention<'v> {
    /// It is called.
    Call(&'v ExprCall),
    /// It is called by another: `default_factory=asyncio.Lock`. The call that makes the objects.
    Factory(TextRange),
    /// In an annotation, of what the node holds where that is known.
    Annotation(Node),
    /// In a type alias, an `isinstance` test, a cast.
    Test,
    /// Anything else, a base class for example.
    Other,
}

/// What a reference to a class is.
pub(crate) fn mention<'v>(cx: &Context<'_>, view: &View<'v>, range: TextRange) -> Mention<'v> {
    if let Some(call) = view.call_of(range) {
        return Mention::Call(call);
    }
    let Some(expr) = view.tree.expr_at(range) else {
        return Mention::Other;
    };
    let mut outer: AnyNodeRef<'v> = expr.into();
    for parent in view.tree.ancestors(expr) {
        match parent {
            AnyNodeRef::ExprSubscript(_)
            | AnyNodeRef::ExprTuple(_)
            | AnyNodeRef::ExprList(_)
            | AnyNodeRef::ExprBinOp(_) => outer = parent,
            AnyNodeRef::Parameter(parameter) => {
                return Mention::Annotation(cx.program.node_at(view.place(parameter.name.range())));
            }
            AnyNodeRef::StmtAnnAssign(assign)
                if assign.annotation.range().contains_range(range) =>
            {
                return Mention::Annotation(cx.program.node_at(view.place(&*assign.target)));
            }
            AnyNodeRef::StmtFunctionDef(def)
                if def
                    .returns
                    .as_ref()
                    .is_some_and(|returns| returns.range().contains_range(range)) =>
            {
                let node = cx
                    .program
                    .functions()
                    .find(|func| {
                        let function = cx.program.function(*func);
                        function.name_range == def.name.range()
                            && cx.program.function_file(*func) == view.file
                    })
                    .map_or(Node::NONE, |func| {
                        let function = cx.program.function(func);
                        if function.is_generator {
                            function.yields
                        } else {
                            function.ret
                        }
                    });
                return Mention::Annotation(node);
            }
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => outer = parent,
            AnyNodeRef::ExprCall(call) => return handed_over(cx, view, call, range, outer),
            AnyNodeRef::StmtTypeAlias(_) => return Mention::Test,
            AnyNodeRef::StmtAssign(assign)
                if assign.value.range() == outer.range() && assign.value.is_subscript_expr() =>
            {
                return Mention::Test;
            }
            _ => return Mention::Other,
        }
    }
    Mention::Other
}

/// A class that is an argument.
fn handed_over<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    call: &'v ExprCall,
    range: TextRange,
    outer: AnyNodeRef<'v>,
) -> Mention<'v> {
    let direct = outer.range() == range
        || matches!(outer, AnyNodeRef::Keyword(keyword) if keyword.value.range() == range)
        || matches!(outer, AnyNodeRef::Arguments(_));
    let callee = match cx.api_of(view, &call.func) {
        Some(name) => name.to_owned(),
        None => view.text(call.func.range()).to_owned(),
    };
    let name = callee.rsplit('.').next().unwrap_or(&callee);
    match name {
        "isinstance" | "issubclass" | "cast" | "TypeVar" | "NewType" => Mention::Test,
        "field" | "Field" | "defaultdict" | "Factory" | "ib" | "attrib" if direct => {
            Mention::Factory(call.range())
        }
        _ => Mention::Other,
    }
}

/// How the value of a coroutine of a member is used: `event.wait()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Result_ {
    /// It is awaited, and nobody looks at what comes out.
    Dropped,
    /// The value of this `await` expression is used.
    Used(TextRange),
    /// The coroutine goes elsewhere, and its value may be used there.
    Travels,
}

/// How the value of the coroutine that `call` makes is used.
pub(crate) fn result_of(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Result_ {
    let Some(await_) = view.await_of(call.range()) else {
        return travels(cx, view, call);
    };
    match view.tree.parent(await_) {
        Some(AnyNodeRef::StmtExpr(_)) => Result_::Dropped,
        _ => Result_::Used(await_.range()),
    }
}

/// A coroutine that is handed to a call of the library, whose result nobody looks at, is as good as awaited.
fn travels(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Result_ {
    // One of several, each of which is an argument.
    let is_list = |expr: &ExprRef<'_>| match expr {
        ExprRef::Starred(_) | ExprRef::List(_) | ExprRef::Tuple(_) => true,
        ExprRef::ListComp(it) => it.elt.range() == call.range(),
        ExprRef::Generator(it) => it.elt.range() == call.range(),
        _ => false,
    };
    let around = view.tree.ancestors(call);
    let outer = (around
        .filter_map(AnyNodeRef::as_expr_ref)
        .find(|it| !is_list(it)))
    .and_then(|expr| view.tree.expr_at(expr.range()));
    let Some(Expr::Call(outer)) = outer else {
        return Result_::Travels;
    };
    let known = cx.api_of(view, &outer.func).is_some_and(|api| {
        matches!(
            api,
            "asyncio.wait_for" | "asyncio.shield" | "asyncio.gather" | "anyio.gather"
        )
    });
    if !known || outer.func.range().contains_range(call.range()) {
        return Result_::Travels;
    }
    match view.await_of(outer.range()) {
        Some(await_) if matches!(view.tree.parent(await_), Some(AnyNodeRef::StmtExpr(_))) => {
            Result_::Dropped
        }
        Some(_) => Result_::Travels,
        None => travels(cx, view, outer),
    }
}

/// The last part of a member's name: `wait` of `asyncio.Event.wait`.
pub(crate) fn method(member: &Member) -> &str {
    member.api.rsplit('.').next().unwrap_or(&member.api)
}

/// The text of the object of a member: `self._event` of `self._event.wait`.
pub(crate) fn receiver<'v>(view: &View<'v>, member: TextRange) -> Option<&'v Expr> {
    match view.tree.expr_at(member)? {
        Expr::Attribute(attribute) => Some(&attribute.value),
        _ => None,
    }
}

/// The calls that made the objects of libraries that an expression may be.
pub(crate) fn made_at<'c>(
    cx: &'c Context<'_>,
    place: Place,
) -> impl Iterator<Item = CallId> + use<'c> {
    cx.program.values_at(place).filter_map(made_by)
}

/// The call that made an object of a library.
pub(crate) fn made_by(value: Value) -> Option<CallId> {
    match value {
        Value::Object(_, made) => Some(made),
        _ => None,
    }
}

/// A cluster that stays, with the reason and where it stands in the way.
pub(crate) fn decline(
    cx: &Context<'_>,
    rule: &'static str,
    ty: &str,
    place: Place,
    covers: Vec<Place>,
    because: &Obstacle,
) -> Change {
    let reason = match because.at {
        Some(at) if at != place => {
            let file = cx.program.file(at.file);
            let line = file.text[..at.range.start().to_usize().min(file.text.len())]
                .matches('\n')
                .count()
                + 1;
            let stands = if at.file == place.file {
                format!("at line {line}")
            } else {
                format!("at {}:{line}", file.path)
            };
            format!("{stands} {}", because.reason)
        }
        _ => because.reason.clone(),
    };
    let mut change = Change::declined(rule, place, ty, reason);
    change.covers = covers;
    change
}

/// What stands in the way of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Obstacle {
    /// Where; none where the whole is meant.
    pub at: Option<Place>,
    /// What, in words.
    pub reason: String,
}

impl Obstacle {
    /// An obstacle at a place.
    pub(crate) fn new(at: Place, reason: impl Into<String>) -> Self {
        Obstacle {
            at: Some(at),
            reason: reason.into(),
        }
    }
}

/// Whether a comparison may stand in place of the expression without brackets.
pub(crate) fn takes_comparison(view: &View<'_>, expr: TextRange) -> bool {
    let Some(expr) = view.tree.expr_at(expr) else {
        return false;
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprCompare(_) | AnyNodeRef::ExprBinOp(_) | AnyNodeRef::ExprAwait(_)) => {
            false
        }
        Some(AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprSubscript(_)) => false,
        Some(AnyNodeRef::ExprStarred(_)) => false,
        Some(AnyNodeRef::ExprUnaryOp(unary)) => unary.op == loopshift_python::ast::UnaryOp::Not,
        Some(AnyNodeRef::ExprCall(call)) => call.func.range() != expr.range(),
        _ => true,
    }
}
