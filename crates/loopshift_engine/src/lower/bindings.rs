//! Which names a body binds, and whether it yields.

use loopshift_python::ast::visitor::{self, Visitor};
use loopshift_python::ast::{self, Expr, Pattern, Stmt};
use rustc_hash::FxHashSet;

/// The names that a body binds.
#[derive(Debug, Default)]
pub(crate) struct Bindings<'a> {
    pub(crate) bound: Vec<&'a str>,
    pub(crate) globals: Vec<&'a str>,
    pub(crate) nonlocals: Vec<&'a str>,
}

/// Collects what `body` binds in its own scope.
pub(crate) fn collect(body: &[Stmt], walrus: bool) -> Bindings<'_> {
    let mut collector = Collector {
        bindings: Bindings::default(),
        walrus,
    };
    collector.visit_body(body);
    collector.bindings
}

struct Collector<'a> {
    bindings: Bindings<'a>,
    walrus: bool,
}

impl<'a> Collector<'a> {
    fn bind(&mut self, name: &'a str) {
        if !self.bindings.bound.contains(&name) || self.bindings.bound.len() > 64 {
            self.bindings.bound.push(name);
        }
    }

    fn target(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => self.bind(name.id.as_str()),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|elt| self.target(elt)),
            Expr::List(list) => list.elts.iter().for_each(|elt| self.target(elt)),
            Expr::Starred(starred) => self.target(&starred.value),
            _ => {}
        }
    }

    fn pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchValue(_) | Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(sequence) => {
                sequence
                    .patterns
                    .iter()
                    .for_each(|pattern| self.pattern(pattern));
            }
            Pattern::MatchMapping(mapping) => {
                mapping
                    .patterns
                    .iter()
                    .for_each(|pattern| self.pattern(pattern));
                if let Some(rest) = &mapping.rest {
                    self.bind(rest.as_str());
                }
            }
            Pattern::MatchClass(class) => {
                class
                    .arguments
                    .patterns
                    .iter()
                    .for_each(|pattern| self.pattern(pattern));
                for keyword in &class.arguments.keywords {
                    self.pattern(&keyword.pattern);
                }
            }
            Pattern::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.bind(name.as_str());
                }
            }
            Pattern::MatchAs(as_) => {
                if let Some(name) = &as_.name {
                    self.bind(name.as_str());
                }
                if let Some(pattern) = &as_.pattern {
                    self.pattern(pattern);
                }
            }
            Pattern::MatchOr(or) => {
                or.patterns.iter().for_each(|pattern| self.pattern(pattern));
            }
        }
    }
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                self.bind(def.name.as_str());
                if self.walrus {
                    for decorator in &def.decorator_list {
                        self.visit_expr(&decorator.expression);
                    }
                }
                return;
            }
            Stmt::ClassDef(def) => {
                self.bind(def.name.as_str());
                return;
            }
            Stmt::Assign(assign) => assign.targets.iter().for_each(|target| self.target(target)),
            Stmt::AugAssign(assign) => self.target(&assign.target),
            Stmt::AnnAssign(assign) => self.target(&assign.target),
            Stmt::TypeAlias(alias) => self.target(&alias.name),
            Stmt::For(for_) => self.target(&for_.target),
            Stmt::With(with) => {
                for item in &with.items {
                    if let Some(target) = &item.optional_vars {
                        self.target(target);
                    }
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.bind(import_binding(alias));
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    if name.as_str() != "*" {
                        self.bind(name.as_str());
                    }
                }
            }
            Stmt::Try(try_) => {
                for handler in &try_.handlers {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    if let Some(name) = &handler.name {
                        self.bind(name.as_str());
                    }
                }
            }
            Stmt::Match(match_) => {
                for case in &match_.cases {
                    self.pattern(&case.pattern);
                }
            }
            Stmt::Global(global) => {
                self.bindings
                    .globals
                    .extend(global.names.iter().map(ast::Identifier::as_str));
            }
            Stmt::Nonlocal(nonlocal) => {
                self.bindings
                    .nonlocals
                    .extend(nonlocal.names.iter().map(ast::Identifier::as_str));
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if !self.walrus {
            return;
        }
        match expr {
            Expr::Lambda(_) => return,
            Expr::Named(named) => self.target(&named.target),
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// The name that `import a.b` or `import a.b as c` binds.
pub(crate) fn import_binding(alias: &ast::Alias) -> &str {
    match &alias.asname {
        Some(name) => name.as_str(),
        None => alias.name.as_str().split('.').next().unwrap_or_default(),
    }
}

/// Adds the names that any function below declares `global` or `nonlocal`; gives those that are `global`.
pub(crate) fn collect_shared<'a>(
    body: &'a [Stmt],
    shared: &mut FxHashSet<&'a str>,
) -> Vec<&'a str> {
    struct Shared<'a, 'b> {
        names: &'b mut FxHashSet<&'a str>,
        globals: Vec<&'a str>,
    }
    impl<'a> Visitor<'a> for Shared<'a, '_> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::Global(global) => {
                    let names = global.names.iter().map(ast::Identifier::as_str);
                    self.names.extend(names.clone());
                    self.globals.extend(names);
                }
                Stmt::Nonlocal(nonlocal) => {
                    let names = nonlocal.names.iter().map(ast::Identifier::as_str);
                    self.names.extend(names);
                }
                _ => visitor::walk_stmt(self, stmt),
            }
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut found = Shared {
        names: shared,
        globals: Vec::new(),
    };
    found.visit_body(body);
    found.globals
}

/// The names that statements assign, for loops and `try` blocks.
pub(crate) fn assigned<'a>(bodies: &[&'a [Stmt]], walrus: bool) -> Vec<&'a str> {
    let mut names: Vec<&'a str> = Vec::new();
    for body in bodies {
        names.extend(collect(body, walrus).bound);
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The names in an assignment target.
pub(crate) fn assigned_targets(target: &Expr) -> Vec<&str> {
    let mut collector = Collector {
        bindings: Bindings::default(),
        walrus: false,
    };
    collector.target(target);
    collector.bindings.bound
}

/// Whether the body has a `yield` of its own.
pub(crate) fn has_yield(body: &[Stmt]) -> bool {
    struct Yields(bool);
    impl<'a> Visitor<'a> for Yields {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            if !self.0 && !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                visitor::walk_stmt(self, stmt);
            }
        }
        fn visit_expr(&mut self, expr: &'a Expr) {
            match expr {
                Expr::Yield(_) | Expr::YieldFrom(_) => self.0 = true,
                Expr::Lambda(_) => {}
                _ if self.0 => {}
                _ => visitor::walk_expr(self, expr),
            }
        }
    }
    let mut yields = Yields(false);
    yields.visit_body(body);
    yields.0
}

/// Whether the expression has a `yield` of its own.
pub(crate) fn expr_has_yield(expr: &Expr) -> bool {
    matches!(expr, Expr::Yield(_) | Expr::YieldFrom(_))
}

/// What a walrus in an expression binds.
pub(crate) fn collect_expr(expr: &Expr) -> Bindings<'_> {
    let mut collector = Collector {
        bindings: Bindings::default(),
        walrus: true,
    };
    collector.visit_expr(expr);
    collector.bindings
}
