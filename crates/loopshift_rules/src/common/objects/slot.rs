//! Objects that live in one variable or attribute, which every use reads afresh.

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::ClassId;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Edit;
use loopshift_python::scope::{ScopeId, ScopeKind};
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use crate::context::{Context, View};

/// The one place where objects live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A variable of a scope of a file.
    Variable(loopshift_engine::change::FileId, ScopeId, String),
    /// An attribute of the instances of a class.
    Attribute(ClassId, String),
}

/// The slot of a cluster, if there is one and nothing else ever holds its objects.
///
/// # Errors
/// What else holds them.
pub(crate) fn the_slot(cx: &Context<'_>, cluster: &Cluster) -> Result<Slot, Obstacle> {
    if let Some(place) = cluster.containers.first() {
        return Err(Obstacle::new(*place, "it is kept in a container"));
    }
    if cluster.from_outside {
        return Err(Obstacle {
            at: None,
            reason: "it comes from code that is not known".to_owned(),
        });
    }
    let mut found: Option<Slot> = None;
    for held in &cluster.places {
        if cluster.sites.contains(&held.place) {
            continue;
        }
        let elsewhere = |reason: &str| Obstacle::new(held.place, reason);
        let view = cx
            .view(held.place.file)
            .ok_or_else(|| elsewhere("it is used in a file that could not be read"))?;
        let expr = view.tree.expr_at(held.place.range).ok_or_else(|| {
            elsewhere("it is an argument, so that there is another variable for it")
        })?;
        let slot = slot_of(cx, view, expr)
            .or_else(|| field_of(cx, view, cluster, expr))
            .ok_or_else(|| elsewhere("it is held by an expression that is no plain variable"))?;
        match &found {
            Some(known) if *known != slot => {
                return Err(elsewhere("there is another variable for it"));
            }
            _ => found = Some(slot),
        }
        if !is_target(view, expr) && !is_receiver(view, expr) {
            return Err(elsewhere("it is passed on"));
        }
    }
    let found = found.ok_or_else(|| Obstacle {
        at: None,
        reason: "it has no name".to_owned(),
    })?;
    // A new object in the slot is seen only by who reads the slot: not by a bound method that was kept.
    for member in &cluster.members {
        if let Some(view) = cx.view(member.place.file)
            && view.call_of(member.place.range).is_none()
        {
            return Err(Obstacle::new(
                member.place,
                "one of its methods is passed on",
            ));
        }
    }
    Ok(found)
}

/// The slot that an expression names.
fn slot_of(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Option<Slot> {
    match expr {
        Expr::Name(name) => {
            let scope = view
                .scopes
                .resolve(name.id.as_str(), view.scopes.at(name.start()))?;
            let kind = view.scopes.scopes[scope].kind;
            (kind != ScopeKind::Class)
                .then(|| Slot::Variable(view.file, scope, name.id.to_string()))
        }
        Expr::Attribute(attribute) => {
            let mut class = None;
            for value in cx.program.values_at(view.place(&*attribute.value)) {
                let Value::Instance(id) = value else {
                    return None;
                };
                if class.is_some_and(|known| known != id) {
                    return None;
                }
                class = Some(id);
            }
            Some(Slot::Attribute(class?, attribute.attr.to_string()))
        }
        _ => None,
    }
}

/// The attribute that a field of a data class is in each of its instances, where a factory makes a new object for each.
fn field_of(cx: &Context<'_>, view: &View<'_>, cluster: &Cluster, expr: &Expr) -> Option<Slot> {
    let Some(AnyNodeRef::StmtAnnAssign(assign)) = view.tree.parent(expr) else {
        return None;
    };
    let call = assign.value.as_deref()?.as_call_expr()?;
    let is_made = cluster.sites.contains(&view.place(call))
        && cx.api_of(view, &call.func) == Some("dataclasses.field");
    let def = view.tree.ancestors(expr).find_map(|node| match node {
        AnyNodeRef::StmtClassDef(def) => Some(def),
        _ => None,
    })?;
    let is_frozen = def.decorator_list.iter().any(|decorator| {
        let call = decorator.expression.as_call_expr();
        call.is_some_and(|call| call.arguments.find_keyword("frozen").is_some())
    });
    let name = (assign.target.as_name_expr()).filter(|_| is_made && !is_frozen)?;
    let mut classes = cx.program.values_at(view.place(&def.name));
    match (classes.next(), classes.next()) {
        (Some(Value::Class(class)), None) => Some(Slot::Attribute(class, name.id.to_string())),
        _ => None,
    }
}

fn is_target(view: &View<'_>, expr: &Expr) -> bool {
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtAssign(assign)) => {
            assign.targets.len() == 1 && assign.targets[0].range() == expr.range()
        }
        Some(AnyNodeRef::StmtAnnAssign(assign)) => assign.target.range() == expr.range(),
        _ => false,
    }
}

fn is_receiver(view: &View<'_>, expr: &Expr) -> bool {
    matches!(view.tree.parent(expr), Some(AnyNodeRef::ExprAttribute(attribute)) if attribute.value.range() == expr.range())
}

impl Slot {
    /// The declaration that assigning to `target` needs in its function: `global NAME` or `nonlocal NAME`.
    ///
    /// # Errors
    /// Where the function can't assign to it.
    pub(crate) fn declaration(
        &self,
        view: &View<'_>,
        target: &Expr,
    ) -> Result<Option<Edit>, Obstacle> {
        let Slot::Variable(file, scope, name) = self else {
            return Ok(None);
        };
        let refuse = |reason: &str| Obstacle::new(view.place(target), reason);
        if *file != view.file {
            return Err(refuse("the variable is one of another module"));
        }
        let at = view.scopes.at(target.start());
        if at == *scope || binds(view, at, name) {
            return Ok(None);
        }
        let inner = &view.scopes.scopes[at];
        if inner.kind != ScopeKind::Function {
            return Err(refuse("it can't be assigned there"));
        }
        let keyword = if *scope == 0 { "global" } else { "nonlocal" };
        let first = function_body_start(view, target.range())
            .ok_or_else(|| refuse("it can't be assigned there"))?;
        Ok(Some(Edit::Replace {
            range: TextRange::empty(first),
            pieces: vec![format!("{keyword} {name}\n").into()],
        }))
    }
}

/// Whether the scope declares the name `global` or `nonlocal`: then it resolves to another scope, and yet binds it.
fn binds(view: &View<'_>, scope: ScopeId, name: &str) -> bool {
    use loopshift_python::ast::Stmt;
    let range = view.scopes.scopes[scope].range;
    let Some(function) = view.tree.around(range).find_map(|node| match node {
        AnyNodeRef::StmtFunctionDef(def) => Some(def),
        _ => None,
    }) else {
        return false;
    };
    function.body.iter().any(|stmt| match stmt {
        Stmt::Global(global) => global.names.iter().any(|it| it.as_str() == name),
        Stmt::Nonlocal(nonlocal) => nonlocal.names.iter().any(|it| it.as_str() == name),
        _ => false,
    })
}

/// The start of the first statement of the function around a range, behind its docstring.
fn function_body_start(view: &View<'_>, range: TextRange) -> Option<loopshift_python::TextSize> {
    use loopshift_python::ast::Stmt;
    let def = view.tree.around(range).find_map(|node| match node {
        AnyNodeRef::StmtFunctionDef(def) => Some(def),
        _ => None,
    })?;
    let first = def
        .body
        .iter()
        .find(|stmt| !matches!(stmt, Stmt::Expr(it) if it.value.is_string_literal_expr()))?;
    (!super::values::shares_its_line(view, first)).then(|| first.start())
}
