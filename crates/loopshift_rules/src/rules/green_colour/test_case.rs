//! Test cases of unittest whose tests wait: they derive from the class that runs them in an event loop.

use std::collections::BTreeSet;

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Import, Piece};

use super::super::green::is_coloured;
use super::Operation;
use crate::context::Context;
use crate::recipe::is_test_case;

const NAME: &str = "IsolatedAsyncioTestCase";

/// The bases that change.
pub(super) fn operations(cx: &Context<'_>, out: &mut Vec<Operation>) {
    for view in cx.views() {
        for node in view.tree.nodes() {
            let AnyNodeRef::StmtClassDef(def) = node else {
                continue;
            };
            for base in def.bases() {
                let mut values = cx.program.values_at(view.place(base));
                let is_case = values.any(|value| match value {
                    Value::External(sym) => is_test_case(cx.program.flow.text(sym)),
                    _ => false,
                });
                if !is_case {
                    continue;
                }
                let mut functions = BTreeSet::new();
                for value in cx.program.values_at(view.place(def.name.range())) {
                    if let Value::Class(class) = value {
                        functions.extend(methods(cx, class));
                    }
                }
                if functions.is_empty() {
                    continue;
                }
                let mut operation = Operation::new(view.place(base), functions);
                operation.waits = false;
                operation.edits = vec![isolated(base)];
                out.push(operation);
            }
        }
    }
}

/// The methods that become async, of a class and of all that derive from it.
fn methods(cx: &Context<'_>, class: loopshift_engine::ir::ClassId) -> BTreeSet<FuncId> {
    let derives = |func: &FuncId| {
        let own = cx.program.function(*func).class;
        let bases = own.and_then(|own| cx.program.flow.mro.get(own.0 as usize));
        let mut bases = bases.into_iter().flatten();
        bases.any(|entry| *entry == MroEntry::Class(class))
    };
    let functions = cx.program.functions().filter(derives);
    functions.filter(|func| is_coloured(cx, *func)).collect()
}

fn isolated(base: &Expr) -> Edit {
    match base {
        Expr::Attribute(it) => Edit::replace(it.attr.range(), "{0}", &[NAME.into()]),
        other => Edit::Replace {
            range: other.range(),
            pieces: vec![Piece::Import(Import {
                module: "unittest".into(),
                name: Some(NAME.into()),
            })],
        },
    }
}
