//! One row of the catalog: what an API is.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use super::Version;
use super::signature::Signature;
use super::template::Template;
use super::types::{Callback, Hook, Type};

/// What sort of symbol an API is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A function of a module.
    Function,
    /// A class that is no exception.
    Class,
    /// A method; its name holds the class.
    Method,
    /// A property or attribute of instances.
    Property,
    /// A value of a module or class.
    #[default]
    Constant,
    /// A module.
    Module,
    /// A class of exceptions.
    Exception,
}

/// Whether a replacement keeps the behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// Same behaviour.
    #[default]
    Safe,
    /// It may differ in the way the row's `note` says.
    Unsafe,
    /// Shown, never applied.
    Manual,
}

/// What a program is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The standard library's own.
    Asyncio,
    /// AnyIO.
    Anyio,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::Asyncio => "asyncio",
            Target::Anyio => "anyio",
        })
    }
}

/// A replacement, with the oldest version of the target that has what it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The oldest version of the target, where it is not every one.
    pub since: Option<Version>,
    /// What takes the place of the call, or of the name where there is no signature.
    pub template: Template,
    /// Whether it keeps the behaviour.
    pub safety: Safety,
}

/// What is known of one API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Api {
    /// The canonical name: `asyncio.Queue.put`.
    pub name: Box<str>,
    /// What sort of symbol it is.
    pub kind: Kind,
    /// Other names of the same object: `asyncio.queues.Queue`.
    pub aliases: Box<[Box<str>]>,
    /// The classes that a class derives from.
    pub bases: Box<[Box<str>]>,
    /// The parameters, without `self`. Functions, classes, methods and exceptions have them.
    pub signature: Option<Signature>,
    /// What a call gives, or what the property or constant is. A class gives its instance.
    pub returns: Type,
    /// Whether waiting for it may switch to another task.
    pub suspends: bool,
    /// Whether the call blocks its thread.
    pub blocks: bool,
    /// The libraries of green threads that make a call that blocks switch instead, once they have patched the
    /// standard library: `gevent`, `eventlet`.
    pub cooperative: Box<[Box<str>]>,
    /// Whether a call that blocks runs no code of the program, and changes nothing but its own object.
    pub apart: bool,
    /// The name elsewhere of the same object, or of what it takes the place of: `queue.Empty` for `gevent.queue.Empty`.
    /// For a module the one whose names it has, besides those with rows of their own.
    pub same_as: Option<Box<str>>,
    /// Whether the API keeps its arguments or shows them to other code. `print` doesn't.
    pub escapes: bool,
    /// The indices of the parameters that its object keeps, which other members give back. A class keeps what the
    /// parameter holds.
    pub keeps: Box<[usize]>,
    /// Whether it runs what it calls as a task of its own.
    pub spawns: bool,
    /// Whether it awaits what the functions that it calls give, where these are async; they may be both.
    pub awaits: bool,
    /// The parameters that it calls.
    pub calls: Box<[Callback]>,
    /// The methods of a derived class that it calls, with the types of what it gives them.
    pub hooks: Box<[Hook]>,
    /// The indices of the parameters that are coroutines, or hold some, that it awaits or schedules.
    pub runs: Box<[usize]>,
    /// The first version that has it: of Python, or of the library where that is not part of Python.
    pub since: Option<Version>,
    /// The last version that has it.
    pub until: Option<Version>,
    /// The structured rule that decides what becomes of it.
    pub rule: Option<Box<str>>,
    /// Why it has no replacement; beside a rule, why what the rule doesn't move stays.
    pub why_not: Option<Box<str>>,
    /// What is worth knowing; for an unsafe replacement how the behaviour may differ.
    pub note: Option<Box<str>>,
    /// The indices of the parameters that a replacement leaves out, unsafely where they are given.
    pub drops: Box<[usize]>,
    /// Names that, where the program mentions one, make it say something else than its replacement.
    pub spoiled_by: Box<[Box<str>]>,
    forms: BTreeMap<Target, Vec<Form>>,
}

impl Api {
    /// The replacement for `target`, with `oldest` the oldest version of it that the project allows.
    pub fn replacement(&self, target: Target, oldest: Version) -> Option<&Form> {
        let forms = self.forms.get(&target)?;
        forms
            .iter()
            .filter(|form| form.since.is_none_or(|since| since <= oldest))
            .max_by_key(|form| form.since)
    }

