//! Where the values of names and attributes come from: what is assigned to them, and what callers give the function whose
//! parameter they are.

mod fields;
mod parameters;

use loopshift_engine::change::FileId;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{
    AnyNodeRef, Expr, ExprAttribute, ExprCall, Operator, Stmt, StmtImportFrom,
};
use loopshift_python::scope::{Binding, BindingKind, ScopeId};
use loopshift_python::{Ranged, TextRange};
use memchr::memmem;

use crate::context::{Context, View};

/// Where a value comes from.
pub(crate) enum Origin<'c> {
    /// It is that of an expression.
    Value(&'c View<'c>, &'c Expr),
    /// It is what it was, changed by an expression: `x += …`.
    Changed(Operator, &'c View<'c>, &'c Expr),
    /// It is an element of an expression, or what stands at a place in the element: `for _, x in …`.
    Element(&'c View<'c>, &'c Expr, Option<usize>),
}

/// All that the value of a name or an attribute may come from, one step back; `None` where not all of it is seen.
pub(crate) fn origins<'c>(
    cx: &Context<'c>,
    view: &'c View<'c>,
    expr: &Expr,
) -> Option<Vec<Origin<'c>>> {
    let found = match expr {
        Expr::Name(name) => {
            let name = name.id.as_str();
            let scope = view.scopes.resolve(name, view.scopes.at(expr.start()))?;
            of_name(cx, view, scope, name)?
        }
        Expr::Attribute(attribute) => of_attribute(cx, view, attribute)?,
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

fn of_name<'c>(
    cx: &Context<'c>,
    view: &'c View<'c>,
    scope: ScopeId,
    name: &str,
) -> Option<Vec<Origin<'c>>> {
    let bindings = view.scopes.scopes[scope].bindings.get(name)?;
    let mut out = Vec::new();
    for binding in bindings {
        out.extend(of_binding(cx, view, *binding, name)?);
    }
    // `settings.DELAY = …`, somewhere else.
    if scope == 0 {
        for other in views_giving(cx, name)? {
            for node in other.tree.nodes() {
                if let AnyNodeRef::ExprAttribute(it) = node
                    && is_stored(it, name)
                {
                    out.push(of_store(other, it)?);
                }
            }
        }
    }
    Some(out)
}

fn of_binding<'c>(
    cx: &Context<'c>,
    view: &'c View<'c>,
    binding: Binding,
    name: &str,
) -> Option<Vec<Origin<'c>>> {
    match binding.kind {
        BindingKind::Variable => of_variable(view, binding.range),
        BindingKind::Parameter => view
            .tree
            .around(binding.range)
            .find_map(|node| match node {
                AnyNodeRef::StmtFunctionDef(def) => {
                    Some(parameters::given(cx, view, def, binding.range))
                }
                AnyNodeRef::ExprLambda(_) => Some(None),
                _ => None,
            })?,
        BindingKind::Import => {
            let import = view
                .tree
                .around(binding.range)
                .find_map(|node| match node {
                    AnyNodeRef::StmtImportFrom(it) => Some(it),
                    _ => None,
                })?;
            let mut aliases = import.names.iter();
            let alias = aliases.find(|it| it.range().contains_range(binding.range))?;
            let other = module_of(cx, view, import)?;
            // A module that imports itself, or in a circle.
            (other.file != view.file || alias.name.as_str() != name)
                .then(|| of_name(cx, other, 0, alias.name.as_str()))?
        }
        BindingKind::Function | BindingKind::Class => None,
    }
}

