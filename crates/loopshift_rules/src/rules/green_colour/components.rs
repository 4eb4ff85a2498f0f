//! Functions that change together.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::facts::Cause;
use loopshift_engine::ir::{FuncId, FunctionKind};

use crate::common::green::{Needs, is_coloured};
use crate::context::Context;

/// Functions that change together: those that become async, and the bodies of modules that start them.
pub(super) fn components(cx: &Context<'_>, needs: &Needs) -> Vec<BTreeSet<FuncId>> {
    let mut parents: BTreeMap<FuncId, FuncId> = BTreeMap::new();
    let is_body = |func| cx.program.function(func).kind == FunctionKind::Module;
    for func in cx.program.functions() {
        let starts = is_body(func) && needs.of(func).next().is_some();
        let written = cx.program.function(func).is_async;
        let outside = cx.part.is_some_and(|part| part.is_outside(func));
        if !written && !outside && (is_coloured(cx, func) || starts) {
            parents.insert(func, func);
        }
    }
    let all: Vec<FuncId> = parents.keys().copied().collect();
    for func in &all {
        for cause in cx.facts().causes(*func) {
            let other = match cause {
                Cause::Call { callee: other, .. }
                | Cause::Operation(other)
                | Cause::Override(other)
                | Cause::Sibling { other, .. } => *other,
                Cause::Api { .. } | Cause::Spawned { .. } => continue,
            };
            if parents.contains_key(&other) {
                let (a, b) = (root(&parents, *func), root(&parents, other));
                parents.insert(a.max(b), a.min(b));
            }
        }
    }
    let mut out: BTreeMap<FuncId, BTreeSet<FuncId>> = BTreeMap::new();
    for func in all {
        out.entry(root(&parents, func)).or_default().insert(func);
    }
    out.into_values().collect()
}

fn root(parents: &BTreeMap<FuncId, FuncId>, func: FuncId) -> FuncId {
    let mut at = func;
    while let Some(next) = parents.get(&at).filter(|next| **next != at) {
        at = *next;
    }
    at
}
