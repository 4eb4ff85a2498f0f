//! What is looked up by name in all files: attributes, declarations, strings; and the names of the two ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use loopshift_engine::change::{FileId, Place};
use loopshift_python::ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_stmt};
use loopshift_python::ast::{self, Expr, ExprAttribute, Stmt};
use loopshift_python::scope::fresh;
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};

/// A name in a `global` or `nonlocal` statement.
#[derive(Clone, Copy)]
pub(super) struct Declared {
    /// The name there.
    pub(super) range: TextRange,
}

/// The tables of all files, each made when it is asked for: most files do not have a name that is looked up.
pub(super) struct Texts<'v> {
    cx: &'v Context<'v>,
    tables: RefCell<BTreeMap<FileId, Rc<Table<'v>>>>,
}

/// What one file holds.
#[derive(Default)]
struct Table<'v> {
    attributes: BTreeMap<&'v str, Vec<&'v ExprAttribute>>,
    declared: BTreeMap<&'v str, Vec<Declared>>,
    exported: Vec<String>,
    spelled: BTreeMap<String, TextRange>,
    returned: Vec<&'v Expr>,
    parameters: Vec<&'v str>,
}

impl<'v> Texts<'v> {
    /// The tables, of which none is made yet.
    pub(super) fn new(cx: &'v Context<'v>) -> Self {
        Texts {
            cx,
            tables: RefCell::default(),
        }
    }

    fn table(&self, view: &'v View<'v>) -> Rc<Table<'v>> {
        let known = self.tables.borrow().get(&view.file).map(Rc::clone);
        known.unwrap_or_else(|| {
            let mut reader = Reader {
                table: Table::default(),
                strings: 0,
            };
            reader.visit_body(&view.parsed.syntax().body);
            let table = Rc::new(reader.table);
            let mut tables = self.tables.borrow_mut();
            tables.insert(view.file, Rc::clone(&table));
            table
        })
    }

    fn of(&self, file: FileId) -> Option<Rc<Table<'v>>> {
        Some(self.table(self.cx.view(file)?))
    }

    /// The tables of the files in which a name occurs.
    fn naming<'n>(
        &'n self,
        name: &'n str,
    ) -> impl Iterator<Item = (&'v View<'v>, Rc<Table<'v>>)> + 'n {
        let views = self.cx.views_naming([name]);
        views.map(|view| (view, self.table(view)))
    }

    /// All attributes of that name that are read or written.
    pub(super) fn attributes(&self, name: &str) -> Vec<(FileId, &'v ExprAttribute)> {
        let mut found = Vec::new();
        for (view, table) in self.naming(name) {
            let of_file = table.attributes.get(name).into_iter().flatten();
            found.extend(of_file.map(|attribute| (view.file, *attribute)));
        }
        found
    }

    /// All `global` and `nonlocal` declarations of the name in a file.
    pub(super) fn declared(&self, file: FileId, name: &str) -> Vec<Declared> {
        let table = self.of(file);
        let declared = table.as_ref().and_then(|table| table.declared.get(name));
        declared.cloned().unwrap_or_default()
    }

    /// Whether `__all__` of the file lists the name.
    pub(super) fn is_exported(&self, file: FileId, name: &str) -> bool {
        let lists = |table: Rc<Table<'v>>| table.exported.iter().any(|it| it == name);
        self.of(file).is_some_and(lists)
    }

    /// Where an attribute is named in a string: `getattr(x, "queue")`, `__slots__`.
    pub(super) fn spelled(&self, name: &str) -> Option<Place> {
        self.naming(name).find_map(|(view, table)| {
            let range = table.spelled.get(name)?;
            Some(view.place(*range))
        })
    }

    /// The values of the `return` statements within a range.
    pub(super) fn returned(&self, file: FileId, range: TextRange) -> Vec<&'v Expr> {
        let table = self.of(file);
        let all = table
            .iter()
            .flat_map(|table| table.returned.iter().copied());
        all.filter(|value| range.contains_range(value.range()))
            .collect()
    }

    /// The names of the two ends of what is called `base`: the same in all files, and new in all of them.
    pub(super) fn ends(&self, base: &str) -> (String, String) {
        let (send, receive) = suffixes(base);
        let free = |name: &str| {
            self.naming(name).all(|(view, table)| {
                !table.attributes.contains_key(name)
                    && !table.parameters.contains(&name)
                    && view.is_fresh(name)
            })
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

struct Reader<'v> {
    table: Table<'v>,
    strings: u32,
}

impl<'v> Reader<'v> {
    fn declare(&mut self, names: &'v [ast::Identifier]) {
        for name in names {
            let declared = self.table.declared.entry(name.as_str()).or_default();
            declared.push(Declared {
                range: name.range(),
            });
        }
    }
}

impl<'v> SourceOrderVisitor<'v> for Reader<'v> {
    fn visit_stmt(&mut self, stmt: &'v Stmt) {
        match stmt {
            Stmt::Global(it) => self.declare(&it.names),
            Stmt::Nonlocal(it) => self.declare(&it.names),
            Stmt::Return(it) => {
                self.table.returned.extend(it.value.as_deref());
            }
            Stmt::Assign(assign) => {
                let name = match &assign.targets[..] {
                    [Expr::Name(name)] => name.id.as_str(),
                    _ => "",
                };
                if name == "__all__" {
                    let mut strings = Strings::default();
                    strings.visit_expr(&assign.value);
                    let texts = strings.0.into_iter().map(|(text, _)| text);
                    self.table.exported.extend(texts);
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
            Expr::Attribute(attribute) => {
                let known = self.table.attributes.entry(attribute.attr.as_str());
                known.or_default().push(attribute);
            }
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
                let text = literal.value.to_str().to_owned();
                self.table.spelled.entry(text).or_insert(literal.range());
            }
            _ => {}
        }
        walk_expr(self, expr);
    }

    fn visit_parameter(&mut self, parameter: &'v ast::Parameter) {
        self.table.parameters.push(parameter.name.as_str());
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
