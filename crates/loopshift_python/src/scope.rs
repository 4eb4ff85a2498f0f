//! Scopes: which names are bound where, and what a name refers to.
//!
//! A small, per-file view for writing text that binds and uses the right names. It follows Python's rules: functions,
//! lambdas, comprehensions, class bodies (invisible from inner scopes), `global`, `nonlocal`, type parameters.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    self as ast, ExceptHandler, Expr, ExprContext, Identifier, ModModule, Pattern, Stmt, TypeParam,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::parse::with_deep_stack;

/// A scope of a [`Scopes`], by number; the module is 0.
pub type ScopeId = usize;

/// What opens a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// The module.
    Module,
    /// A class body.
    Class,
    /// The body of a `def`.
    Function,
    /// The body of a `lambda`.
    Lambda,
    /// A comprehension or generator expression, without its first iterable.
    Comprehension,
    /// The part of a generic definition where its type parameters are visible.
    TypeParams,
}

/// How a name is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingKind {
    /// `import a`, `from a import b`.
    Import,
    /// `def`.
    Function,
    /// `class`.
    Class,
    /// A parameter.
    Parameter,
    /// Any other: assignment, loop variable, `with … as`, `except … as`, pattern, `del`.
    Variable,
}

/// One place that binds a name.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// How.
    pub kind: BindingKind,
    /// The name there; for an import, the alias.
    pub range: TextRange,
}

/// One scope.
#[derive(Debug)]
pub struct Scope<'a> {
    /// What opens it.
    pub kind: ScopeKind,
    /// The scope around it.
    pub parent: Option<ScopeId>,
    /// Where it holds.
    pub range: TextRange,
    /// A part of `range` that belongs to the scope outside: the first iterable of a comprehension.
    pub hole: Option<TextRange>,
    /// The name of the function or class.
    pub name: Option<&'a str>,
    /// What it binds.
    pub bindings: BTreeMap<&'a str, Vec<Binding>>,
    globals: BTreeSet<&'a str>,
    nonlocals: BTreeSet<&'a str>,
}

/// A name that is read (or deleted, or both read and written by `+=`).
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// The name.
    pub name: &'a str,
    /// Where.
    pub range: TextRange,
    /// The scope it is read in.
    pub scope: ScopeId,
}

/// All scopes of a module.
#[derive(Debug)]
pub struct Scopes<'a> {
    /// The scopes, outer before inner, in the order of the source.
    pub scopes: Vec<Scope<'a>>,
    /// The names that are read, in the order of the source.
    pub references: Vec<Reference<'a>>,
    /// Whether `from … import *` occurs: any name may then be bound.
    pub has_star_import: bool,
}

impl<'a> Scopes<'a> {
    /// Collects the scopes of a module.
    pub fn new(module: &'a ModModule) -> Self {
        let mut builder = Builder {
            scopes: vec![Scope::new(ScopeKind::Module, None, module.range(), None)],
            references: Vec::new(),
            has_star_import: false,
            current: 0,
        };
        with_deep_stack(|| builder.visit_body(&module.body));
        Scopes {
            scopes: builder.scopes,
            references: builder.references,
            has_star_import: builder.has_star_import,
        }
    }

    /// The innermost scope at `offset`.
    pub fn at(&self, offset: TextSize) -> ScopeId {
        self.scopes
            .iter()
            .rposition(|it| it.holds(offset))
            .unwrap_or(0)
    }

    /// The scope that binds `name` as seen from `scope`; none where the name is a builtin or unknown.
    pub fn resolve(&self, name: &str, scope: ScopeId) -> Option<ScopeId> {
        let mut at = Some(scope);
        while let Some(id) = at {
            let it = &self.scopes[id];
            if it.globals.contains(name) {
                return self.scopes[0].bindings.contains_key(name).then_some(0);
            }
            let visible = id == scope || it.kind != ScopeKind::Class;
            if visible && it.bindings.contains_key(name) {
                return Some(id);
            }
            at = it.parent;
        }
        None
    }

