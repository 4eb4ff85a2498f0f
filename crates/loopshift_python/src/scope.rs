//! Scopes: which names are bound where, and what a name refers to.
//!
//! A small, per-file view for writing text that binds and uses the right names. It follows Python's rules: functions,
//! lambdas, comprehensions, class bodies (invisible from inner scopes), `global`, `nonlocal`, type parameters.

mod build;

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::ModModule;
use ruff_python_ast::visitor::Visitor;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::forest::Forest;
use crate::parse::with_deep_stack;
use build::Builder;

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
    /// The scopes by their ranges alone: one in the hole of a comprehension lies in the comprehension, though it belongs to
    /// a scope outside.
    ranges: Forest,
    /// The scopes that bind or declare each name, by the name.
    bound: Vec<(&'a str, ScopeId)>,
    /// The places of `references`, by the name that is read there.
    read: Vec<u32>,
}

impl<'a> Scopes<'a> {
    /// Collects the scopes of a module.
    pub fn new(module: &'a ModModule) -> Self {
        let mut builder = Builder::new(module.range());
        with_deep_stack(|| builder.visit_body(&module.body));
        let scopes = builder.scopes.iter().enumerate();
        let mut bound: Vec<(&str, ScopeId)> = scopes
            .flat_map(|(id, scope)| {
                let names = scope.bindings.keys().chain(&scope.globals);
                names.chain(&scope.nonlocals).map(move |name| (*name, id))
            })
            .collect();
        bound.sort_unstable();
        let references = &builder.references;
        let mut read: Vec<u32> = (0..).take(references.len()).collect();
        read.sort_unstable_by_key(|at| (references[*at as usize].name, *at));
        let ranges = builder.scopes.iter().map(|it| it.range);
        Scopes {
            ranges: Forest::new((0..).zip(ranges)),
            bound,
            read,
            scopes: builder.scopes,
            references: builder.references,
            has_star_import: builder.has_star_import,
        }
    }

    /// The innermost scope at `offset`.
    pub fn at(&self, offset: TextSize) -> ScopeId {
        let mut around = self.ranges.around(offset).map(|(id, _)| id as ScopeId);
        around
            .find(|&id| self.scopes[id].holds(offset))
            .unwrap_or(0)
    }

    /// The places that read `name`, in the order of the source.
    pub fn references_of<'s>(
        &'s self,
        name: &str,
    ) -> impl Iterator<Item = &'s Reference<'a>> + use<'s, 'a> {
        let named = |at: &u32| self.references[*at as usize].name;
        let from = self.read.partition_point(|at| named(at) < name);
        let to = self.read.partition_point(|at| named(at) <= name);
        let places = self.read[from..to].iter();
        places.map(|at| &self.references[*at as usize])
    }

    /// The scopes that bind or declare `name`, and those that read it.
    fn occurrences<'s>(
        &'s self,
        name: &str,
    ) -> (
        &'s [(&'a str, ScopeId)],
        impl Iterator<Item = ScopeId> + use<'s, 'a>,
    ) {
        let from = self.bound.partition_point(|it| it.0 < name);
        let to = self.bound.partition_point(|it| it.0 <= name);
        let read = self.references_of(name).map(|it| it.scope);
        (&self.bound[from..to], read)
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
        let (scopes, _) = self.occurrences(name);
        scopes.iter().any(|&(_, id)| {
            let it = &self.scopes[id];
            it.kind != ScopeKind::Class && it.bindings.contains_key(name)
        })
    }

    /// Whether `name` is bound or read anywhere in the file.
    pub fn is_used_anywhere(&self, name: &str) -> bool {
        let (scopes, mut read) = self.occurrences(name);
        read.next().is_some()
            || scopes
                .iter()
                .any(|&(_, id)| self.scopes[id].bindings.contains_key(name))
    }

    /// All names that are bound or read in the file.
    pub fn names(&self) -> BTreeSet<&'a str> {
        let bound = self.scopes.iter().flat_map(|it| it.bindings.keys());
        let read = self.references.iter().map(|it| it.name);
        bound.copied().chain(read).collect()
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
        let (scopes, mut read) = self.occurrences(name);
        !scopes.iter().any(|&(_, id)| inside(id)) && !read.any(inside)
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
