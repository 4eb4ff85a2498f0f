//! APIs of green threads that have a counterpart in asyncio one to one, by the rows of the catalog.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::facts::Cause;
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Alias, AnyNodeRef, CmpOp, Expr, Stmt, StmtWhile};
use loopshift_python::edit::{Edit, Import, Piece};

use crate::catalog::{Api, Kind, Part, Target};
use crate::common::code::{definition, own};
use crate::common::green::{
    Threads, built_on, escaped, made_in_loop, named, owners, sleeping, slept,
};
use crate::common::shared::number;
use crate::context::{Context, View};
use crate::registry::rule;

pub(crate) const RULE: &str = "green-names";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    imports(cx, changes);
    looked_at(cx, changes);
    escaped::plan(cx, changes);
    built_on::plan(cx, changes);
    let owners = cx.once(owners);
    let threads = cx.once(Threads::new);
    let mut kept = BTreeSet::new();
    for use_ in cx.uses {
        let Some(api) = cx.catalog.get(&use_.api) else {
            continue;
        };
        if !cx.recipe.moves(&use_.api) && !cx.catalog.is_own(&use_.api) {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        if let Some(change) = elsewhere(cx, use_, api, view) {
            changes.push(change);
            continue;
        }
        // Where a rule of its own speaks for it, that decides.
        let spoken = api.rule.as_deref().is_some_and(|name| rule(name).is_some());
        if spoken || api.forms(Target::Asyncio).is_empty() {
            continue;
        }
        let early = match api.kind {
            Kind::Class if is_of_asyncio(api) => made_in_loop(cx, use_.place).err(),
            // Events and results wake who waits for them, which only the loop's own thread may do.
            Kind::Method if use_.api.starts_with("gevent.event.") => {
                threads.allow(cx, use_.place).err()
            }
            _ => None,
        };
        let replaced = early.map_or_else(|| named(cx, &owners, use_, api, view, RULE), Err);
        // What is kept under another name is called by that.
        let replaced = replaced.or_else(|reason| {
            let is_call = view.call_of(use_.place.range).is_some();
            if is_call || !api.name.ends_with(".sleep") {
                return Err(reason);
            }
            let change = sleeping(cx, use_, view, RULE)?;
            kept.insert(use_.api.as_str());
            Ok(change)
        });
        let mut change = match replaced {
            Ok(change) => change,
            Err(reason) => {
                changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
                continue;
            }
        };
        let call = view.call_of(use_.place.range);
        let yields = api.name.ends_with(".sleep")
            && call.is_some_and(|call| {
                call.arguments
                    .args
                    .first()
                    .is_none_or(|it| number(it) == Some(0.0))
            });
        if yields && polls(cx, view, use_.place) {
            change.caveat("a loop that only gives way lets what waits for input go on at each turn; green threads do so less often");
        }
        changes.push(change);
    }
    if !kept.is_empty() {
        changes.extend(slept(cx, &owners, &kept, RULE));
    }
}

/// What a module of the library has from the standard library, and does not change: it is taken from there.
fn elsewhere(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> Option<Change> {
    let plain = api.kind != Kind::Module && !api.suspends && api.forms(Target::Asyncio).is_empty();
    let is_own = api.rule.as_deref().is_some_and(|name| rule(name).is_some());
    let name = cx.catalog.same_as(&use_.api).filter(|_| plain && !is_own)?;
    let expr = view.tree.expr_at(use_.place.range)?;
    let message = format!("`{}` is `{name}`", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    if use_.member && !api.blocks {
        return Some(change);
    }
    if use_.member || !use_.only || !view.is_direct(expr) {
        return None;
    }
    let (module, attribute) = name.rsplit_once('.')?;
    let import = Import {
        module: module.to_owned().into(),
        name: None,
    };
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: vec![Piece::Import(import), format!(".{attribute}").into()],
    });
    Some(change)
}

/// The package itself as a value: `hasattr(gevent, "pool")`.
fn looked_at(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let package = |value| match value {
        Value::External(sym) => {
            let name = cx.program.flow.text(sym);
            cx.recipe.from.contains(&name).then_some(name)
        }
        _ => None,
    };
    for view in cx.views_where(|value| package(value).is_some()) {
        for expr in view.tree.exprs() {
            let Expr::Name(name) = expr else { continue };
            let parent = view.tree.parent(expr);
            if !name.ctx.is_load() || matches!(parent, Some(AnyNodeRef::ExprAttribute(_))) {
                continue;
            }
            let place = view.place(expr);
            if let Some(name) = cx.program.values_at(place).find_map(package) {
                let reason = "the package itself is looked at here, and is not there afterwards";
                changes.push(Change::declined(RULE, place, name, reason));
            }
        }
    }
}

