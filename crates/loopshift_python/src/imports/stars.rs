//! `from a import *` that a migration left without a use.

use crate::parse::ParsedModule;
use ruff_python_ast::Stmt;
use ruff_text_size::Ranged;

use super::strings::names_in_strings;
use crate::blocks::Blocks;
use crate::edit::Edit;
use crate::scope::Scopes;

/// The removal of `from a import *` for the packages, as edits of `after`: where no name is left that only such an import
/// could bind, and there was one in `before`. `is_known` says which names need no import; `wanted` are the names of the
/// module that other modules take from it.
pub fn unused_stars(
    before: &ParsedModule,
    after: &ParsedModule,
    packages: &[&str],
    wanted: &[&str],
    is_known: impl Fn(&str) -> bool,
) -> Vec<Edit> {
    let stars: Vec<&Stmt> = Blocks::new(&after.syntax().body)
        .iter()
        .flat_map(|it| it.stmts)
        .filter(|stmt| is_star_of(stmt, packages))
        .collect();
    if stars.is_empty() {
        return Vec::new();
    }
    let needs = |parsed: &ParsedModule| {
        let scopes = Scopes::new(parsed.syntax());
        let read = scopes.references.iter();
        let mut read = read.filter(|it| scopes.resolve(it.name, it.scope).is_none());
        let is_open = |name: &str| !is_known(name) && !scopes.scopes[0].bindings.contains_key(name);
        read.any(|it| !is_known(it.name))
            || wanted.iter().any(|name| is_open(name))
            || names_in_strings(parsed.syntax())
                .iter()
                .any(|name| is_open(name))
    };
    if !needs(before) || needs(after) {
        return Vec::new();
    }
    let removal = |stmt: &&Stmt| Edit::DeleteStatement {
        range: stmt.range(),
    };
    stars.iter().map(removal).collect()
}

fn is_star_of(stmt: &Stmt, packages: &[&str]) -> bool {
    let Stmt::ImportFrom(it) = stmt else {
        return false;
    };
    let module = it.module.as_ref().map_or("", |module| module.as_str());
    let root = module.split('.').next().unwrap_or(module);
    it.level == 0
        && packages.contains(&root)
        && it.names.iter().any(|alias| alias.name.as_str() == "*")
}
