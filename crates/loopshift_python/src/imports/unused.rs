//! Imports that a migration left without a use.

use std::collections::{BTreeMap, BTreeSet};

use crate::parse::ParsedModule;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{Alias, AnyNodeRef, ExceptHandler, Expr, Stmt, StmtImportFrom};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::checking;
use super::strings::names_in_strings;
use crate::blocks::Blocks;
use crate::comments::comment_ranges;
use crate::edit::Edit;
use crate::scope::{ScopeId, ScopeKind, Scopes};
use crate::tree::Tree;

/// One alias of an import that binds a name.
struct Site<'a> {
    stmt: &'a Stmt,
    index: usize,
    local: &'a str,
    scope: ScopeId,
    /// The package; empty where a module of the program passes the name on.
    root: &'a str,
}

/// Which imports may go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Removable<'a> {
    /// The packages whose imports go with their last use.
    pub packages: &'a [&'a str],
    /// Those of them whose imports go, too, where nothing used them before, as soon as nothing of the package is used.
    pub finished: &'a [&'a str],
    /// The aliases in the text before that have a name of the packages from a module of the program.
    pub passed_on: &'a [TextRange],
    /// The names of the module that other modules take from it.
    pub wanted: &'a [&'a str],
}

/// An alias of a `from` import, wherever it stands: dots, module, name.
type Key<'a> = (u32, &'a str, &'a str);

/// What of a module is used.
struct Usage<'a> {
    scopes: Scopes<'a>,
    /// Names that are read, by the scope that binds them.
    read: BTreeSet<(ScopeId, &'a str)>,
    /// Names in strings and comments, which may be those of any scope.
    mentioned: BTreeSet<String>,
    sites: Vec<Site<'a>>,
}

/// The removal of those imports of the packages of `which` (`asyncio`) that were used in `before` and are not in `after`, as
/// edits of `after_source`. Names are looked up in their scopes; names in string annotations, `# type:` comments and
/// `__all__` are used. What was unused before stays, and so does what others may see or rely on: names that other modules
/// take from here, `import a as a`, `from a import b as b`, `from a import *`, imports in class bodies or with other
/// bindings of the same name, those with a `# noqa` for them, and those in a `try` that catches the failure of an import.
pub fn unused_imports(
    before_source: &str,
    before: &ParsedModule,
    after_source: &str,
    after: &ParsedModule,
    which: &Removable<'_>,
) -> Vec<Edit> {
    let passed_on = passed_on(before, which.passed_on);
    let old = Usage::new(before_source, before, which.packages, &passed_on);
    let used_before: BTreeSet<(String, &str)> = (old.sites.iter())
        .filter(|site| old.is_used(site))
        .map(|site| (old.path(site.scope), site.local))
        .collect();
    let new = Usage::new(after_source, after, which.packages, &passed_on);
    let is_wanted = |site: &Site| {
        new.scopes.scopes[site.scope].parent.is_none() && which.wanted.contains(&site.local)
    };
    let is_finished = |package: &str| {
        let uses = |site: &Site| site.root == package && new.is_used(site);
        which.finished.contains(&package) && !new.sites.iter().any(uses)
    };
    let tree = Tree::new(after.syntax());
    let comments = comment_ranges(after);
    let mut gone: BTreeMap<TextSize, (&Stmt, BTreeSet<usize>)> = BTreeMap::new();
    for site in &new.sites {
        let removable = !new.is_used(site)
            && !is_wanted(site)
            && (is_finished(site.root)
                || used_before.contains(&(new.path(site.scope), site.local)))
            && !is_marked(after_source, &comments, site.stmt)
            && !may_fail(after_source, &tree, site.stmt);
        if removable {
            let entry = gone.entry(site.stmt.start());
            let (_, indices) = entry.or_insert_with(|| (site.stmt, BTreeSet::new()));
            indices.insert(site.index);
        }
    }
    // A name that something else binds, too, is left alone.
    let removed = |stmt: &Stmt, index: usize| {
        gone.get(&stmt.start())
            .is_some_and(|it| it.1.contains(&index))
    };
    let complete = |site: &Site| {
        let bindings = new.scopes.scopes[site.scope].bindings.get(site.local);
        let same = |it: &&Site| {
            it.scope == site.scope && it.local == site.local && removed(it.stmt, it.index)
        };
        bindings.is_some_and(|it| it.len() == new.sites.iter().filter(same).count())
    };
    let keep: Vec<(TextSize, usize)> = (new.sites.iter())
        .filter(|site| removed(site.stmt, site.index) && !complete(site))
        .map(|site| (site.stmt.start(), site.index))
        .collect();
    for (start, index) in keep {
        if let Some((_, indices)) = gone.get_mut(&start) {
            indices.remove(&index);
        }
    }
    let is_gone = |stmt: &Stmt| {
        let found = gone.get(&stmt.start());
        found.is_some_and(|(_, indices)| indices.len() == aliases(stmt).len())
    };
    let empty = checking::emptied(after, &comments, is_gone);
    let is_inside = |stmt: &Stmt| {
        empty
            .iter()
            .any(|it| it.range().contains_range(stmt.range()))
    };
    let mut edits: Vec<Edit> = (gone.values())
        .filter(|(stmt, _)| !is_inside(stmt))
        .flat_map(|(stmt, indices)| remove(after_source, after, stmt, indices))
        .collect();
    edits.extend(empty.iter().map(|stmt| Edit::DeleteStatement {
        range: stmt.range(),
    }));
    if let Some((stmt, index)) = checking::constant(after, &new.scopes, &empty) {
        edits.extend(remove(after_source, after, stmt, &BTreeSet::from([index])));
    }
    edits
}

