//! Objects that reach code which can't be seen, and which would go on to use them as they were.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::clusters;
use loopshift_python::ast::Expr;
use loopshift_python::stdlib::is_stdlib;

use crate::catalog::{Kind, Target};
use crate::context::Context;
use crate::recipe::root;
use crate::registry;

/// The objects of some classes that leave what is seen, by the calls that make them.
pub(crate) struct Escaped(BTreeMap<Place, String>);

impl Escaped {
    /// Finds them.
    pub(crate) fn new(cx: &Context<'_>, classes: &[&str]) -> Self {
        let mut out = BTreeMap::new();
        for cluster in clusters(cx.program, |name| classes.contains(&name)) {
            let reason = cluster
                .escapes
                .iter()
                .find(|(_, reason)| counts(cx, reason));
            if let Some((_, reason)) = reason {
                out.extend(cluster.sites.iter().map(|site| (*site, reason.clone())));
            }
        }
        Escaped(out)
    }

    /// Whether what a call makes stays in sight.
    ///
    /// # Errors
    /// Where it does not, in words for the user.
    pub(crate) fn check(&self, site: Place) -> Result<(), String> {
        match self.0.get(&site) {
            Some(reason) => Err(format!("{reason}, and would be used there as before")),
            None => Ok(()),
        }
    }
}

/// Declines what the program keeps on objects of frameworks, or hands to them: it is used from there in ways that are not
/// seen, and would have to be awaited there.
pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let classes: BTreeSet<&str> = (cx.uses.iter())
        .map(|use_| use_.api.as_str())
        .filter(|api| {
            let row = cx.catalog.get(api).filter(|row| row.kind == Kind::Class);
            row.is_some_and(|row| row.rule.is_some() || !row.forms(Target::Asyncio).is_empty())
        })
        .collect();
    if classes.is_empty() {
        return;
    }
    for cluster in clusters(cx.program, |name| classes.contains(name)) {
        let Some((_, reason)) = cluster.escapes.iter().find(|(_, it)| is_abroad(it)) else {
            continue;
        };
        for site in &cluster.sites {
            let Some(view) = cx.view(site.file) else {
                continue;
            };
            let Some(Expr::Call(call)) = view.tree.expr_at(site.range) else {
                continue;
            };
            let place = view.place(&*call.func);
            let use_ = cx.uses.iter().find(|it| it.place == place);
            let row = use_.and_then(|it| Some((it, cx.catalog.get(&it.api)?)));
            let Some((use_, row)) = row else { continue };
            let rule = row.rule.as_deref().and_then(registry::rule);
            let rule = rule.map_or(crate::rules::green_names::RULE, |it| it.name);
            let reason = format!("{reason}, where what waits for it is not seen");
            // The whole call: that its name could move does not speak against it.
            changes.push(Change::declined(rule, *site, &*use_.api, reason));
        }
    }
}

/// Whether an object is kept by a framework, or given to one by a function that it calls.
fn is_abroad(reason: &str) -> bool {
    reason.starts_with("it is kept as ") || reason.contains("gives it to code")
}

/// Whether an escape leads to code that may use the object: what the catalog and the standard library have does not.
fn counts(cx: &Context<'_>, reason: &str) -> bool {
    if reason.ends_with("which is not known") {
        return true;
    }
    let name = reason.split('`').nth(1).unwrap_or_default();
    reason.starts_with("it is passed to `")
        && cx.catalog.get(name).is_none()
        && !is_stdlib(root(name))
}
