//! The catalog as the engine asks for it.

use std::collections::BTreeMap;

use loopshift_engine::externals::{self, ApiKind, ApiParam, ApiType, CallbackArg, Externals};
use rustc_hash::FxHashMap;

use super::{
    Api, Callback, Catalog, Derived, Kind, Operand, ParameterKind, Passed, Signature, Type,
};

/// How the engine names what needs no import.
const BUILTIN: &str = "<builtin>.";

/// What the engine is told of every API. Made once a run.
#[derive(Debug)]
pub struct Facts {
    apis: FxHashMap<Box<str>, externals::Api>,
    canonical: BTreeMap<Box<str>, Box<str>>,
    libraries: Vec<String>,
}

impl Facts {
    /// The facts of a catalog. `libraries` are the root modules whose uses are collected.
    pub fn new(catalog: &Catalog, libraries: &[&str]) -> Facts {
        let mut apis: FxHashMap<Box<str>, externals::Api> = FxHashMap::default();
        for api in catalog.iter() {
            let name = match api.name.strip_prefix("builtins.") {
                Some(name) => format!("{BUILTIN}{name}").into(),
                None => api.name.clone(),
            };
            apis.insert(name, fact(api));
        }
        let mut canonical = BTreeMap::new();
        for (alias, name) in catalog.aliases() {
            canonical.insert(alias.into(), name.into());
            // The engine asks for members by the whole name.
            for class in classes(catalog, name) {
                for (member, _) in members(catalog, class) {
                    canonical
                        .entry(format!("{alias}.{member}").into())
                        .or_insert_with(|| format!("{name}.{member}").into());
                }
            }
        }
        // Inherited members are found under the name of the class that has them.
        for class in catalog.iter().filter(|api| !api.bases.is_empty()) {
            for base in classes(catalog, &class.name).into_iter().skip(1) {
                for (member, full) in members(catalog, base) {
                    let inherited = format!("{}.{member}", class.name);
                    if let Some(fact) = apis.get(full).cloned() {
                        apis.entry(inherited.into()).or_insert(fact);
                    }
                }
            }
        }
        let libraries = libraries.iter().map(|name| (*name).to_owned()).collect();
        Facts {
            apis,
            canonical,
            libraries,
        }
    }
}

impl Externals for Facts {
    fn api(&self, name: &str) -> Option<&externals::Api> {
        self.apis.get(name)
    }

    fn canonical<'a>(&'a self, name: &'a str) -> &'a str {
        self.canonical.get(name).map_or(name, |name| name)
    }

    fn libraries(&self) -> &[String] {
        &self.libraries
    }
}

/// A class and the classes it derives from, nearest first.
fn classes<'a>(catalog: &'a Catalog, name: &'a str) -> Vec<&'a str> {
    let mut found = vec![name];
    let mut next = 0;
    while let Some(class) = found.get(next).copied() {
        next += 1;
        let bases = catalog.get(class).map_or(&[][..], |api| &api.bases);
        for base in bases {
            if !found.contains(&&**base) {
                found.push(base);
            }
        }
    }
    found
}

/// The members that a class has itself: short and full names.
fn members<'a>(
    catalog: &'a Catalog,
    class: &'a str,
) -> impl Iterator<Item = (&'a str, &'a Box<str>)> {
    catalog.members(class).filter_map(move |api| {
        let member = api.name.strip_prefix(class)?.strip_prefix('.')?;
        Some((member, &api.name))
    })
}

fn fact(api: &Api) -> externals::Api {
    let none = Signature::default();
    let signature = api.signature.as_ref().unwrap_or(&none);
    let params = signature.parameters.iter().map(|parameter| ApiParam {
        name: parameter.name.to_string(),
        star: parameter.kind == ParameterKind::Variadic,
        double_star: parameter.kind == ParameterKind::Keywords,
        keyword_only: parameter.kind == ParameterKind::KeywordOnly,
        optional: parameter.default.is_some()
            || matches!(
                parameter.kind,
                ParameterKind::Variadic | ParameterKind::Keywords
            ),
    });
    let kind = kind(api.kind);
    // What awaiting a task or a future gives is what its coroutine gives, by the call that made it.
    let awaits =
        matches!(&*api.name, "asyncio.Task" | "asyncio.Future").then_some(ApiType::Result(0));
    externals::Api {
        kind,
        params: params.collect(),
        returns: (kind != ApiKind::Class).then(|| convert(&api.returns)),
        awaits,
        calls: api
            .calls
            .iter()
            .map(|call| callback(call, signature))
            .collect(),
        escapes: api.escapes,
        bases: api.bases.iter().map(ToString::to_string).collect(),
    }
}