    /// All replacements for `target`.
    pub fn forms(&self, target: Target) -> &[Form] {
        self.forms.get(&target).map_or(&[], Vec::as_slice)
    }

    /// Whether the row says what becomes of it: a replacement, a rule, or a reason why not.
    pub fn is_decided(&self) -> bool {
        !self.forms.is_empty()
            || self.rule.is_some()
            || self.why_not.is_some()
            || self.same_as.is_some()
    }

    /// The same under the name that the module `module` has it by, which has all names of the module `of`. What only
    /// blocks because nobody patched the standard library suspends there, and what it gives is of such a module, too:
    /// `modules` has all of them, each with the one whose names it has.
    pub(super) fn mirrored(&self, of: &str, module: &str, modules: &[(Box<str>, Box<str>)]) -> Api {
        let renamed = |name: &str| -> Box<str> {
            match name.strip_prefix(of) {
                Some(rest) if rest.starts_with('.') => format!("{module}{rest}").into(),
                _ => name.into(),
            }
        };
        let library = super::top(module);
        let beside = |name: &str| {
            modules.iter().find_map(|(other, same)| {
                let is_it = super::top(other) == library && other.ends_with(&**same);
                let rest = name.strip_prefix(&**same).filter(|_| is_it)?;
                rest.starts_with('.')
                    .then(|| format!("{other}{rest}").into())
            })
        };
        let green = self.cooperative.iter().any(|name| &**name == library);
        let mut api = self.clone();
        api.name = renamed(&self.name);
        api.same_as = Some(self.name.clone());
        api.aliases = Box::default();
        api.bases = self.bases.iter().map(|base| renamed(base)).collect();
        api.returns = self.returns.renamed(&|name| {
            if name.starts_with(of) {
                renamed(name)
            } else {
                beside(name).unwrap_or_else(|| name.into())
            }
        });
        api.suspends = self.suspends || (self.blocks && green);
        api.blocks = self.blocks && !green;
        api.cooperative = Box::default();
        api
    }

    /// What stands for all names of the module `module` that have no row, neither there nor in the module `of`.
    pub(super) fn rest_of(module: &str, of: &str) -> Api {
        Api {
            name: format!("{module}.*").into(),
            same_as: Some(of.into()),
            ..Api::default()
        }
    }

    /// Whether it can be called.
    pub fn is_callable(&self) -> bool {
        self.signature.is_some()
    }

    /// Whether it is there in `version`.
    pub fn exists_in(&self, version: Version) -> bool {
        self.since.is_none_or(|since| since <= version)
            && self.until.is_none_or(|until| version <= until)
    }

