//! Test cases of unittest whose tests wait: they derive from the class that runs them in an event loop.

use std::collections::BTreeSet;

use loopshift_engine::change::FileId;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Import, Piece};

use super::Operation;
use super::builtin::{given, waits};
use crate::common::green::is_coloured;
use crate::context::Context;
use crate::test_cases::is_test_case;

const NAME: &str = "IsolatedAsyncioTestCase";

/// The bases that change.
pub(super) fn operations(cx: &Context<'_>, out: &mut Vec<Operation>) {
    let is_case = |value| match value {
        Value::External(sym) => is_test_case(cx.program.flow.text(sym)),
        _ => false,
    };
    let classes = (0..).map(ClassId).zip(&cx.program.flow.linked.classes);
    let cases = classes.filter(|(_, class)| {
        let mut bases = class.bases.iter();
        bases.any(|base| cx.program.flow.values_of(*base).any(is_case))
    });
    let files: BTreeSet<FileId> = cases.map(|(class, _)| cx.program.class(class).0).collect();
    for view in files.into_iter().filter_map(|file| cx.view(file)) {
        for node in view.tree.nodes() {
            let AnyNodeRef::StmtClassDef(def) = node else {
                continue;
            };
            for base in def.bases() {
                let mut values = cx.program.values_at(view.place(base));
                if !values.any(is_case) {
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

/// What is done after a test: `self.addCleanup(f, x)`, where `f` becomes async.
pub(super) fn cleanups(cx: &Context<'_>, out: &mut Vec<Operation>) {
    if !cx.mentions("addCleanup") {
        return;
    }
    let waiting: BTreeSet<FileId> = cx.files_where(|value| waits(cx, value)).collect();
    for view in cx.views_with_in(&["addCleanup"], |file| waiting.contains(&file)) {
        for expr in view.tree.exprs() {
            let Expr::Call(call) = expr else { continue };
            let (Expr::Attribute(callee), Some(function)) =
                (&*call.func, call.arguments.args.first())
            else {
                continue;
            };
            if callee.attr.as_str() != "addCleanup"
                || cx.api_of(view, &call.func) != Some("unittest.TestCase.addCleanup")
            {
                continue;
            }
            let (functions, plain) = given(cx, view, function);
            if functions.is_empty() {
                continue;
            }
            let mut operation = Operation::new(view.place(expr), functions);
            operation.waits = false;
            if plain {
                let reason = "it calls a function that waits, or another one";
                operation.reason = Some(reason.to_owned());
            }
            operation.edits = vec![Edit::replace(callee.attr.range(), "addAsyncCleanup", &[])];
            out.push(operation);
        }
    }
}

/// The methods that become async, of a class and of all that derive from it, those that they have from others too.
fn methods(cx: &Context<'_>, class: ClassId) -> BTreeSet<FuncId> {
    let all = cx.program.flow.mro.iter();
    let lines = all.filter(|bases| bases.contains(&MroEntry::Class(class)));
    let functions = lines.flatten().filter_map(|entry| match entry {
        MroEntry::Class(class) => Some(cx.program.methods(*class)),
        MroEntry::External(_) => None,
    });
    let functions = functions.flatten().copied();
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