/// What a variable is given where it is bound.
fn of_variable<'c>(view: &'c View<'c>, range: TextRange) -> Option<Vec<Origin<'c>>> {
    let target = view.tree.expr_at(range)?;
    let (target, place) = match view.tree.parent(target)? {
        AnyNodeRef::ExprTuple(it) => (it.range(), Some(place_in(&it.elts, range)?)),
        AnyNodeRef::ExprList(it) => (it.range(), Some(place_in(&it.elts, range)?)),
        _ => (range, None),
    };
    let found = match view.tree.parent(view.tree.expr_at(target)?)? {
        AnyNodeRef::StmtAssign(it) if it.targets.iter().any(|to| to.range() == target) => {
            match place {
                None => Origin::Value(view, &it.value),
                Some(place) => Origin::Value(view, element_at(&it.value, place)?),
            }
        }
        // Only a declaration.
        AnyNodeRef::StmtAnnAssign(it) if it.value.is_none() => return Some(Vec::new()),
        AnyNodeRef::StmtAnnAssign(it) if it.target.range() == target => {
            Origin::Value(view, it.value.as_deref()?)
        }
        AnyNodeRef::StmtAugAssign(it) if it.target.range() == target => {
            Origin::Changed(it.op, view, &it.value)
        }
        AnyNodeRef::ExprNamed(it) if it.target.range() == target => Origin::Value(view, &it.value),
        AnyNodeRef::StmtFor(it) if it.target.range() == target && !it.is_async => {
            Origin::Element(view, &it.iter, place)
        }
        AnyNodeRef::Comprehension(it) if it.target.range() == target && !it.is_async => {
            Origin::Element(view, &it.iter, place)
        }
        _ => return None,
    };
    Some(vec![found])
}

fn place_in(elements: &[Expr], range: TextRange) -> Option<usize> {
    let starred = elements.iter().any(Expr::is_starred_expr);
    let place = elements.iter().position(|it| it.range() == range);
    place.filter(|_| !starred)
}

/// What stands at a place of a tuple or list that is written out.
pub(crate) fn element_at(display: &Expr, place: usize) -> Option<&Expr> {
    let elements = match display {
        Expr::Tuple(it) => &it.elts,
        Expr::List(it) => &it.elts,
        _ => return None,
    };
    let starred = elements.iter().any(Expr::is_starred_expr);
    elements.get(place).filter(|_| !starred)
}

/// The module from which something is imported.
fn module_of<'c>(
    cx: &Context<'c>,
    view: &View<'_>,
    import: &StmtImportFrom,
) -> Option<&'c View<'c>> {
    let module = import.module.as_deref();
    let linked = &cx.program.flow.linked;
    cx.view(linked.imported(view.file, module, import.level)?)
}

fn of_attribute<'c>(
    cx: &Context<'c>,
    view: &View<'_>,
    attribute: &ExprAttribute,
) -> Option<Vec<Origin<'c>>> {
    let name = attribute.attr.as_str();
    let owners: Vec<Value> = cx
        .program
        .values_at(view.place(&*attribute.value))
        .collect();
    if let [Value::Module(file)] = owners[..] {
        return of_name(cx, cx.view(FileId(file))?, 0, name);
    }
    let is_ours = |owner: &Value| matches!(owner, Value::Instance(_) | Value::Class(_));
    if owners.is_empty() || !owners.iter().all(is_ours) {
        return None;
    }
    let mut out = Vec::new();
    if *cx.once(stores_by_text) {
        return None;
    }
    for other in views_giving(cx, name)? {
        given_to(other, name, &mut out)?;
    }
    for owner in owners {
        if let Value::Instance(class) = owner {
            out.extend(fields::given(cx, class, name)?);
        }
    }
    Some(out)
}

/// Whether attributes may be stored by names that are not written out.
fn stores_by_text(cx: &Context<'_>) -> bool {
    let mut files = cx.program.files.iter();
    files.any(|file| {
        let text = file.text.as_bytes();
        memmem::find(text, b"setattr").is_some() || memmem::find(text, b"__dict__").is_some()
    })
}

/// The views of the files that seem to store an attribute of that name, or to bind it in the body of a class; `None` where
/// one is not there.
fn views_giving<'c>(cx: &Context<'c>, name: &str) -> Option<Vec<&'c View<'c>>> {
    let finder = memmem::Finder::new(name);
    let seems = |text: &str| {
        let mut found = finder.find_iter(text.as_bytes());
        found.any(|at| may_bind(&text[..at], &text[at + name.len()..]))
    };
    let files = cx.program.files.iter().enumerate();
    files
        .filter(|(_, file)| seems(&file.text))
        .map(|(index, _)| cx.view(FileId(u32::try_from(index).ok()?)))
        .collect()
}