    /// Whether `scope` runs as part of importing the module, not in a function called later.
    pub fn runs_at_import(&self, scope: ScopeId) -> bool {
        let mut at = Some(scope);
        while let Some(id) = at {
            let it = &self.scopes[id];
            if matches!(it.kind, ScopeKind::Function | ScopeKind::Lambda) {
                return false;
            }
            at = it.parent;
        }
        true
    }

    /// Whether `name` is bound anywhere in the file, attributes of classes aside.
    pub fn is_bound_anywhere(&self, name: &str) -> bool {
        self.scopes
            .iter()
            .any(|it| it.kind != ScopeKind::Class && it.bindings.contains_key(name))
    }

    /// Whether `name` is bound or read anywhere in the file.
    pub fn is_used_anywhere(&self, name: &str) -> bool {
        self.scopes.iter().any(|it| it.bindings.contains_key(name))
            || self.references.iter().any(|it| it.name == name)
    }

    /// All names that are bound or read in the file.
    pub fn names(&self) -> BTreeSet<&'a str> {
        let bound = self
            .scopes
            .iter()
            .flat_map(|it| it.bindings.keys().copied());
        bound
            .chain(self.references.iter().map(|it| it.name))
            .collect()
    }

    /// Whether a new variable `name` in `scope` would neither change the meaning of a name in the scope or those inside,
    /// nor be hidden by one.
    pub fn is_free(&self, scope: ScopeId, name: &str) -> bool {
        let inside = |mut id: ScopeId| {
            loop {
                if id == scope {
                    return true;
                }
                let Some(parent) = self.scopes[id].parent else {
                    return false;
                };
                id = parent;
            }
        };
        let bound = |it: (ScopeId, &Scope)| {
            inside(it.0)
                && (it.1.bindings.contains_key(name)
                    || it.1.globals.contains(name)
                    || it.1.nonlocals.contains(name))
        };
        !self.scopes.iter().enumerate().any(bound)
            && !self
                .references
                .iter()
                .any(|it| it.name == name && inside(it.scope))
    }

    /// A name for a new variable in `scope`: `base`, or else `base_`, `base_2`, `base_3`, …
    pub fn fresh_name(&self, scope: ScopeId, base: &str) -> String {
        fresh(base, |name| self.is_free(scope, name))
    }
}

/// `base`, `base_`, `base_2`, …: the first that is free.
pub fn fresh(base: &str, is_free: impl Fn(&str) -> bool) -> String {
    let numbered = (2u32..).map(|number| format!("{base}_{number}"));
    [base.to_owned(), format!("{base}_")]
        .into_iter()
        .chain(numbered)
        .find(|name| is_free(name))
        .unwrap_or_else(|| base.to_owned())
}

impl<'a> Scope<'a> {
    fn new(
        kind: ScopeKind,
        parent: Option<ScopeId>,
        range: TextRange,
        name: Option<&'a str>,
    ) -> Self {
        Scope {
            kind,
            parent,
            range,
            hole: None,
            name,
            bindings: BTreeMap::new(),
            globals: BTreeSet::new(),
            nonlocals: BTreeSet::new(),
        }
    }

    fn holds(&self, offset: TextSize) -> bool {
        self.kind == ScopeKind::Module
            || (self.range.contains(offset) && !self.hole.is_some_and(|it| it.contains(offset)))
    }
}

struct Builder<'a> {
    scopes: Vec<Scope<'a>>,
    references: Vec<Reference<'a>>,
    has_star_import: bool,
    current: ScopeId,
}

impl<'a> Builder<'a> {
    fn bind(&mut self, name: &'a str, kind: BindingKind, range: TextRange) {
        self.bind_in(self.current, name, kind, range);
    }

