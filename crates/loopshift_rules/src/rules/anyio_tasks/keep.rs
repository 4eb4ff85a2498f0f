//! The idiom that keeps a task alive: `tasks.add(t)` and `t.add_done_callback(tasks.discard)`. A task group holds its tasks, so
//! the idiom goes, if nothing else reads the set.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_python::ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_stmt};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::family::{Family, MemberUse};
use crate::context::{Context, View};

/// What goes with the idiom, for one family.
#[derive(Clone, Debug, Default)]
pub(super) struct Keeping {
    /// Statements to remove: the call that adds, the call that registers, the definition of the set.
    pub(super) statements: BTreeSet<Place>,
}

/// Everything that a set is used for.
#[derive(Default)]
struct SetUses {
    definitions: Vec<Place>,
    adds: Vec<Place>,
    registrations: Vec<Place>,
    other: bool,
}

/// The statements of the idiom around a family; none where a callback is none of it, or the set is read elsewhere.
pub(super) fn keeping(cx: &Context<'_>, family: &Family<'_>) -> Option<Keeping> {
    let mut out = Keeping::default();
    for member in &family.members {
        if member.name != "add_done_callback" {
            continue;
        }
        let Some(set) = set_of(member) else {
            // Another callback: see [`super::callbacks`].
            continue;
        };
        let uses = uses_of(cx, member.view, set)?;
        if uses.other {
            return None;
        }
        let (ours, theirs): (Vec<Place>, Vec<Place>) = uses
            .registrations
            .into_iter()
            .partition(|place| is_ours(family, *place));
        // The set stays for the tasks of others.
        if theirs.is_empty() {
            out.statements.extend(uses.definitions);
        }
        out.statements
            .extend(uses.adds.into_iter().filter(|add| holds(family, *add)));
        out.statements.extend(ours);
    }
    Some(out)
}

/// Whether the registration is that of a task of the family.
fn is_ours(family: &Family<'_>, registration: Place) -> bool {
    family.members.iter().any(|member| {
        member.view.file == registration.file
            && registration.range.contains_range(member.attribute.range())
    })
}

/// Whether a task of the family stands in the statement.
fn holds(family: &Family<'_>, statement: Place) -> bool {
    family
        .cluster
        .places
        .iter()
        .any(|it| it.place.file == statement.file && statement.range.contains_range(it.place.range))
}

/// The set of `t.add_done_callback(tasks.discard)`.
pub(super) fn set_of<'c>(member: &MemberUse<'c>) -> Option<&'c Expr> {
    let call = member.call?;
    if !matches!(member.view.tree.parent(call), Some(AnyNodeRef::StmtExpr(_))) {
        return None;
    }
    let ([Expr::Attribute(callback)], []) = (&*call.arguments.args, &*call.arguments.keywords)
    else {
        return None;
    };
    matches!(callback.attr.as_str(), "discard" | "remove").then_some(&*callback.value)
}

fn uses_of(cx: &Context<'_>, view: &View<'_>, set: &Expr) -> Option<SetUses> {
    let mut out = SetUses::default();
    match set {
        Expr::Name(name) => {
            let scope = view
                .scopes
                .resolve(name.id.as_str(), view.scopes.at(name.range.start()))?;
            let binding = view.scopes.scopes[scope].bindings.get(name.id.as_str())?;
            let [binding] = &binding[..] else { return None };
            classify(view, view.tree.expr_at(binding.range)?, &mut out);
            for it in &view.scopes.references {
                if it.name == name.id.as_str()
                    && view.scopes.resolve(it.name, it.scope) == Some(scope)
                {
                    classify(view, view.tree.expr_at(it.range)?, &mut out);
                }
            }
            // Other modules may import it.
            let imported = scope == 0
                && cx.views_naming([name.id.as_str()]).any(|other| {
                    other.file != view.file && other.scopes.is_used_anywhere(name.id.as_str())
                });
            out.other |= imported;
        }
        Expr::Attribute(attribute) => {
            for other in cx.views_naming([attribute.attr.as_str()]) {
                let mut found: Vec<&Expr> = Vec::new();
                attributes(other, attribute.attr.as_str(), &mut found);
                for expr in found {
                    classify(other, expr, &mut out);
                }
            }
        }
        _ => return None,
    }
    Some(out)
}

