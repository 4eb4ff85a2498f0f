//! Verification: the engine analyses its own output and finds what no migration may leave behind.

use loopshift_python::ast::visitor::source_order::{self, SourceOrderVisitor};
use loopshift_python::ast::{Expr, Stmt};
use loopshift_python::parse::parse_module;
use loopshift_python::scope::Scopes;
use loopshift_python::{ModModule, ParsedModule, PythonVersion, Ranged, TextRange};
use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::change::FileId;
use crate::externals::{Api, ApiKind, ApiParam, ApiType, Externals};
use crate::flow::value::Value;
use crate::ir::{Arg, ArgKind, Call, CallForm, Node};
use crate::plan::Fault;
use crate::program::{Input, Program, analyse};

/// What verification needs beside the texts.
pub struct Verification<'v> {
    /// The files before.
    pub before: &'v [Input],
    /// The oldest Python.
    pub python: PythonVersion,
    /// What is known of external code.
    pub externals: &'v dyn Externals,
    /// The root package of the target, all of whose names are in the catalog: `anyio`.
    pub target: &'v str,
}

/// Checks the new texts.
pub fn verify(verification: &Verification<'_>, texts: &[(FileId, String)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Other files of the project are no Python.
    let is_python = |file: FileId| verification.before[file.0 as usize].is_python();
    let texts: Vec<&(FileId, String)> = texts.iter().filter(|(file, _)| is_python(*file)).collect();
    faults.par_extend(texts.par_iter().flat_map_iter(|(file, text)| {
        let Ok(new) = parse_module(text, verification.python) else {
            return Vec::new();
        };
        let before = &verification.before[file.0 as usize].text;
        let mut faults = check_names(*file, before, &new, verification.python);
        faults.extend(check_awaits(*file, &new));
        faults
    }));
    let inputs: Vec<Input> = texts
        .iter()
        .map(|(file, text)| {
            let input = &verification.before[file.0 as usize];
            Input {
                text: text.clone(),
                ..input.clone()
            }
        })
        .collect();
    let program = analyse(&inputs, verification.python, verification.externals);
    let files: Vec<FileId> = texts.iter().map(|(file, _)| *file).collect();
    let mut of_target = check_target(&program, &files, verification.target);
    if !of_target.is_empty() {
        // What was wrong before is not the migration's doing.
        let inputs: Vec<Input> = files
            .iter()
            .map(|file| verification.before[file.0 as usize].clone())
            .collect();
        let before = analyse(&inputs, verification.python, verification.externals);
        let known = check_target(&before, &files, verification.target);
        let known: FxHashSet<Fault> = known.into_iter().collect();
        of_target.retain(|fault| !known.contains(fault));
    }
    faults.extend(of_target);
    faults.sort();
    faults.dedup();
    faults
}

/// Names that are read in the new text and bound nowhere, and were not in the old one.
fn check_names(
    file: FileId,
    before: &str,
    new: &ParsedModule,
    python: PythonVersion,
) -> Vec<Fault> {
    let Ok(old) = parse_module(before, python) else {
        return Vec::new();
    };
    let old_scopes = Scopes::new(old.syntax());
    let new_scopes = Scopes::new(new.syntax());
    if new_scopes.has_star_import {
        return Vec::new();
    }
    let unbound = |scopes: &Scopes<'_>, name: &str, scope| {
        scopes.resolve(name, scope).is_none()
            && !crate::flow::is_builtin(name)
            && !is_module_attribute(name)
    };
    let known: FxHashSet<&str> = old_scopes
        .references
        .iter()
        .filter(|reference| unbound(&old_scopes, reference.name, reference.scope))
        .map(|reference| reference.name)
        .collect();
    new_scopes
        .references
        .iter()
        .filter(|reference| unbound(&new_scopes, reference.name, reference.scope))
        .filter(|reference| !known.contains(reference.name))
        .map(|reference| Fault {
            file,
            function: function_name(new.syntax(), reference.range),
            message: format!("the name `{}` would be bound nowhere", reference.name),
        })
        .collect()
}

/// Names that Python binds in every module.
pub(crate) fn is_module_attribute(name: &str) -> bool {
    matches!(
        name,
        "__name__"
            | "__file__"
            | "__doc__"
            | "__package__"
            | "__spec__"
            | "__loader__"
            | "__path__"
    )
}