    fn bind_in(&mut self, scope: ScopeId, name: &'a str, kind: BindingKind, range: TextRange) {
        let mut target = scope;
        if self.scopes[scope].globals.contains(name) {
            target = 0;
        } else if self.scopes[scope].nonlocals.contains(name) {
            let mut outer = self.scopes[scope].parent;
            while let Some(id) = outer {
                if self.scopes[id].kind == ScopeKind::Function
                    && self.scopes[id].bindings.contains_key(name)
                {
                    target = id;
                    break;
                }
                outer = self.scopes[id].parent;
            }
        }
        let bindings = &mut self.scopes[target].bindings;
        bindings
            .entry(name)
            .or_default()
            .push(Binding { kind, range });
    }

    fn bind_identifier(&mut self, name: &'a Identifier, kind: BindingKind) {
        self.bind(name.as_str(), kind, name.range());
    }

    fn within(
        &mut self,
        kind: ScopeKind,
        range: TextRange,
        name: Option<&'a str>,
        f: impl FnOnce(&mut Self),
    ) {
        let outer = self.current;
        self.scopes.push(Scope::new(kind, Some(outer), range, name));
        self.current = self.scopes.len() - 1;
        f(self);
        self.current = outer;
    }

    /// Runs `f` in a scope of type parameters, where there are some.
    fn with_type_params(
        &mut self,
        params: Option<&'a ast::TypeParams>,
        end: TextSize,
        f: impl FnOnce(&mut Self),
    ) {
        match params {
            None => f(self),
            Some(params) => {
                let range = TextRange::new(params.start(), end.max(params.start()));
                self.within(ScopeKind::TypeParams, range, None, |this| {
                    this.visit_type_params(params);
                    f(this);
                });
            }
        }
    }

    fn visit_function(&mut self, def: &'a ast::StmtFunctionDef) {
        for decorator in &def.decorator_list {
            self.visit_decorator(decorator);
        }
        self.bind_identifier(&def.name, BindingKind::Function);
        for parameter in &*def.parameters {
            if let Some(default) = parameter.default() {
                self.visit_expr(default);
            }
        }
        self.with_type_params(def.type_params.as_deref(), def.end(), |this| {
            for parameter in &*def.parameters {
                if let Some(annotation) = parameter.annotation() {
                    this.visit_expr(annotation);
                }
            }
            if let Some(returns) = &def.returns {
                this.visit_expr(returns);
            }
            let range = body_range(&def.body, def.range());
            this.within(
                ScopeKind::Function,
                range,
                Some(def.name.as_str()),
                |this| {
                    for parameter in &*def.parameters {
                        this.bind_identifier(parameter.name(), BindingKind::Parameter);
                    }
                    this.visit_body(&def.body);
                },
            );
        });
    }

    fn visit_class(&mut self, class: &'a ast::StmtClassDef) {
        for decorator in &class.decorator_list {
            self.visit_decorator(decorator);
        }
        self.bind_identifier(&class.name, BindingKind::Class);
        self.with_type_params(class.type_params.as_deref(), class.end(), |this| {
            if let Some(arguments) = &class.arguments {
                this.visit_arguments(arguments);
            }
            let range = body_range(&class.body, class.range());
            this.within(ScopeKind::Class, range, Some(class.name.as_str()), |this| {
                this.visit_body(&class.body);
            });
        });
    }