/// Imports of modules that stand for one of the standard library become imports of that: `from gevent import socket`.
fn imports(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for view in cx.views_with(cx.recipe.from) {
        for stmt in &view.parsed.syntax().body {
            let Stmt::ImportFrom(import) = stmt else {
                continue;
            };
            let Some(package) = import.module.as_ref().filter(|_| import.level == 0) else {
                continue;
            };
            let is_module = |alias: &&Alias| {
                let name = format!("{package}.{}", alias.name);
                let row = cx.catalog.get(&name).filter(|api| api.kind == Kind::Module);
                let same = row.and_then(|api| api.same_as.as_deref());
                cx.recipe.moves(&name) && same == Some(alias.name.as_str())
            };
            let Some(alias) = import.names.iter().find(is_module) else {
                continue;
            };
            let mut text = format!("import {}", view.text(alias.range()));
            let others: Vec<&str> = (import.names.iter())
                .filter(|other| other.range() != alias.range())
                .map(|other| view.text(other.range()))
                .collect();
            if !others.is_empty() {
                text = format!("{text}\nfrom {package} import {}", others.join(", "));
            }
            let api = format!("{package}.{}", alias.name);
            let message = format!("`{api}` is `{}`", alias.name);
            let mut change = Change::new(RULE, view.place(alias), api, message);
            change.edit(Edit::Replace {
                range: stmt.range(),
                pieces: vec![text.into()],
            });
            changes.push(change);
        }
    }
}

/// Whether a loop gives way again and again until something happens.
fn polls(cx: &Context<'_>, view: &View<'_>, place: Place) -> bool {
    let innermost = view.tree.around(place.range).find_map(|node| match node {
        AnyNodeRef::StmtFor(_) => Some((node, false)),
        AnyNodeRef::StmtWhile(it) => Some((node, !counts(cx, view, it))),
        _ => None,
    });
    let Some((node, until)) = innermost else {
        return false;
    };
    let func = cx.program.function_at(place);
    let waits_besides = cx.facts().causes(func).iter().any(|cause| match cause {
        Cause::Api { place: at, .. } | Cause::Call { place: at, .. } => {
            at.file == place.file
                && node.range().contains_range(at.range)
                && !at.range.contains_range(place.range)
        }
        _ => false,
    });
    (until && !waits_besides) || waits_for_input(cx)
}

/// Whether a loop goes on by numbers that only its function changes: `while left > 0`.
fn counts(cx: &Context<'_>, view: &View<'_>, stmt: &StmtWhile) -> bool {
    let func = cx.program.function_at(view.place(stmt));
    let Some((_, def)) = definition(cx, func) else {
        return false;
    };
    let mut locals: BTreeSet<&str> = (def.parameters.iter())
        .map(|it| it.name().as_str())
        .collect();
    for node in own(&def.body) {
        match node {
            AnyNodeRef::ExprName(it) if it.ctx.is_store() => locals.insert(it.id.as_str()),
            AnyNodeRef::StmtGlobal(_) => return false,
            _ => false,
        };
    }
    let mut inner = view.tree.nodes_within(def.range());
    let is_shared = inner.any(|node| matches!(node, AnyNodeRef::StmtNonlocal(_)));
    let orders = |op: &CmpOp| matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE);
    let Expr::Compare(test) = &*stmt.test else {
        return false;
    };
    let is_own = |expr: &Expr| match expr {
        Expr::Name(it) => locals.contains(it.id.as_str()),
        other => other.is_number_literal_expr(),
    };
    let mut compared = std::iter::once(&*test.left).chain(&test.comparators);
    !is_shared && test.ops.iter().all(orders) && compared.all(is_own)
}

/// Whether the program may wait for input at all.
fn waits_for_input(cx: &Context<'_>) -> bool {
    let words = [
        "socket",
        "select",
        "subprocess",
        "server",
        "pywsgi",
        "wsgi",
        "listen",
        "urllib",
        "requests",
        "http",
    ];
    words.iter().any(|word| cx.mentions(word))
}

/// Whether what takes its place is asyncio's own.
fn is_of_asyncio(api: &Api) -> bool {
    let first = api.forms(Target::Asyncio).first();
    first.is_some_and(|form| matches!(form.template.parts.first(), Some(Part::Import { .. })))
}