/// `await`, `async with` and `async for` outside `async def`.
fn check_awaits(file: FileId, parsed: &ParsedModule) -> Vec<Fault> {
    let mut checker = Awaits {
        asynchronous: vec![false],
        found: Vec::new(),
    };
    checker.visit_body(&parsed.syntax().body);
    checker
        .found
        .into_iter()
        .map(|range| Fault {
            file,
            function: function_name(parsed.syntax(), range),
            message: "there would be an `await` outside `async def`".to_owned(),
        })
        .collect()
}

struct Awaits {
    asynchronous: Vec<bool>,
    found: Vec<TextRange>,
}

impl Awaits {
    fn check(&mut self, range: TextRange) {
        if self.asynchronous.last() != Some(&true) {
            self.found.push(range);
        }
    }
}

impl<'a> SourceOrderVisitor<'a> for Awaits {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                self.asynchronous.push(def.is_async);
                self.visit_body(&def.body);
                self.asynchronous.pop();
                return;
            }
            Stmt::With(with) if with.is_async => self.check(with.range),
            Stmt::For(for_) if for_.is_async => self.check(for_.range),
            _ => {}
        }
        source_order::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Await(await_) => self.check(await_.range),
            Expr::Lambda(lambda) => {
                self.asynchronous.push(false);
                self.visit_expr(&lambda.body);
                self.asynchronous.pop();
                return;
            }
            // A generator expression with `await` is an async generator wherever it stands.
            Expr::Generator(_) => {
                self.asynchronous.push(true);
                source_order::walk_expr(self, expr);
                self.asynchronous.pop();
                return;
            }
            _ => {}
        }
        source_order::walk_expr(self, expr);
    }
}

/// Whether the name, or an owner of it, is private: those are listed nowhere.
fn is_private(name: &str) -> bool {
    let mut parts = name.split('.');
    parts.any(|part| part.starts_with('_') && !part.starts_with("__"))
}

/// Whether the name is that of something that every function and class has.
fn is_of_everything(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    matches!(last, "__name__" | "__qualname__" | "__module__" | "__doc__")
}

