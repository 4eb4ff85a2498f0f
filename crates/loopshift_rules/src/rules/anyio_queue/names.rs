//! What is looked up by name in all files: attributes, declarations, strings; and the names of the two ends.

use std::collections::BTreeMap;

use loopshift_engine::change::{FileId, Place};
use loopshift_python::ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_stmt};
use loopshift_python::ast::{self, Expr, ExprAttribute, Stmt};
use loopshift_python::scope::fresh;
use loopshift_python::{Ranged, TextRange};

use crate::context::Context;

/// A name in a `global` or `nonlocal` statement.
#[derive(Clone, Copy)]
pub(super) struct Declared {
    /// The name there.
    pub(super) range: TextRange,
}

/// The tables of all files.
#[derive(Default)]
pub(super) struct Texts<'v> {
    attributes: BTreeMap<&'v str, Vec<(FileId, &'v ExprAttribute)>>,
    declared: BTreeMap<(FileId, &'v str), Vec<Declared>>,
    exported: BTreeMap<FileId, Vec<String>>,
    spelled: BTreeMap<String, Place>,
    returned: BTreeMap<FileId, Vec<&'v Expr>>,
    parameters: Vec<&'v str>,
}

impl<'v> Texts<'v> {
    /// Reads all files once.
    pub(super) fn new(cx: &'v Context<'v>) -> Self {
        let mut texts = Texts::default();
        for view in cx.views() {
            let mut reader = Reader {
                file: view.file,
                texts: &mut texts,
                strings: 0,
            };
            reader.visit_body(&view.parsed.syntax().body);
        }
        texts
    }

    /// All attributes of that name that are read or written.
    pub(super) fn attributes(&self, name: &str) -> Vec<(FileId, &'v ExprAttribute)> {
        self.attributes.get(name).cloned().unwrap_or_default()
    }

    /// All `global` and `nonlocal` declarations of the name in a file.
    pub(super) fn declared(&self, file: FileId, name: &str) -> Vec<Declared> {
        self.declared
            .get(&(file, name))
            .cloned()
            .unwrap_or_default()
    }

    /// Whether `__all__` of the file lists the name.
    pub(super) fn is_exported(&self, file: FileId, name: &str) -> bool {
        self.exported
            .get(&file)
            .is_some_and(|list| list.iter().any(|it| it == name))
    }

    /// Where an attribute is named in a string: `getattr(x, "queue")`, `__slots__`.
    pub(super) fn spelled(&self, name: &str) -> Option<Place> {
        self.spelled.get(name).copied()
    }

    /// The values of the `return` statements within a range.
    pub(super) fn returned(&self, file: FileId, range: TextRange) -> Vec<&'v Expr> {
        let all = self.returned.get(&file).map_or(&[][..], Vec::as_slice);
        all.iter()
            .copied()
            .filter(|value| range.contains_range(value.range()))
            .collect()
    }

    /// The names of the two ends of what is called `base`: the same in all files, and new in all of them.
    pub(super) fn ends(&self, cx: &Context<'_>, base: &str) -> (String, String) {
        let (send, receive) = suffixes(base);
        let free = |name: &str| {
            !self.attributes.contains_key(name)
                && !self.parameters.contains(&name)
                && cx.views().all(|view| view.is_fresh(name))
        };
        (
            fresh(&format!("{base}{send}"), free),
            fresh(&format!("{base}{receive}"), free),
        )
    }
}

/// The suffixes in the style of the name.
fn suffixes(base: &str) -> (&'static str, &'static str) {
    let letters = || base.chars().filter(|c| c.is_alphabetic());
    if letters().next().is_some() && letters().all(char::is_uppercase) && base.len() > 1 {
        return ("_SEND", "_RECEIVE");
    }
    let trimmed = base.trim_start_matches('_');
    let camel = !trimmed.contains('_')
        && trimmed.starts_with(char::is_lowercase)
        && trimmed.contains(char::is_uppercase);
    if camel {
        return ("Send", "Receive");
    }
    ("_send", "_receive")
}

struct Reader<'t, 'v> {
    file: FileId,
    texts: &'t mut Texts<'v>,
    strings: u32,
}

impl<'v> Reader<'_, 'v> {
    fn declare(&mut self, names: &'v [ast::Identifier]) {
        for name in names {
            self.texts
                .declared
                .entry((self.file, name.as_str()))
                .or_default()
                .push(Declared {
                    range: name.range(),
                });
        }
    }
}

impl<'v> SourceOrderVisitor<'v> for Reader<'_, 'v> {
    fn visit_stmt(&mut self, stmt: &'v Stmt) {
        match stmt {
            Stmt::Global(it) => self.declare(&it.names),
            Stmt::Nonlocal(it) => self.declare(&it.names),
            Stmt::Return(it) => {
                if let Some(value) = &it.value {
                    self.texts
                        .returned
                        .entry(self.file)
                        .or_default()
                        .push(value);
                }
            }
            Stmt::Assign(assign) => {
                let name = match &assign.targets[..] {
                    [Expr::Name(name)] => name.id.as_str(),
                    _ => "",
                };
                if name == "__all__" {
                    let mut strings = Strings::default();
                    strings.visit_expr(&assign.value);
                    self.texts
                        .exported
                        .entry(self.file)
                        .or_default()
                        .extend(strings.0.into_iter().map(|(text, _)| text));
                }
                if name == "__slots__" {
                    self.strings += 1;
                    walk_stmt(self, stmt);
                    self.strings -= 1;
                    return;
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'v Expr) {
        match expr {
            Expr::Attribute(attribute) => self
                .texts
                .attributes
                .entry(attribute.attr.as_str())
                .or_default()
                .push((self.file, attribute)),
            Expr::Call(call) => {
                let name = match &*call.func {
                    Expr::Name(name) => name.id.as_str(),
                    Expr::Attribute(attribute) => attribute.attr.as_str(),
                    _ => "",
                };
                if matches!(
                    name,
                    "getattr" | "setattr" | "hasattr" | "delattr" | "attrgetter" | "object"
                ) {
                    self.strings += 1;
                    walk_expr(self, expr);
                    self.strings -= 1;
                    return;
                }
            }
            Expr::StringLiteral(literal) if self.strings > 0 => {
                let place = Place {
                    file: self.file,
                    range: literal.range(),
                };
                self.texts
                    .spelled
                    .entry(literal.value.to_str().to_owned())
                    .or_insert(place);
            }
            _ => {}
        }
        walk_expr(self, expr);
    }

    fn visit_parameter(&mut self, parameter: &'v ast::Parameter) {
        self.texts.parameters.push(parameter.name.as_str());
        loopshift_python::ast::visitor::source_order::walk_parameter(self, parameter);
    }
}

#[derive(Default)]
struct Strings(Vec<(String, TextRange)>);

impl<'a> SourceOrderVisitor<'a> for Strings {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::StringLiteral(literal) = expr {
            self.0
                .push((literal.value.to_str().to_owned(), literal.range()));
        }
        walk_expr(self, expr);
    }
}