    fn visit_comprehension_expr(
        &mut self,
        range: TextRange,
        generators: &'a [ast::Comprehension],
        elements: &[&'a Expr],
    ) {
        let Some(first) = generators.first() else {
            return;
        };
        self.visit_expr(&first.iter);
        self.within(ScopeKind::Comprehension, range, None, |this| {
            let current = this.current;
            this.scopes[current].hole = Some(first.iter.range());
            for (at, generator) in generators.iter().enumerate() {
                if at > 0 {
                    this.visit_expr(&generator.iter);
                }
                this.visit_expr(&generator.target);
                for test in &generator.ifs {
                    this.visit_expr(test);
                }
            }
            for element in elements {
                this.visit_expr(element);
            }
        });
    }
}

fn body_range(body: &[Stmt], whole: TextRange) -> TextRange {
    let start = body.first().map_or(whole.end(), Ranged::start);
    TextRange::new(start.min(whole.end()), whole.end())
}

impl<'a> Visitor<'a> for Builder<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => self.visit_function(def),
            Stmt::ClassDef(class) => self.visit_class(class),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = match &alias.asname {
                        Some(name) => name.as_str(),
                        None => alias.name.split('.').next().unwrap_or(""),
                    };
                    self.bind(name, BindingKind::Import, alias.range());
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    if alias.name.as_str() == "*" {
                        self.has_star_import = true;
                    } else {
                        let name = alias.asname.as_ref().unwrap_or(&alias.name);
                        self.bind(name.as_str(), BindingKind::Import, alias.range());
                    }
                }
            }
            Stmt::Global(global) => {
                let current = self.current;
                self.scopes[current]
                    .globals
                    .extend(global.names.iter().map(Identifier::as_str));
            }
            Stmt::Nonlocal(nonlocal) => {
                let current = self.current;
                self.scopes[current]
                    .nonlocals
                    .extend(nonlocal.names.iter().map(Identifier::as_str));
            }
            Stmt::AugAssign(assign) => {
                if let Expr::Name(name) = &*assign.target {
                    self.references.push(Reference {
                        name: name.id.as_str(),
                        range: name.range(),
                        scope: self.current,
                    });
                }
                visitor::walk_stmt(self, stmt);
            }
            Stmt::TypeAlias(alias) => {
                self.visit_expr(&alias.name);
                self.with_type_params(alias.type_params.as_deref(), alias.end(), |this| {
                    this.visit_expr(&alias.value);
                });
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => {
                if name.ctx != ExprContext::Load {
                    self.bind(name.id.as_str(), BindingKind::Variable, name.range());
                }
                if matches!(
                    name.ctx,
                    ExprContext::Load | ExprContext::Del | ExprContext::Invalid
                ) {
                    self.references.push(Reference {
                        name: name.id.as_str(),
                        range: name.range(),
                        scope: self.current,
                    });
                }
            }
            Expr::Named(named) => {
                self.visit_expr(&named.value);
                if let Expr::Name(name) = &*named.target {
                    // Binds outside of all comprehensions around it.
                    let mut scope = self.current;
                    while self.scopes[scope].kind == ScopeKind::Comprehension {
                        scope = self.scopes[scope].parent.unwrap_or(0);
                    }
                    self.bind_in(scope, name.id.as_str(), BindingKind::Variable, name.range());
                }
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    for parameter in &**parameters {
                        if let Some(default) = parameter.default() {
                            self.visit_expr(default);
                        }
                    }
                }
                self.within(ScopeKind::Lambda, lambda.body.range(), None, |this| {
                    if let Some(parameters) = &lambda.parameters {
                        for parameter in &**parameters {
                            this.bind_identifier(parameter.name(), BindingKind::Parameter);
                        }
                    }
                    this.visit_expr(&lambda.body);
                });
            }
            Expr::ListComp(it) => {
                self.visit_comprehension_expr(it.range(), &it.generators, &[&it.elt]);
            }
            Expr::SetComp(it) => {
                self.visit_comprehension_expr(it.range(), &it.generators, &[&it.elt]);
            }
            Expr::Generator(it) => {
                self.visit_comprehension_expr(it.range(), &it.generators, &[&it.elt]);
            }
            Expr::DictComp(it) => {
                let mut elements: Vec<&Expr> = Vec::new();
                elements.extend(it.key.as_deref());
                elements.push(&it.value);
                self.visit_comprehension_expr(it.range(), &it.generators, &elements);
            }
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(it) = handler;
        if let Some(name) = &it.name {
            self.bind_identifier(name, BindingKind::Variable);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(it) => it.name.as_ref(),
            Pattern::MatchStar(it) => it.name.as_ref(),
            Pattern::MatchMapping(it) => it.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.bind_identifier(name, BindingKind::Variable);
        }
        visitor::walk_pattern(self, pattern);
    }

    fn visit_type_param(&mut self, param: &'a TypeParam) {
        self.bind_identifier(param.name(), BindingKind::Variable);
        visitor::walk_type_param(self, param);
    }
}
