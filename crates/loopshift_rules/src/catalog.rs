//! The catalog: tables that say what each API is, what it returns, whether it suspends, and what it becomes.
//!
//! The tables are TOML files under `catalog/`, part of the program. A user's own rows have the same
//! format and come on top ([`Catalog::with_user_rows`]). How a row is written stands in
//! `docs/catalog.md`; [`row`] reads one.

pub mod row;
pub mod signature;
mod tables;
pub mod template;
pub mod types;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

pub use row::{Api, Form, Kind, Safety, Target};
pub use signature::{Argument, BindError, Parameter, ParameterKind, Signature};
pub use template::{Part, Template};
pub use types::{Callback, Derived, Hook, Operand, Passed, Type};

/// The class that every class derives from.
const OBJECT: &str = "builtins.object";

/// A chain of bases longer than this is a cycle in a user's rows.
const DEPTH: usize = 16;

/// Rows in the order of their names.
fn by_name<'a>(rows: impl Iterator<Item = &'a Api>) -> impl Iterator<Item = &'a Api> {
    let mut rows: Vec<&Api> = rows.collect();
    rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    rows.into_iter()
}

/// The first part of a dotted name.
fn top(name: &str) -> &str {
    name.split_once('.').map_or(name, |(top, _)| top)
}

/// A version of two numbers, as Python and the libraries count what they added: `3.11`, `4.15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The number before the dot.
    pub major: u16,
    /// The number after the dot.
    pub minor: u16,
}

impl Version {
    /// `Version::new(4, 15)`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Version { major, minor }
    }

    /// Reads `4.15`; a third number is not accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Version::new(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogError {
    /// The file, as the caller named it.
    pub origin: String,
    /// The API whose row is wrong, where the error lies in a row.
    pub api: Option<String>,
    /// What is wrong, in a sentence without its full stop.
    pub message: String,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(api) = &self.api {
            write!(f, "`{api}`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for CatalogError {}

/// All known APIs by their canonical names.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    apis: FxHashMap<Box<str>, Api>,
    aliases: FxHashMap<Box<str>, Box<str>>,
    /// The first parts of all names: most names of a program begin otherwise, and are looked up often.
    tops: FxHashSet<Box<str>>,
    /// The rows for all other names of a module (`gevent.socket.*`), by the module.
    rests: FxHashMap<Box<str>, Box<str>>,
    /// The libraries that a user\'s rows say something about.
    own: BTreeSet<Box<str>>,
}

/// A table as it stands in a file. Other keys belong to others: `loopshift.toml` has rows among its settings.
#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    api: Vec<row::Row>,
}