/// What one mention of the set is for.
fn classify(view: &View<'_>, expr: &Expr, out: &mut SetUses) {
    let place = |range: TextRange| Place {
        file: view.file,
        range,
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtAssign(assign))
            if matches!(&assign.targets[..], [only] if only.range() == expr.range())
                && is_empty_set(&assign.value) =>
        {
            out.definitions.push(place(assign.range()));
        }
        Some(AnyNodeRef::StmtAnnAssign(assign))
            if assign.target.range() == expr.range()
                && assign.value.as_deref().is_some_and(is_empty_set) =>
        {
            out.definitions.push(place(assign.range()));
        }
        Some(AnyNodeRef::ExprAttribute(member)) => {
            let statement = |call: &ExprCall| {
                view.tree
                    .parent(call)
                    .filter(|node| matches!(node, AnyNodeRef::StmtExpr(_)))
                    .map(|node| place(node.range()))
            };
            match view.tree.parent(member) {
                Some(AnyNodeRef::ExprCall(call))
                    if call.func.range() == member.range() && member.attr.as_str() == "add" =>
                {
                    match statement(call) {
                        Some(place) => out.adds.push(place),
                        None => out.other = true,
                    }
                }
                Some(AnyNodeRef::Arguments(_) | AnyNodeRef::ExprCall(_))
                    if matches!(member.attr.as_str(), "discard" | "remove") =>
                {
                    let call = view.tree.call_around(member);
                    let registers = call.is_some_and(|call| {
                        matches!(&*call.func, Expr::Attribute(it) if it.attr.as_str() == "add_done_callback")
                    });
                    match call.filter(|_| registers).and_then(statement) {
                        Some(place) => out.registrations.push(place),
                        None => out.other = true,
                    }
                }
                _ => out.other = true,
            }
        }
        _ => out.other = true,
    }
}

fn is_empty_set(value: &Expr) -> bool {
    match value {
        Expr::Call(call) => {
            call.arguments.is_empty()
                && matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "set")
        }
        _ => false,
    }
}

/// All attributes of this name in a file.
fn attributes<'v>(view: &View<'v>, name: &str, out: &mut Vec<&'v Expr>) {
    struct Visitor<'n, 'a, 'o>(&'n str, &'o mut Vec<&'a Expr>);
    impl<'a> SourceOrderVisitor<'a> for Visitor<'_, 'a, '_> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            walk_stmt(self, stmt);
        }
        fn visit_expr(&mut self, expr: &'a Expr) {
            if matches!(expr, Expr::Attribute(it) if it.attr.as_str() == self.0) {
                self.1.push(expr);
            }
            walk_expr(self, expr);
        }
    }
    Visitor(name, out).visit_body(&view.parsed.syntax().body);
}

/// Why a place puts a task into a container that is not followed.
pub(super) fn untracked(
    cx: &Context<'_>,
    family: &Family<'_>,
    keeping: Option<&Keeping>,
) -> Option<String> {
    for it in &family.cluster.places {
        let Some(view) = cx.view(it.place.file) else {
            continue;
        };
        let Some(expr) = view.tree.expr_at(it.place.range) else {
            continue;
        };
        let call = view
            .tree
            .ancestors(expr)
            .find(|node| !matches!(node, AnyNodeRef::Arguments(_)));
        let Some(AnyNodeRef::ExprCall(call)) = call else {
            continue;
        };
        let Expr::Attribute(method) = &*call.func else {
            continue;
        };
        if !matches!(
            method.attr.as_str(),
            "add"
                | "append"
                | "appendleft"
                | "insert"
                | "extend"
                | "update"
                | "setdefault"
                | "put"
                | "put_nowait"
        ) || method.range().contains_range(expr.range())
        {
            continue;
        }
        let kept = keeping.is_some_and(|keeping| {
            keeping
                .statements
                .iter()
                .any(|stmt| stmt.file == view.file && stmt.range.contains_range(call.range()))
        });
        let followed = !super::family::held(cx, view.place(&*method.value))
            .sites
            .is_empty()
            || cx
                .program
                .values_at(view.place(method))
                .any(|value| matches!(value, loopshift_engine::flow::value::Value::Bound(..)));
        if !kept && !followed {
            return Some(format!(
                "it is kept in `{}`, which is read in ways that are not all known",
                view.text(method.value.range())
            ));
        }
    }
    None
}
