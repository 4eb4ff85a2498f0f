//! Functions with which the program is started from outside: they stay sync, and run an event loop.

use std::collections::BTreeSet;

use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Stmt, StmtFunctionDef};
use loopshift_python::edit::{Edit, Wrap};
use loopshift_python::{Ranged, TextRange};

use crate::common::code::own;
use crate::common::green::{is_coloured, main_name, run};
use crate::context::{Context, View};
use crate::served;

mod request;

/// The body becomes a coroutine that is run.
///
/// # Errors
/// Why it can't.
pub(super) fn edits(
    cx: &Context<'_>,
    view: &View<'_>,
    func: FuncId,
    def: &StmtFunctionDef,
) -> Result<Vec<Edit>, String> {
    if cx.program.function(func).is_generator {
        return Err("it is a generator".to_owned());
    }
    for site in cx.callers.of(func) {
        if site.owner != FuncId::NONE && is_coloured(cx, site.owner) {
            let line = cx.program.line(site.place);
            return Err(format!(
                "it would start an event loop, and is called where one runs, at line {line}"
            ));
        }
    }
    if served::roots(cx.program).contains(&func) {
        request::may_run_a_loop(cx, func)?;
    }
    let body = match &def.body[..] {
        [Stmt::Expr(it), rest @ ..] if it.value.is_string_literal_expr() => rest,
        all => all,
    };
    let (Some(first), Some(last)) = (body.first(), body.last()) else {
        return Err("it has no body".to_owned());
    };
    let range = TextRange::new(first.start(), last.end());
    view.can_wrap(range)?;
    let name = main_name(view).ok_or("all names for a main function are taken")?;
    let nodes = own(body);
    let gives = nodes
        .iter()
        .any(|node| matches!(node, AnyNodeRef::StmtReturn(it) if it.value.is_some()));
    let mut run = run(cx, format!("{name}()"));
    if gives {
        run.insert(0, "return ".into());
    }
    let mut out = vec![Edit::Wrap(Wrap {
        range,
        before: Vec::new(),
        header: vec![format!("async def {name}():").into()],
        last: Vec::new(),
        after: vec![run],
    })];
    let parameters: BTreeSet<&str> = def.parameters.iter().map(|it| it.name().as_str()).collect();
    let bound: BTreeSet<&str> = nodes
        .iter()
        .filter_map(|node| match node {
            AnyNodeRef::ExprName(name) if !name.ctx.is_load() => Some(name.id.as_str()),
            _ => None,
        })
        .filter(|name| parameters.contains(name))
        .collect();
    if !bound.is_empty() {
        let names = bound.into_iter().collect::<Vec<_>>().join(", ");
        let line = format!("nonlocal {names}\n");
        out.push(Edit::insert(first.start(), "{0}", &[line.into()]));
    }
    Ok(out)
}