    pub(super) fn from_row(row: Row) -> Result<Api, String> {
        let signature = row.signature.as_deref().map(Signature::parse).transpose()?;
        let name = row.name.into_inner();
        let callable = matches!(
            row.kind,
            Kind::Function | Kind::Class | Kind::Method | Kind::Exception
        );
        if callable != signature.is_some() {
            let verb = if callable { "needs" } else { "can't have" };
            return Err(format!(
                "a {} {verb} a signature",
                format!("{:?}", row.kind).to_lowercase()
            ));
        }
        let index = |key: &str, parameter: &String| {
            let signature = signature
                .as_ref()
                .ok_or_else(|| format!("`{key}` without a signature"))?;
            signature.index(parameter).ok_or_else(|| {
                format!("`{key}` names `{parameter}`, which is no parameter of `{signature}`")
            })
        };
        let indices = |key: &str, names: &[String]| -> Result<Box<[usize]>, String> {
            names.iter().map(|name| index(key, name)).collect()
        };
        let returns = match &row.returns {
            Some(text) => Type::parse(text, signature.as_ref())?,
            None if matches!(row.kind, Kind::Class | Kind::Exception) => {
                Type::named(&name, Vec::new())
            }
            None => Type::Unknown,
        };
        let calls: Result<Vec<Callback>, String> = row
            .calls
            .iter()
            .map(|call| {
                let signature = signature.as_ref().ok_or("`calls` without a signature")?;
                Callback::parse(call, signature)
            })
            .collect();
        let hooks: Result<Vec<Hook>, String> = row.hooks.iter().map(|it| Hook::parse(it)).collect();
        let version = |key: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => match Version::parse(text) {
                Some(version) => Ok(Some(version)),
                None => Err(format!(
                    "`{key}` is `{text}`, which is not a version such as 3.11"
                )),
            },
        };
        let mut forms: BTreeMap<Target, Vec<Form>> = BTreeMap::new();
        let first = FormRow {
            min_anyio: row.min_anyio,
            asyncio: row.asyncio,
            anyio: row.anyio,
            safety: row.safety,
        };
        if first.min_anyio.is_some() && first.anyio.is_none() {
            return Err("`min_anyio` without `anyio`".to_owned());
        }
        for form in std::iter::once(&first).chain(&row.forms) {
            let texts = [
                (Target::Asyncio, &form.asyncio),
                (Target::Anyio, &form.anyio),
            ];
            for (target, text) in texts {
                let Some(text) = text else { continue };
                let since = match target {
                    Target::Anyio => version("min_anyio", &form.min_anyio)?,
                    Target::Asyncio => None,
                };
                let template = Template::parse(text, signature.as_ref())?;
                forms.entry(target).or_default().push(Form {
                    since,
                    template,
                    safety: form.safety,
                });
            }
        }
        let drops = indices("drops", &row.drops)?;
        if forms.is_empty() && !drops.is_empty() {
            return Err("`drops` without a replacement".to_owned());
        }
        let boxed = |strings: Vec<String>| -> Box<[Box<str>]> {
            strings.into_iter().map(Into::into).collect()
        };
        if !row.cooperative.is_empty() && !row.blocks {
            return Err("`cooperative` is for what blocks".to_owned());
        }
        if row.apart && !row.blocks {
            return Err("`apart` is for what blocks".to_owned());
        }
        Ok(Api {
            runs: indices("runs", &row.runs)?,
            since: version("since", &row.since)?,
            until: version("until", &row.until)?,
            name: name.into(),
            kind: row.kind,
            aliases: boxed(row.aliases),
            bases: boxed(row.bases),
            returns,
            suspends: row.suspends,
            blocks: row.blocks,
            cooperative: boxed(row.cooperative),
            apart: row.apart,
            same_as: row.same_as.map(Into::into),
            spawns: row.spawns,
            awaits: row.awaits,
            escapes: row.escapes,
            keeps: indices("keeps", &row.keeps)?,
            calls: calls?.into(),
            hooks: hooks?.into(),
            rule: row.rule.map(Into::into),
            why_not: row.why_not.map(Into::into),
            note: row.note.map(Into::into),
            drops,
            spoiled_by: boxed(row.spoiled_by),
            forms,
            signature,
        })
    }
}

/// A row as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    name: Spanned<String>,
    kind: Kind,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    bases: Vec<String>,
    signature: Option<String>,
    returns: Option<String>,
    #[serde(default)]
    suspends: bool,
    #[serde(default)]
    blocks: bool,
    #[serde(default)]
    cooperative: Vec<String>,
    #[serde(default)]
    apart: bool,
    same_as: Option<String>,
    #[serde(default)]
    spawns: bool,
    #[serde(default)]
    awaits: bool,
    #[serde(default = "yes")]
    escapes: bool,
    #[serde(default)]
    keeps: Vec<String>,
    #[serde(default)]
    calls: Vec<String>,
    #[serde(default)]
    hooks: Vec<String>,
    #[serde(default)]
    runs: Vec<String>,
    since: Option<String>,
    until: Option<String>,
    rule: Option<String>,
    why_not: Option<String>,
    note: Option<String>,
    asyncio: Option<String>,
    anyio: Option<String>,
    min_anyio: Option<String>,
    #[serde(default)]
    safety: Safety,
    #[serde(default)]
    drops: Vec<String>,
    #[serde(default)]
    spoiled_by: Vec<String>,
    #[serde(default)]
    forms: Vec<FormRow>,
}

/// A further replacement, for other versions of the target.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormRow {
    min_anyio: Option<String>,
    asyncio: Option<String>,
    anyio: Option<String>,
    #[serde(default)]
    safety: Safety,
}

impl Row {
    pub(super) fn name(&self) -> String {
        self.name.get_ref().clone()
    }

    pub(super) fn position(&self) -> usize {
        self.name.span().start
    }
}

fn yes() -> bool {
    true
}
