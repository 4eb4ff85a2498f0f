//! Libraries that run on asyncio's event loop and on no other: a module that imports one would not run on trio, whatever
//! becomes of its own code.

use loopshift_engine::program::Input;
use loopshift_python::ast::statement_visitor::{StatementVisitor, walk_body, walk_stmt};
use loopshift_python::ast::{Expr, PythonVersion, Stmt};
use loopshift_python::parse::parse_module;
use loopshift_python::{Ranged, TextRange};
use memchr::memmem;

/// By what is imported. Each says of itself that it is made for asyncio, or calls `asyncio.get_running_loop` in what its
/// users await.
const LIBRARIES: &[&str] = &[
    "aio_pika",
    "aiobotocore",
    "aiofiles",
    "aioftp",
    "aiohttp",
    "aiokafka",
    "aiomysql",
    "aiopg",
    "aioredis",
    "aiosmtplib",
    "aiosqlite",
    "asyncpg",
    "asyncssh",
    "discord",
    "grpc.aio",
    "motor",
    "redis.asyncio",
    "sqlalchemy.ext.asyncio",
    "tornado",
    "uvicorn",
    "uvloop",
    "websockets",
];

/// Parts of them that wait for no event loop.
const BLOCKING: &[&str] = &["websockets.sync"];

/// The imports of such libraries in a file, but for those that only type checkers see.
pub(crate) fn imported(file: &Input, python: PythonVersion) -> Vec<(TextRange, &'static str)> {
    let names = |library: &&&str| {
        let first = library.split('.').next().unwrap_or_default();
        memmem::find(file.text.as_bytes(), first.as_bytes()).is_some()
    };
    let mut imports = Imports {
        named: LIBRARIES.iter().filter(names).copied().collect(),
        found: Vec::new(),
    };
    if imports.named.is_empty() {
        return Vec::new();
    }
    if let Ok(parsed) = parse_module(&file.text, python) {
        imports.visit_body(&parsed.syntax().body);
    }
    imports.found
}

struct Imports {
    named: Vec<&'static str>,
    found: Vec<(TextRange, &'static str)>,
}

impl Imports {
    fn see(&mut self, range: TextRange, name: &str) {
        let is_of = |whole: &str| {
            let rest = name.strip_prefix(whole);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found = self.named.iter().find(|library| is_of(library));
        if let Some(library) = found.filter(|_| !BLOCKING.iter().any(|part| is_of(part))) {
            self.found.push((range, library));
        }
    }
}

impl StatementVisitor<'_> for Imports {
    fn visit_stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.see(alias.range(), alias.name.as_str());
                }
            }
            Stmt::ImportFrom(import) if import.level == 0 => {
                let module = import.module.as_ref().map_or("", |it| it.as_str());
                for alias in &import.names {
                    self.see(alias.range(), &format!("{module}.{}", alias.name));
                }
            }
            Stmt::If(it) if is_type_checking(&it.test) => {
                for clause in &it.elif_else_clauses {
                    walk_body(self, &clause.body);
                }
            }
            _ => walk_stmt(self, stmt),
        }
    }
}

fn is_type_checking(test: &Expr) -> bool {
    match test {
        Expr::Name(name) => name.id == "TYPE_CHECKING",
        Expr::Attribute(it) => it.attr.as_str() == "TYPE_CHECKING",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found_by_what_they_name() {
        let text = "import aiohttp.web, os\nfrom redis import asyncio, Redis\nfrom websockets.sync.client import connect\n\
                    if TYPE_CHECKING:\n    import asyncpg\nelse:\n    import uvloop\nx = '''\nimport motor\n'''\nfrom .aiofiles import a\n";
        let file = Input {
            path: "a.py".to_owned(),
            module: "a".to_owned(),
            is_package: false,
            text: text.to_owned(),
            lines: None,
        };
        let found = imported(&file, PythonVersion::PY311);
        let names: Vec<&str> = found.iter().map(|it| it.1).collect();
        assert_eq!(names, ["aiohttp", "redis.asyncio", "uvloop"]);
    }
}