impl Catalog {
    /// The catalog of the program, without a user's rows.
    ///
    /// # Panics
    /// If a table of the program is wrong, which a test excludes.
    pub fn builtin() -> &'static Catalog {
        static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
            Catalog::load(tables::TABLES).unwrap_or_else(|error| panic!("{error}"))
        });
        &BUILTIN
    }

    /// The catalog of the program with rows on top, each text with the name of its file.
    /// A row of a user replaces the program's row of the same name.
    pub fn with_user_rows(tables: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
        let mut catalog = Catalog::builtin().clone();
        for (origin, text) in tables {
            for api in read(origin, text)? {
                if let Some(old) = catalog.apis.remove(&api.name) {
                    for alias in &old.aliases {
                        catalog.aliases.remove(alias);
                    }
                }
                if api.is_decided() {
                    catalog.own.insert(top(&api.name).into());
                }
                catalog.add(origin, api)?;
            }
        }
        catalog.inherit();
        Ok(catalog)
    }

    /// The libraries that a user's rows say something about.
    pub fn own_libraries(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(|name| &**name)
    }

    /// Whether the API belongs to a library that a user's rows say something about.
    pub fn is_own(&self, api: &str) -> bool {
        self.own.contains(top(api))
    }

    /// Reads tables into a new catalog.
    fn load(tables: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
        let mut catalog = Catalog::default();
        for (origin, text) in tables {
            for api in read(origin, text)? {
                catalog.add(origin, api)?;
            }
        }
        catalog.inherit();
        catalog.mirror();
        Ok(catalog)
    }

    /// Gives modules that have the names of another one its rows.
    fn mirror(&mut self) {
        let modules: Vec<(Box<str>, Box<str>)> = self
            .iter()
            .filter(|api| api.kind == Kind::Module)
            .filter_map(|api| Some((api.name.clone(), api.same_as.clone()?)))
            .collect();
        for (module, of) in &modules {
            let mut rows: Vec<Api> = self
                .members(of)
                .filter(|api| api.kind != Kind::Module)
                .map(|api| api.mirrored(of, module, &modules))
                .collect();
            // A name with a row of its own is another thing, and so are its members.
            rows.retain(|row| {
                let rest = &row.name[module.len() + 1..];
                let first = format!("{module}.{}", top(rest));
                !self.apis.contains_key(first.as_str())
                    && !self.aliases.contains_key(first.as_str())
            });
            rows.push(Api::rest_of(module, of));
            for row in rows {
                self.insert(row);
            }
        }
    }

    fn add(&mut self, origin: &str, api: Api) -> Result<(), CatalogError> {
        let error = |message: String| CatalogError {
            origin: origin.to_owned(),
            api: Some(api.name.to_string()),
            message,
        };
        if self.apis.contains_key(&api.name) {
            return Err(error("there is a row of that name already".to_owned()));
        }
        for alias in &api.aliases {
            if self.apis.contains_key(alias) {
                return Err(error(format!("the alias `{alias}` is a row of its own")));
            }
            if let Some(other) = self.aliases.insert(alias.clone(), api.name.clone()) {
                return Err(error(format!("`{alias}` is an alias of `{other}` too")));
            }
        }
        for name in api.aliases.iter().chain([&api.name]) {
            self.tops.insert(top(name).into());
        }
        self.insert(api);
        Ok(())
    }

    fn insert(&mut self, api: Api) {
        if let Some(module) = api.name.strip_suffix(".*") {
            self.rests.insert(module.into(), api.name.clone());
        }
        self.apis.insert(api.name.clone(), api);
    }

    /// Gives members the rule or the reason of their class where they have none of their own.
    fn inherit(&mut self) {
        // A class comes before its members.
        let undecided: Vec<Box<str>> = self
            .iter()
            .filter(|api| !api.is_decided())
            .map(|api| api.name.clone())
            .collect();
        for name in undecided {
            let class = name
                .rsplit_once('.')
                .and_then(|(class, _)| self.apis.get(class));
            let Some((rule, why_not)) =
                class.map(|class| (class.rule.clone(), class.why_not.clone()))
            else {
                continue;
            };
            if let Some(api) = self.apis.get_mut(&name) {
                api.rule = rule;
                api.why_not = why_not;
            }
        }
    }

    /// The row of a name: canonical, an alias (`asyncio.locks.Lock.acquire`), a member that its class inherits
    /// (`asyncio.PriorityQueue.put` is `asyncio.Queue.put`), or one of the other names of a module that has those of
    /// another module (`gevent.socket.*` for `gevent.socket.AF_INET`).
    pub fn get(&self, name: &str) -> Option<&Api> {
        if !self.tops.contains(top(name)) {
            return None;
        }
        if let Some(api) = self.apis.get(name) {
            return Some(api);
        }
        if let Some(canonical) = self.unalias(name) {
            return self.get(&canonical);
        }
        let dot = last_dot(name)?;
        self.inherited(&name[..dot], &name[dot + 1..], DEPTH)
            .or_else(|| self.rest_of_module(name))
    }

    /// The row for all other names of the module around `name`, where that has the names of another module.
    fn rest_of_module(&self, name: &str) -> Option<&Api> {
        let mut module = name;
        loop {
            let inner = module;
            module = &module[..last_dot(module)?];
            if let Some(rest) = self.rests.get(module) {
                // What the name begins with has a row of its own: then it has no such member.
                let own = self
                    .apis
                    .get(inner)
                    .is_some_and(|api| api.same_as.is_none());
                return self.apis.get(rest).filter(|_| !own);
            }
        }
    }

    /// The name elsewhere that a name stands for: `socket.AF_INET` for `gevent.socket.AF_INET`.
    pub fn same_as(&self, name: &str) -> Option<String> {
        let api = self.get(name)?;
        let same = api.same_as.as_deref()?;
        Some(match api.name.strip_suffix('*') {
            Some(module) => format!("{same}.{}", name.strip_prefix(module)?),
            None => same.to_owned(),
        })
    }

    /// The row of `member` in `class` or in the bases of `class`, depth first.
    pub fn member(&self, class: &str, member: &str) -> Option<&Api> {
        self.member_within(class, member, DEPTH)
    }

    fn member_within(&self, class: &str, member: &str, depth: usize) -> Option<&Api> {
        let class = match self.unalias(class) {
            Some(canonical) => Cow::Owned(canonical),
            None => Cow::Borrowed(class),
        };
        if let Some(api) = self.apis.get(format!("{class}.{member}").as_str()) {
            return Some(api);
        }
        self.inherited(&class, member, depth)
    }

    /// The row of `member` in the bases of `class`, whose name is canonical.
    fn inherited(&self, class: &str, member: &str, depth: usize) -> Option<&Api> {
        let depth = depth.checked_sub(1)?;
        let class = self.apis.get(class)?;
        let inherited = class
            .bases
            .iter()
            .find_map(|base| self.member_within(base, member, depth));
        let is_class = matches!(class.kind, Kind::Class | Kind::Exception);
        inherited.or_else(|| {
            let object = format!("{OBJECT}.{member}");
            self.apis.get(object.as_str()).filter(|_| is_class)
        })
    }

    /// The members that `class` has itself, and what is in them (`TaskHandle.Status.PENDING`), ordered by name.
    pub fn members(&self, class: &str) -> impl Iterator<Item = &Api> {
        let is_member = move |api: &&Api| {
            let rest = api.name.strip_prefix(class);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        by_name(self.apis.values().filter(is_member))
    }

    /// The canonical form of a name: what stands in front of it replaced where that is an alias. Names that the
    /// catalog doesn't know stay as they are.
    pub fn canonical<'name>(&self, name: &'name str) -> Cow<'name, str> {
        match self.unalias(name) {
            Some(canonical) => Cow::Owned(canonical),
            None => Cow::Borrowed(name),
        }
    }

    fn unalias(&self, name: &str) -> Option<String> {
        if !self.tops.contains(top(name)) || self.apis.contains_key(name) {
            return None;
        }
        let mut end = name.len();
        loop {
            let prefix = &name[..end];
            if let Some(canonical) = self.aliases.get(prefix) {
                return Some(format!("{canonical}{}", &name[end..]));
            }
            end = last_dot(prefix)?;
        }
    }

    /// Whether `class` is `base` or derives from it, as far as the catalog knows.
    pub fn is_subclass(&self, class: &str, base: &str) -> bool {
        let (class, base) = (self.canonical(class), self.canonical(base));
        let mut seen = vec![class];
        let mut next = 0;
        while let Some(class) = seen.get(next).cloned() {
            if class == base {
                return true;
            }
            next += 1;
            for parent in self
                .apis
                .get(class.as_ref())
                .iter()
                .flat_map(|api| &api.bases)
            {
                let parent = self.canonical(parent);
                if !seen.contains(&parent) {
                    seen.push(parent);
                }
            }
        }
        false
    }

    /// Whether the catalog has rows of the library `name` (`asyncio`): then a name of it without a row doesn't exist.
    pub fn knows_library(&self, name: &str) -> bool {
        matches!(name, "asyncio" | "anyio") && self.apis.contains_key(name)
    }

    /// All rows, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Api> {
        by_name(self.apis.values())
    }

    /// All aliases with the canonical names they stand for, ordered by alias.
    pub fn aliases(&self) -> BTreeMap<&str, &str> {
        self.aliases
            .iter()
            .map(|(alias, name)| (&**alias, &**name))
            .collect()
    }
}