/// Those of some aliases that import a name from a module.
fn passed_on<'a>(parsed: &'a ParsedModule, aliases: &[TextRange]) -> BTreeSet<Key<'a>> {
    if aliases.is_empty() {
        return BTreeSet::new();
    }
    let blocks = Blocks::new(&parsed.syntax().body);
    let stmts = blocks.iter().flat_map(|it| it.stmts);
    stmts
        .filter_map(Stmt::as_import_from_stmt)
        .flat_map(|it| it.names.iter().map(move |alias| (it, alias)))
        .filter(|(_, alias)| {
            aliases
                .iter()
                .any(|it| it.contains_range(alias.name.range()))
        })
        .map(|(it, alias)| key(it, alias))
        .collect()
}

/// Whether an import has the name `name` from the module under one of these `aliases` of `before`.
pub fn still_imports(before: &ParsedModule, alias: TextRange, after: &ParsedModule) -> bool {
    let wanted = passed_on(before, &[alias]);
    let blocks = Blocks::new(&after.syntax().body);
    let stmts = blocks.iter().flat_map(|it| it.stmts);
    stmts.filter_map(Stmt::as_import_from_stmt).any(|it| {
        it.names
            .iter()
            .any(|alias| wanted.contains(&key(it, alias)))
    })
}

pub(super) fn key<'a>(stmt: &'a StmtImportFrom, alias: &'a Alias) -> Key<'a> {
    let module = stmt.module.as_ref().map_or("", |it| it.as_str());
    (stmt.level, module, alias.name.as_str())
}

pub(super) fn aliases(stmt: &Stmt) -> &[Alias] {
    match stmt {
        Stmt::Import(it) => &it.names,
        Stmt::ImportFrom(it) => &it.names,
        _ => &[],
    }
}

impl<'a> Usage<'a> {
    fn new(
        source: &str,
        parsed: &'a ParsedModule,
        modules: &[&str],
        passed_on: &BTreeSet<Key<'_>>,
    ) -> Self {
        let module = parsed.syntax();
        let scopes = Scopes::new(module);
        let read = (scopes.references.iter())
            .filter_map(|it| Some((scopes.resolve(it.name, it.scope)?, it.name)))
            .collect();
        let mut mentioned = names_in_strings(module);
        mentioned.extend(type_comment_words(source, &comment_ranges(parsed)));
        let mut sites = Vec::new();
        for stmt in Blocks::new(&module.body).iter().flat_map(|it| it.stmts) {
            let scope = scopes.at(stmt.start());
            let from = match stmt {
                Stmt::Import(_) => None,
                Stmt::ImportFrom(it) => Some(it),
                _ => continue,
            };
            for (index, alias) in aliases(stmt).iter().enumerate() {
                let imported = alias.name.as_str();
                let module = from.map_or(imported, |it| key(it, alias).1);
                let root = module.split('.').next().unwrap_or(module);
                let passed = from.is_some_and(|it| passed_on.contains(&key(it, alias)));
                let ours = modules.contains(&root) && from.is_none_or(|it| it.level == 0);
                let local = match &alias.asname {
                    // The alias that repeats the name says: for others to import.
                    Some(name) if name.as_str() == imported => continue,
                    Some(name) => name.as_str(),
                    None if from.is_some() => imported,
                    None => root,
                };
                let bound = scopes.scopes[scope].bindings.contains_key(local);
                if (ours || passed) && bound && scopes.scopes[scope].kind != ScopeKind::Class {
                    sites.push(Site {
                        stmt,
                        index,
                        local,
                        scope,
                        root: if ours { root } else { "" },
                    });
                }
            }
        }
        Usage {
            scopes,
            read,
            mentioned,
            sites,
        }
    }

