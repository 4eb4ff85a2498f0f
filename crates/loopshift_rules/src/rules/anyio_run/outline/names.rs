//! The names that statements share with the rest of their function or module, once they are a function of their own.

use loopshift_engine::change::Place;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::scope::ScopeKind;
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};

/// What statements share with the rest.
pub(super) struct Shared {
    /// `global` or `nonlocal`, and the names behind it.
    pub(super) lines: Vec<(&'static str, String)>,
    /// Whether what they set is only read behind them, so that all that follows has to go along.
    pub(super) needs_rest: bool,
}

/// Looks at the names that are bound in the range. Statements that are `going` count for nothing.
///
/// # Errors
/// Why they can't be shared.
pub(super) fn shared(
    cx: &Context<'_>,
    view: &View<'_>,
    range: TextRange,
    is_module: bool,
    going: &[Place],
) -> Result<Shared, String> {
    let scopes = &view.scopes;
    let own = scopes.at(range.start());
    let wanted = if is_module {
        ScopeKind::Module
    } else {
        ScopeKind::Function
    };
    if scopes.scopes[own].kind != wanted {
        return Err("the event loop is used in the body of a class".to_owned());
    }
    // What looks at the function it stands in would see another one.
    let sees = [
        "super",
        "__class__",
        "locals",
        "vars",
        "eval",
        "exec",
        "globals",
    ];
    let looks = sees.iter().any(|name| {
        let mut read = scopes.references_of(name);
        read.any(|it| range.contains_range(it.range))
    });
    if looks {
        return Err("what stands there looks at the function around it".to_owned());
    }
    let gone = |at: TextRange| {
        let mut going = going.iter();
        going.any(|it| it.file == view.file && it.range.contains_range(at))
    };
    let is_imported = is_module && is_imported(cx, view);
    let mut names: Vec<&str> = Vec::new();
    let mut needs_rest = false;
    for (name, bindings) in &scopes.scopes[own].bindings {
        let kept = || bindings.iter().filter(|it| !gone(it.range));
        if !kept().any(|it| range.contains_range(it.range)) {
            continue;
        }
        let bound_outside = kept().any(|it| !range.contains_range(it.range));
        let outside: Vec<TextRange> = scopes
            .references_of(name)
            .filter(|it| scopes.resolve(name, it.scope) == Some(own))
            .map(|it| it.range)
            .filter(|it| !range.contains_range(*it) && !gone(*it))
            .collect();
        if bound_outside || is_imported || is_module && !outside.is_empty() {
            names.push(name);
        } else if outside.iter().any(|it| it.start() < range.start()) {
            return Err(format!(
                "`{name}` is set there and read in a function before"
            ));
        } else if !outside.is_empty() {
            needs_rest = true;
        }
    }
    let (mut global, mut nonlocal) = if is_module {
        (names, Vec::new())
    } else {
        (Vec::new(), names)
    };
    if !is_module {
        declared(
            view,
            scopes.scopes[own].range,
            range,
            &mut global,
            &mut nonlocal,
        )?;
    }
    let annotates = |node: AnyNodeRef| match node {
        AnyNodeRef::StmtAnnAssign(it) => {
            let name = view.text(it.target.range());
            global.contains(&name) || nonlocal.contains(&name)
        }
        _ => false,
    };
    if view.tree.nodes_within(range).any(annotates) {
        return Err("a name that is shared with the rest is annotated there".to_owned());
    }
    let lines = [("global", global), ("nonlocal", nonlocal)];
    Ok(Shared {
        lines: (lines.into_iter())
            .filter(|(_, names)| !names.is_empty())
            .map(|(keyword, names)| (keyword, names.join(", ")))
            .collect(),
        needs_rest,
    })
}

/// Whether another module may read names of this one.
fn is_imported(cx: &Context<'_>, view: &View<'_>) -> bool {
    let path = cx.program.file(view.file).path.trim_end_matches(".py");
    let stem = path.rsplit('/').next().unwrap_or(path);
    let flow = &cx.program.flow;
    flow.linked.imports.iter().any(|(file, import)| {
        let names = [Some(import.module), import.name];
        let mut names = names.into_iter().flatten().map(|it| flow.text(it));
        *file != view.file && names.any(|it| it.rsplit('.').next() == Some(stem))
    })
}

/// Adds the names that are bound in the range and that a function says are not its own.
///
/// # Errors
/// Where it says so in the range.
fn declared<'v>(
    view: &View<'v>,
    function: TextRange,
    range: TextRange,
    global: &mut Vec<&'v str>,
    nonlocal: &mut Vec<&'v str>,
) -> Result<(), String> {
    for node in view.tree.nodes_within(function) {
        let (names, list) = match node {
            AnyNodeRef::StmtGlobal(it) => (&it.names, &mut *global),
            AnyNodeRef::StmtNonlocal(it) => (&it.names, &mut *nonlocal),
            _ => continue,
        };
        if range.contains_range(node.range()) {
            return Err("a name of the module or function around it is declared there".to_owned());
        }
        for name in names {
            let scopes = view.scopes.scopes.iter();
            let is_bound = scopes
                .filter_map(|scope| scope.bindings.get(name.as_str()))
                .flatten()
                .any(|binding| range.contains_range(binding.range));
            if is_bound {
                list.push(view.text(name.range()));
            }
        }
    }
    Ok(())
}