/// Where the last part of a dotted name begins, before its dot. This is asked millions of times.
fn last_dot(name: &str) -> Option<usize> {
    memchr::memrchr(b'.', name.as_bytes())
}

/// Reads the rows of one text.
fn read(origin: &str, text: &str) -> Result<Vec<Api>, CatalogError> {
    let table: Table = toml::from_str(text).map_err(|error| CatalogError {
        origin: match error.span() {
            Some(span) => format!("{origin}:{}", line_of(text, span.start)),
            None => origin.to_owned(),
        },
        api: None,
        message: error.message().to_owned(),
    })?;
    table
        .api
        .into_iter()
        .map(|row| {
            let (name, line) = (row.name(), line_of(text, row.position()));
            Api::from_row(row).map_err(|message| CatalogError {
                origin: format!("{origin}:{line}"),
                api: Some(name),
                message,
            })
        })
        .collect()
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Catalog, CatalogError> {
        Catalog::with_user_rows(&[("loopshift.toml", text)])
    }

    #[test]
    fn names_are_found_by_alias_and_through_bases() {
        let catalog = Catalog::builtin();
        let name = |name: &str| catalog.get(name).map(|api| api.name.to_string());
        assert_eq!(
            name("asyncio.locks.Lock.acquire").as_deref(),
            Some("asyncio.Lock.acquire")
        );
        assert_eq!(
            name("asyncio.PriorityQueue.put").as_deref(),
            Some("asyncio.Queue.put")
        );
        assert_eq!(
            name("asyncio.tasks.Task.add_done_callback").as_deref(),
            Some("asyncio.Future.add_done_callback")
        );
        assert_eq!(name("asyncio.no_such_name"), None);
        assert_eq!(
            name("asyncio.TimeoutError.args").as_deref(),
            Some("builtins.BaseException.args")
        );
        assert_eq!(
            name("asyncio.Task.__class__").as_deref(),
            Some("builtins.object.__class__")
        );
        assert_eq!(
            catalog.canonical("asyncio.tasks.Task.cancel"),
            "asyncio.Task.cancel"
        );
        assert_eq!(catalog.canonical("elsewhere.Lock"), "elsewhere.Lock");
        assert!(catalog.is_subclass("asyncio.SelectorEventLoop", "asyncio.AbstractEventLoop"));
        assert!(!catalog.is_subclass("asyncio.Future", "asyncio.Task"));
    }

    #[test]
    fn members_take_the_rule_of_their_class() {
        let catalog = Catalog::builtin();
        assert_eq!(
            catalog.get("asyncio.Queue.put").unwrap().rule.as_deref(),
            Some("anyio-queue")
        );
        assert!(
            catalog
                .get("asyncio.DatagramTransport.sendto")
                .unwrap()
                .why_not
                .is_some()
        );
    }

    #[test]
    fn a_users_row_adds_or_replaces() {
        let catalog = with(
            "[settings]\nother = 1\n[[api]]\nname = \"ours.pause\"\nkind = \"function\"\nsignature = \"(seconds=0)\"\n\
             suspends = true\nanyio = \"await {@anyio}.sleep({seconds})\"\n[[api]]\nname = \"asyncio.sleep\"\n\
             kind = \"function\"\nsignature = \"(delay)\"\nwhy_not = \"not here\"\n",
        )
        .unwrap();
        assert!(catalog.get("ours.pause").unwrap().suspends);
        assert_eq!(
            catalog.get("asyncio.sleep").unwrap().why_not.as_deref(),
            Some("not here")
        );
        assert_eq!(catalog.get("asyncio.tasks.sleep"), None);
    }

    #[test]
    fn errors_name_the_file_the_line_and_the_row() {
        let message = |text: &str| with(text).unwrap_err().to_string();
        assert_eq!(
            message(
                "\n[[api]]\nname = \"a.b\"\nkind = \"function\"\nsignature = \"(x)\"\nruns = [\"y\"]\n"
            ),
            "loopshift.toml:3: `a.b`: `runs` names `y`, which is no parameter of `(x)`"
        );
        assert!(
            message("[[api]]\nname = \"a.b\"\nkind = \"thing\"\n")
                .starts_with("loopshift.toml:3: unknown variant `thing`")
        );
        assert!(
            message("[[api]]\nname = \"a.b\"\nkind = \"function\"\nsuspend = true\n")
                .contains("unknown field `suspend`")
        );
        let twice =
            "[[api]]\nname = \"a.b\"\nkind = \"module\"\naliases = [\"asyncio.locks.Lock\"]\n";
        assert!(message(twice).contains("is an alias of `asyncio.Lock` too"));
    }
}