fn kind(kind: Kind) -> ApiKind {
    match kind {
        Kind::Function => ApiKind::Function,
        Kind::Class | Kind::Exception => ApiKind::Class,
        Kind::Method => ApiKind::Method,
        Kind::Property => ApiKind::Property,
        Kind::Constant => ApiKind::Constant,
        Kind::Module => ApiKind::Module,
    }
}

fn convert(ty: &Type) -> ApiType {
    let (name, arguments) = match ty {
        Type::Unknown => return ApiType::Unknown,
        Type::Of(Derived::Itself, Operand::Receiver) => return ApiType::This,
        Type::Of(Derived::Itself, Operand::Parameter(index)) => return ApiType::Arg(*index),
        Type::Of(Derived::Result, Operand::Parameter(index)) => return ApiType::Result(*index),
        Type::Of(..) => return ApiType::Unknown,
        Type::Named { name, arguments } => (&**name, &**arguments),
    };
    let inner = |index: usize| Box::new(arguments.get(index).map_or(ApiType::Unknown, convert));
    match name {
        "Awaitable" => ApiType::Awaitable(inner(0)),
        "ContextManager" | "AsyncContextManager" => ApiType::Manager(inner(0)),
        "list" | "set" | "Iterator" | "AsyncIterator" => ApiType::Container(inner(0)),
        "tuple" if arguments.len() == 1 => ApiType::Container(inner(0)),
        "tuple" => ApiType::Tuple(arguments.iter().map(convert).collect()),
        "dict" => ApiType::Container(inner(0)),
        "type" => ApiType::Unknown,
        // A future of something else than what its first argument gives is told by what awaiting it gives.
        "asyncio.Future"
            if !arguments.is_empty() && convert(&arguments[0]) != ApiType::Result(0) =>
        {
            ApiType::Awaitable(inner(0))
        }
        _ => ApiType::Instance(name.to_owned()),
    }
}

fn callback(callback: &Callback, signature: &Signature) -> externals::Callback {
    let name = |index: usize| signature.parameters[index].name.to_string();
    let args = callback
        .arguments
        .iter()
        .filter_map(|argument| match argument {
            Passed::One(Type::Of(Derived::Itself, Operand::Parameter(index))) => {
                Some(CallbackArg::Param(name(*index)))
            }
            Passed::One(ty) => Some(CallbackArg::Type(convert(ty))),
            Passed::Spread(index) => Some(CallbackArg::Star(name(*index))),
            Passed::SpreadKeywords(_) => None,
        });
    externals::Callback {
        param: name(callback.parameter),
        args: args.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_told_what_the_rows_say() {
        let facts = Facts::new(Catalog::builtin(), &["asyncio"]);
        let returns = |name: &str| facts.api(name).and_then(|api| api.returns.clone());
        assert_eq!(
            returns("asyncio.create_task"),
            Some(ApiType::Instance("asyncio.Task".to_owned()))
        );
        assert_eq!(
            facts.api("asyncio.Task").unwrap().awaits,
            Some(ApiType::Result(0))
        );
        assert!(
            matches!(returns("asyncio.open_connection"), Some(ApiType::Awaitable(of)) if matches!(*of, ApiType::Tuple(_)))
        );
        assert!(
            matches!(returns("asyncio.gather"), Some(ApiType::Awaitable(of)) if matches!(*of, ApiType::Container(_)))
        );
        assert!(!facts.api("<builtin>.print").unwrap().escapes);
        assert!(facts.api("asyncio.PriorityQueue.put").is_some());
        assert_eq!(
            facts.canonical("asyncio.locks.Lock.acquire"),
            "asyncio.Lock.acquire"
        );
        assert_eq!(
            facts.canonical("asyncio.tasks.Task.result"),
            "asyncio.Task.result"
        );
        assert_eq!(facts.canonical("ours.Lock"), "ours.Lock");
        let start = facts.api("asyncio.start_server").unwrap();
        assert_eq!(start.calls[0].args.len(), 2);
        assert_eq!(start.calls[0].param, "client_connected_cb");
    }
}
