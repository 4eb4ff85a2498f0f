//! Loops that await what each round is given, and do nothing else with it.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{Expr, ExprAwait, StmtFor};
use loopshift_python::scope::Reference;
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};

/// The `await` of the variable of a loop, where nothing else is done with what the loop gives. The name may be another
/// variable's elsewhere in the function.
pub(crate) fn awaited_once<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    stmt: &StmtFor,
) -> Option<&'v ExprAwait> {
    let Expr::Name(target) = &*stmt.target else {
        return None;
    };
    let name = target.id.as_str();
    let scopes = &view.scopes;
    let scope = scopes.resolve(name, scopes.at(stmt.start()))?;
    let reads = scopes.references.iter().filter(|it| {
        it.name == name
            && it.range != target.range()
            && scopes.resolve(name, it.scope) == Some(scope)
    });
    let (within, elsewhere): (Vec<&Reference>, Vec<&Reference>) =
        reads.partition(|it| stmt.range().contains_range(it.range));
    let [read] = within.as_slice() else {
        return None;
    };
    let values = |range: TextRange| cx.program.values_at(view.place(range));
    let given: BTreeSet<Value> = values(target.range()).collect();
    let is_other = |range: TextRange| {
        let mut read = values(range).peekable();
        read.peek().is_some() && read.all(|value| !given.contains(&value))
    };
    let is_its_own =
        !elsewhere.is_empty() && given.is_empty() || elsewhere.iter().any(|it| !is_other(it.range));
    if is_its_own {
        return None;
    }
    view.await_of(read.range)
}