/// Whether a name between these two texts may be that of an attribute that is stored, or of something in the body of a class.
fn may_bind(before: &str, after: &str) -> bool {
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    if before.ends_with(is_word) || after.starts_with(is_word) {
        return false;
    }
    let rest = after.trim_start_matches([' ', '\t', '\\']);
    // With or without an operator: `+=`.
    let sign = rest.trim_start_matches(['+', '-', '*', '/', '%', '&', '|', '^', '<', '>', '@']);
    let is_bound = !rest.starts_with("==")
        && (sign.starts_with('=')
            || rest.starts_with([':', ',', ')', ']'])
            || rest.starts_with("in "));
    let line = before.rsplit('\n').next().unwrap_or_default();
    let line = line.trim_start();
    line.ends_with('.') && is_bound
        || line.is_empty() && rest.starts_with(['=', ':'])
        || line.ends_with("def ")
}

/// What a file gives attributes of that name, of whatever object; `None` where that can't be followed.
fn given_to<'c>(view: &'c View<'c>, name: &str, out: &mut Vec<Origin<'c>>) -> Option<()> {
    for node in view.tree.nodes() {
        match node {
            AnyNodeRef::ExprAttribute(it) if is_stored(it, name) => out.push(of_store(view, it)?),
            AnyNodeRef::StmtClassDef(class) => {
                for stmt in &class.body {
                    match stmt {
                        Stmt::Assign(it) if it.targets.iter().any(|to| is_name(to, name)) => {
                            out.push(Origin::Value(view, &it.value));
                        }
                        Stmt::AnnAssign(it) if is_name(&it.target, name) => {
                            let default = it.value.as_deref();
                            out.extend(default.map(|value| Origin::Value(view, value)));
                        }
                        // A property.
                        Stmt::FunctionDef(it) if it.name.as_str() == name => return None,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some(())
}

fn is_name(target: &Expr, name: &str) -> bool {
    target.as_name_expr().is_some_and(|it| it.id == name)
}

fn is_stored(attribute: &ExprAttribute, name: &str) -> bool {
    attribute.attr.as_str() == name && !attribute.ctx.is_load()
}

/// What is assigned to an attribute.
fn of_store<'c>(view: &'c View<'c>, attribute: &'c ExprAttribute) -> Option<Origin<'c>> {
    let target = attribute.range();
    match view.tree.parent(attribute)? {
        AnyNodeRef::StmtAssign(it) if it.targets.iter().any(|to| to.range() == target) => {
            Some(Origin::Value(view, &it.value))
        }
        AnyNodeRef::StmtAnnAssign(it) => Some(Origin::Value(view, it.value.as_deref()?)),
        AnyNodeRef::StmtAugAssign(it) => Some(Origin::Changed(it.op, view, &it.value)),
        _ => None,
    }
}

/// Whether a call unpacks some of its arguments, so that which is which can't be seen.
fn is_unpacked(call: &ExprCall) -> bool {
    call.arguments.args.iter().any(Expr::is_starred_expr)
        || call.arguments.keywords.iter().any(|it| it.arg.is_none())
}

/// Whether nothing that mentions the variable, or the attribute, can put something else into what it holds.
pub(crate) fn is_only_read(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let is_read = |view: &View<'_>, mention: &Expr| match view.tree.parent(mention) {
        Some(AnyNodeRef::ExprAttribute(it)) => matches!(
            it.attr.as_str(),
            "values" | "items" | "keys" | "get" | "copy" | "index" | "count" | "pop" | "popleft"
        ),
        Some(AnyNodeRef::ExprSubscript(it)) => {
            it.ctx.is_load() || it.slice.range() == mention.range()
        }
        Some(AnyNodeRef::StmtAugAssign(it)) => it.value.range() == mention.range(),
        _ => true,
    };
    match expr {
        Expr::Name(name) => {
            let scopes = &view.scopes;
            let name = name.id.as_str();
            let Some(scope) = scopes.resolve(name, scopes.at(expr.start())) else {
                return false;
            };
            let mut mentions = scopes
                .references
                .iter()
                .filter(|it| it.name == name && scopes.resolve(name, it.scope) == Some(scope));
            mentions.all(|it| {
                view.tree
                    .expr_at(it.range)
                    .is_some_and(|it| is_read(view, it))
            })
        }
        Expr::Attribute(attribute) => {
            let name = attribute.attr.as_str();
            cx.views_naming([name]).all(|view| {
                view.tree.exprs().all(|expr| match expr {
                    Expr::Attribute(it) if it.attr.as_str() == name => is_read(view, expr),
                    _ => true,
                })
            })
        }
        _ => false,
    }
}
