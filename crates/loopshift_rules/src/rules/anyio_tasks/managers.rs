//! Context managers of the program that look at what leaves their block, and would take a task that was told to stop for
//! one that failed: `with ignoring(asyncio.CancelledError): await task`.

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, Node};
use loopshift_python::ast::{AnyNodeRef, Expr, StmtFunctionDef};
use loopshift_python::{Ranged, TextRange};

use super::failure::{handlers, in_suite, types_of};
use crate::common::calling::generators;
use crate::common::cancellation::is_cancelled_error;
use crate::common::code::{definition, own};
use crate::context::{Context, View};

/// How many managers are entered within each other.
const DEPTH: u32 = 4;

/// The innermost block of the function around a place whose manager may tell the two apart.
pub(super) fn looking(cx: &Context<'_>, view: &View<'_>, range: TextRange) -> Option<TextRange> {
    within(cx, view, range, DEPTH)
}

fn within(cx: &Context<'_>, view: &View<'_>, range: TextRange, depth: u32) -> Option<TextRange> {
    for node in view.tree.around(range) {
        match node {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return None,
            AnyNodeRef::StmtWith(with) if in_suite(&with.body, range) => {
                let mut items = with.items.iter().map(|it| &it.context_expr);
                if depth > 0 && items.any(|it| looks(cx, view, it, depth - 1)) {
                    return Some(with.range());
                }
            }
            _ => {}
        }
    }
    None
}

fn looks(cx: &Context<'_>, view: &View<'_>, manager: &Expr, depth: u32) -> bool {
    let mut values = cx.program.values_at(view.place(manager));
    if values.any(|it| match it {
        Value::Instance(class) => is_asked(cx, class),
        Value::Manager(yields) => catches(cx, yields, depth),
        _ => false,
    }) {
        return true;
    }
    // It is told what to look for.
    manager.as_call_expr().is_some_and(|call| {
        let mut arguments = call.arguments.args.iter();
        types_of(cx, view, call).is_none() && arguments.any(|it| is_cancelled_error(cx, view, it))
    })
}

/// Whether the generator with these yields catches what is raised where it stands at one.
fn catches(cx: &Context<'_>, yields: Node, depth: u32) -> bool {
    let generator = cx.once(generators).get(&yields).copied();
    let Some((view, def)) = generator.and_then(|it| definition(cx, it)) else {
        return false;
    };
    let mut nodes = own(&def.body).into_iter();
    nodes.any(|node| {
        let AnyNodeRef::ExprYield(it) = node else {
            return false;
        };
        let around = handlers(cx, view, it.range());
        (around.iter()).any(|(_, catches, _)| catches.cancelled || catches.errors_first)
            || within(cx, view, it.range(), depth).is_some()
    })
}

/// Whether the exit of the class asks for the class of what left the block.
fn is_asked(cx: &Context<'_>, class: ClassId) -> bool {
    let mro = &cx.program.flow.mro[class.0 as usize];
    let classes = mro.iter().filter_map(|it| match it {
        MroEntry::Class(class) => Some(*class),
        MroEntry::External(_) => None,
    });
    let mut methods = classes.flat_map(|it| cx.program.methods(it).iter());
    methods.any(|method| {
        let name = cx.program.function(*method).name();
        matches!(name, "__exit__" | "__aexit__")
            && definition(cx, *method).is_some_and(|(_, def)| asks(def))
    })
}

fn asks(def: &StmtFunctionDef) -> bool {
    let names = |wanted: &dyn Fn(&str) -> bool| {
        let mut nodes = own(&def.body).into_iter();
        nodes.any(|node| match node {
            AnyNodeRef::ExprName(it) => wanted(it.id.as_str()),
            AnyNodeRef::ExprAttribute(it) => wanted(it.attr.as_str()),
            _ => false,
        })
    };
    let mut given = def.parameters.iter().skip(1);
    given.any(|it| names(&|name| name == it.name().as_str()))
        && names(&|name| {
            matches!(
                name,
                "CancelledError" | "Exception" | "isinstance" | "issubclass"
            )
        })
}
