//! Collecting the scopes of a module.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    self as ast, ExceptHandler, Expr, ExprContext, Identifier, Pattern, Stmt, TypeParam,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::{Binding, BindingKind, Reference, Scope, ScopeId, ScopeKind};

pub(super) struct Builder<'a> {
    pub(super) scopes: Vec<Scope<'a>>,
    pub(super) references: Vec<Reference<'a>>,
    pub(super) has_star_import: bool,
    current: ScopeId,
}

impl<'a> Builder<'a> {
    /// Only the scope of the module, with this range.
    pub(super) fn new(range: TextRange) -> Self {
        Builder {
            scopes: vec![Scope::new(ScopeKind::Module, None, range, None)],
            references: Vec::new(),
            has_star_import: false,
            current: 0,
        }
    }

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
