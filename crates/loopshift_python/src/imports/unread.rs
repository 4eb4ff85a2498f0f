//! Imports that no code uses and that stay nevertheless.

use ruff_python_ast::Stmt;
use ruff_text_size::{Ranged, TextRange};

use super::strings::names_in_strings;
use super::unused::{aliases, is_marked, key, may_fail, type_comment_words};
use crate::blocks::Blocks;
use crate::comments::comment_ranges;
use crate::parse::ParsedModule;
use crate::scope::Scopes;
use crate::tree::Tree;

/// Why an import that no code uses is not taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A comment tells linters to leave it.
    Marked,
    /// It stands where its failure is caught.
    MayFail,
    /// A comment or a string that type checkers read names it.
    Mentioned,
    /// It is written so that others may import the name from here.
    ForOthers,
    /// Nothing in the module says why.
    Unknown,
}

/// An import of a package that no code of the module uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread<'a> {
    /// The alias.
    pub range: TextRange,
    /// The package.
    pub package: &'a str,
    /// What is imported: the dotted module, or the module and the name.
    pub path: (&'a str, Option<&'a str>),
    /// Why it was not taken out.
    pub kept: Kept,
}

/// The imports of some packages that bind a name which no code of the module reads.
pub fn unread_imports<'a>(
    source: &str,
    parsed: &'a ParsedModule,
    packages: &[&str],
) -> Vec<Unread<'a>> {
    let module = parsed.syntax();
    let scopes = Scopes::new(module);
    let tree = Tree::new(module);
    let comments = comment_ranges(parsed);
    let mut mentioned = names_in_strings(module);
    mentioned.extend(type_comment_words(source, &comments));
    let mut out = Vec::new();
    for stmt in Blocks::new(&module.body).iter().flat_map(|it| it.stmts) {
        let from = match stmt {
            Stmt::Import(_) => None,
            Stmt::ImportFrom(it) if it.level == 0 => Some(it),
            _ => continue,
        };
        let scope = scopes.at(stmt.start());
        for alias in aliases(stmt) {
            let imported = alias.name.as_str();
            let (path, local) = match from {
                Some(it) => ((key(it, alias).1, Some(imported)), imported),
                None => (
                    (imported, None),
                    imported.split('.').next().unwrap_or(imported),
                ),
            };
            let package = path.0.split('.').next().unwrap_or(path.0);
            let local = alias.asname.as_ref().map_or(local, |it| it.as_str());
            let is_read = |it: &crate::scope::Reference<'_>| {
                it.name == local && scopes.resolve(it.name, it.scope) == Some(scope)
            };
            if imported == "*"
                || !packages.contains(&package)
                || scopes.references.iter().any(is_read)
            {
                continue;
            }
            let repeats = alias
                .asname
                .as_ref()
                .is_some_and(|it| it.as_str() == imported);
            let kept = if is_marked(source, &comments, stmt) {
                Kept::Marked
            } else if may_fail(source, &tree, stmt) {
                Kept::MayFail
            } else if mentioned.contains(local) {
                Kept::Mentioned
            } else if repeats {
                Kept::ForOthers
            } else {
                Kept::Unknown
            };
            out.push(Unread {
                range: alias.range(),
                package,
                path,
                kept,
            });
        }
    }
    out
}

/// Where the same import stands in another text of the module.
pub fn same_import(parsed: &ParsedModule, path: (&str, Option<&str>)) -> Option<TextRange> {
    let blocks = Blocks::new(&parsed.syntax().body);
    let mut stmts = blocks.iter().flat_map(|it| it.stmts);
    stmts.find_map(|stmt| {
        let module = match stmt {
            Stmt::Import(_) => None,
            Stmt::ImportFrom(it) if it.level == 0 => it.module.as_deref(),
            _ => return None,
        };
        let same = aliases(stmt).iter().find(|alias| match (module, path.1) {
            (None, None) => alias.name.as_str() == path.0,
            (Some(module), Some(name)) => module == path.0 && alias.name.as_str() == name,
            _ => false,
        });
        same.map(Ranged::range)
    })
}