/// Names of the target that do not exist, members its objects do not have, and coroutines nobody awaits.
fn check_target(program: &Program<'_>, files: &[FileId], target: &str) -> Vec<Fault> {
    let flow = &program.flow;
    let mut faults = Vec::new();
    let of_target = |name: &str| {
        name.strip_prefix(target)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    for (index, module) in flow.linked.modules.iter().enumerate() {
        for (range, node) in &module.exprs {
            for value in flow.values_of(*node) {
                let (Value::External(sym) | Value::ExternalBound(sym, _)) = value else {
                    continue;
                };
                let name = flow.text(sym);
                if !of_target(name) || name.contains("()") {
                    continue;
                }
                // What a constant has is looked at by its type.
                let of_constant = name.rsplit_once('.').is_some_and(|(owner, _)| {
                    let api = flow.externals.api(owner);
                    api.is_some_and(|api| api.kind == ApiKind::Constant)
                });
                let exists = of_constant
                    || is_one_of_several(program, *node, name)
                    || is_of_everything(name)
                    || is_private(name)
                    || flow.externals.api(name).is_some()
                    || is_set(program, name);
                if !exists {
                    faults.push(fault(
                        program,
                        files,
                        index,
                        *range,
                        format!("`{name}` would be used, which does not exist"),
                    ));
                }
            }
        }
    }
    for (file, call) in program.calls() {
        let mut values = flow.values_of(call.callee);
        let (Some(value), None) = (values.next(), values.next()) else {
            continue;
        };
        let (Value::External(sym) | Value::ExternalBound(sym, _)) = value else {
            continue;
        };
        let name = flow.text(sym);
        let Some(api) = flow.externals.api(name).filter(|_| of_target(name)) else {
            continue;
        };
        let mut add = |message: String| {
            faults.push(fault(program, files, file.0 as usize, call.range, message));
        };
        let awaitable = matches!(api.returns, Some(ApiType::Awaitable(_)));
        if call.form == CallForm::Statement && awaitable {
            add(format!("nobody would await `{name}`"));
        }
        if api.kind != ApiKind::Property
            && let Some(argument) = unfit_argument(program, api, call)
        {
            add(format!("`{name}` would be called with {argument}"));
        }
    }
    faults
}

/// Whether what is asked for the member is an exception only among others: what came of a task that was cancelled is one, and
/// nobody looks into that.
fn is_one_of_several(program: &Program<'_>, member: Node, name: &str) -> bool {
    let flow = &program.flow;
    let is_class = |name: &str| {
        flow.externals
            .api(name)
            .is_some_and(|api| api.kind == ApiKind::Class)
    };
    let mut owners = name.match_indices('.').map(|(at, _)| &name[..at]);
    let of_exception = owners.any(|owner| owner.ends_with("Error") && is_class(owner));
    let mut loads = flow.linked.loads.iter();
    of_exception && loads.any(|load| load.to == member && flow.set(load.base).len() > 1)
}

/// An argument that the API does not take, or one that it misses, in words. Where arguments are unpacked nothing is said.
fn unfit_argument(program: &Program<'_>, api: &Api, call: &Call) -> Option<String> {
    let unpacked = |arg: &Arg| matches!(arg.kind, ArgKind::Star | ArgKind::DoubleStar);
    if call.form == CallForm::Decorator || call.args.iter().any(unpacked) {
        return None;
    }
    let takes_any = |param: &ApiParam| param.star || param.double_star;
    let slots = api
        .params
        .iter()
        .filter(|param| !takes_any(param) && !param.keyword_only);
    let positional = call
        .args
        .iter()
        .filter(|arg| arg.kind == ArgKind::Positional)
        .count();
    if positional > slots.clone().count() && !api.params.iter().any(|param| param.star) {
        return Some(format!(
            "{positional} positional arguments, more than it takes"
        ));
    }
    let keywords: Vec<&str> = call
        .args
        .iter()
        .filter_map(|arg| match arg.kind {
            ArgKind::Keyword(sym) => Some(program.flow.text(sym)),
            _ => None,
        })
        .collect();
    for keyword in &keywords {
        let known = api
            .params
            .iter()
            .any(|param| param.double_star || param.name == **keyword);
        if !known {
            return Some(format!("the argument `{keyword}`, which it does not take"));
        }
    }
    let given_by_place: Vec<&str> = slots.take(positional).map(|param| &*param.name).collect();
    api.params
        .iter()
        .filter(|param| !takes_any(param) && !param.optional)
        .find(|param| !given_by_place.contains(&&*param.name) && !keywords.contains(&&*param.name))
        .map(|param| format!("no argument for `{}`", param.name))
}

/// Whether the program itself sets an attribute of that name.
fn is_set(program: &Program<'_>, name: &str) -> bool {
    let attr = name.rsplit('.').next().unwrap_or(name);
    let flow = &program.flow;
    flow.linked
        .stores
        .iter()
        .any(|store| flow.text(store.attr) == attr)
}

fn fault(
    program: &Program<'_>,
    files: &[FileId],
    index: usize,
    range: TextRange,
    message: String,
) -> Fault {
    let place = crate::change::Place {
        file: FileId(u32::try_from(index).unwrap_or(u32::MAX)),
        range,
    };
    let function = program.function_at(place);
    Fault {
        file: files[index],
        function: program.function(function).qualname.to_string(),
        message,
    }
}

/// The qualified name of the innermost `def` around a range; empty at module level.
fn function_name(module: &ModModule, range: TextRange) -> String {
    let mut path: Vec<&str> = Vec::new();
    let mut depth = 0;
    walk(&module.body, &mut Vec::new(), &mut |names, def| {
        if def.contains_range(range) && names.len() > depth {
            depth = names.len();
            path = names.to_vec();
        }
    });
    path.join(".")
}

/// The range of the `def` with this qualified name.
pub(crate) fn find_function(module: &ModModule, qualname: &str) -> Option<TextRange> {
    let mut found = None;
    walk(&module.body, &mut Vec::new(), &mut |names, range| {
        if found.is_none() && names.join(".") == qualname {
            found = Some(range);
        }
    });
    found
}

fn walk<'a>(
    body: &'a [Stmt],
    names: &mut Vec<&'a str>,
    visit: &mut impl FnMut(&[&'a str], TextRange),
) {
    struct Walker<'n, 'a, F> {
        names: &'n mut Vec<&'a str>,
        visit: &'n mut F,
    }
    impl<'a, F: FnMut(&[&'a str], TextRange)> SourceOrderVisitor<'a> for Walker<'_, 'a, F> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::FunctionDef(def) => {
                    self.names.push(def.name.as_str());
                    (self.visit)(self.names, def.range());
                    self.visit_body(&def.body);
                    self.names.pop();
                }
                Stmt::ClassDef(def) => {
                    self.names.push(def.name.as_str());
                    self.visit_body(&def.body);
                    self.names.pop();
                }
                _ => source_order::walk_stmt(self, stmt),
            }
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    Walker { names, visit }.visit_body(body);
}