    fn is_used(&self, site: &Site) -> bool {
        self.read.contains(&(site.scope, site.local)) || self.mentioned.contains(site.local)
    }

    /// The names of the scopes from the module to this one.
    fn path(&self, scope: ScopeId) -> String {
        let mut names = Vec::new();
        let mut at = Some(scope);
        while let Some(id) = at {
            names.push(self.scopes.scopes[id].name.unwrap_or(""));
            at = self.scopes.scopes[id].parent;
        }
        names.reverse();
        names.join("/")
    }
}

/// The words of `# type:` comments.
pub(super) fn type_comment_words<'s>(
    source: &'s str,
    comments: &[TextRange],
) -> impl Iterator<Item = String> + 's {
    let texts: Vec<&'s str> = (comments.iter())
        .filter_map(|it| {
            let text = source[*it].trim_start_matches('#').trim_start();
            text.strip_prefix("type:")
        })
        .collect();
    texts.into_iter().flat_map(|annotation| {
        let words = annotation.split(|it: char| !(it.is_alphanumeric() || it == '_'));
        words.map(str::to_owned)
    })
}

/// Whether a comment of the statement asks linters to leave it.
pub(super) fn is_marked(source: &str, comments: &[TextRange], stmt: &Stmt) -> bool {
    let line_end = source[stmt.end().to_usize()..]
        .find(['\n', '\r'])
        .map_or(source.len(), |it| stmt.end().to_usize() + it);
    comments
        .iter()
        .filter(|it| it.start() >= stmt.start() && it.end().to_usize() <= line_end)
        .any(|&it| {
            let text = source[it].to_lowercase();
            let noqa = text.split_once("noqa").is_some_and(|(_, rest)| {
                rest.trim_start()
                    .strip_prefix(':')
                    .is_none_or(|it| it.contains("f401"))
            });
            noqa || text.contains("unused-import") || text.contains("w0611")
        })
}

/// Whether the statement stands where the failure of an import is caught.
pub(super) fn may_fail<'a>(source: &str, tree: &Tree<'a>, stmt: &'a Stmt) -> bool {
    let catches = |kind: &Expr| {
        let text = &source[kind.range()];
        ["ImportError", "ModuleNotFoundError", "Exception"]
            .iter()
            .any(|it| text.contains(it))
    };
    tree.ancestors(stmt).any(|node| match node {
        AnyNodeRef::StmtTry(it) => it.handlers.iter().any(|handler| {
            let ExceptHandler::ExceptHandler(handler) = handler;
            handler.type_.as_deref().is_none_or(catches)
        }),
        AnyNodeRef::StmtWith(it) => it.items.iter().any(|it| catches(&it.context_expr)),
        _ => false,
    })
}

/// The edits that remove some aliases of an import, or all of it.
fn remove(source: &str, parsed: &ParsedModule, stmt: &Stmt, gone: &BTreeSet<usize>) -> Vec<Edit> {
    let aliases = aliases(stmt);
    if gone.is_empty() {
        return Vec::new();
    }
    if gone.len() == aliases.len() {
        return vec![Edit::DeleteStatement {
            range: stmt.range(),
        }];
    }
    // A line that a backslash joins to the next can't be left blank.
    let one_line = source[stmt.range()].contains('\\');
    let same_line = |a: usize, b: usize| {
        one_line
            || !source[TextRange::new(aliases[a].end(), aliases[b].start())].contains(['\n', '\r'])
    };
    gone.iter()
        .map(|&at| {
            let mut first = at;
            while first > 0 && same_line(first - 1, first) {
                first -= 1;
            }
            let mut last = at;
            while last + 1 < aliases.len() && same_line(last, last + 1) {
                last += 1;
            }
            let kept = |mut range: std::ops::Range<usize>| range.any(|it| !gone.contains(&it));
            let alias = aliases[at].range();
            Edit::delete(if kept(at + 1..last + 1) {
                TextRange::new(alias.start(), aliases[at + 1].start())
            } else if kept(first..at) {
                TextRange::new(aliases[at - 1].end(), alias.end())
            } else if at < last {
                TextRange::new(alias.start(), aliases[at + 1].start())
            } else {
                // The last of a line that goes: with its comma, up to a comment.
                let after = parsed
                    .tokens()
                    .partition_point(|it| it.start() < alias.end());
                let mut tokens = parsed.tokens()[after..].iter().peekable();
                let mut end = alias.end();
                if let Some(comma) = tokens.next_if(|it| it.kind() == TokenKind::Comma) {
                    end = comma.end();
                }
                if let Some(comment) = tokens.next_if(|it| it.kind() == TokenKind::Comment) {
                    end = comment.start();
                }
                TextRange::new(alias.start(), end)
            })
        })
        .collect()
}
