//! `setup.py`, as far as it says things without computing them.

use std::ops::Range;

use loopshift_python::ast::{Expr, ExprList, Keyword, Stmt};
use loopshift_python::parse::parse_module;
use loopshift_python::{ModModule, PythonVersion, Ranged};

use super::Found;
use super::list::{Entry, List, Role, Shape};
use super::version::{Constraint, requirement};

/// What `setup.py` holds.
pub(super) fn setup_py(text: &str) -> Found {
    let mut found = Found::default();
    let Ok(parsed) = parse_module(text, PythonVersion::latest()) else {
        found.reason = Some("it can't be parsed".to_owned());
        return found;
    };
    let module = parsed.syntax();
    let Some(keywords) = module.body.iter().find_map(setup_call) else {
        return found;
    };
    for keyword in keywords {
        let Some(name) = keyword.arg.as_ref() else {
            continue;
        };
        match name.as_str() {
            "python_requires" => {
                let value = resolve(module, &keyword.value);
                if let Some(Expr::StringLiteral(literal)) = value {
                    found.python =
                        Constraint::pep440(literal.value.to_str()).and_then(|it| it.python());
                }
            }
            "install_requires" => match resolve(module, &keyword.value) {
                Some(Expr::List(list)) => match strings(list) {
                    Some(list) => found.lists.push(list),
                    None => found.reason = Some(COMPUTED.to_owned()),
                },
                _ => found.reason = Some(COMPUTED.to_owned()),
            },
            _ => {}
        }
    }
    found
}

const COMPUTED: &str = "its requirements are computed";

/// The keywords of a call of `setup` that is a statement of the module.
fn setup_call(stmt: &Stmt) -> Option<&[Keyword]> {
    match stmt {
        Stmt::Expr(stmt) => match &*stmt.value {
            Expr::Call(call) => {
                let is_setup = match &*call.func {
                    Expr::Name(name) => name.id == "setup",
                    Expr::Attribute(attribute) => attribute.attr.as_str() == "setup",
                    _ => false,
                };
                is_setup.then_some(&*call.arguments.keywords)
            }
            _ => None,
        },
        Stmt::If(stmt) => stmt.body.iter().find_map(setup_call),
        _ => None,
    }
}

/// The expression, or what the one assignment of the module gives the name.
fn resolve<'m>(module: &'m ModModule, expr: &'m Expr) -> Option<&'m Expr> {
    let Expr::Name(name) = expr else {
        return Some(expr);
    };
    let mut values = module.body.iter().filter_map(|stmt| match stmt {
        Stmt::Assign(assign) => assign
            .targets
            .iter()
            .any(|target| matches!(target, Expr::Name(it) if it.id == name.id))
            .then_some(&*assign.value),
        _ => None,
    });
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

fn strings(list: &ExprList) -> Option<List> {
    let offset = |range: loopshift_python::TextRange| -> Range<usize> {
        range.start().to_usize()..range.end().to_usize()
    };
    let mut entries = Vec::new();
    for element in &list.elts {
        let Expr::StringLiteral(literal) = element else {
            return None;
        };
        let range = offset(element.range());
        let (name, constraint) = match requirement(literal.value.to_str()) {
            Some((name, constraint)) => (name, Some(constraint)),
            None => (String::new(), None),
        };
        entries.push(Entry {
            name,
            constraint,
            text: range.start + 1..range.end - 1,
            range,
        });
    }
    let range = offset(list.range());
    Some(List {
        role: Role::Runtime,
        shape: Shape::Array(range.start + 1, range.end - 1),
        entries,
    })
}
