//! What the engine asks about external code, answered from the catalog.

use std::borrow::Cow;

use loopshift_engine::externals::{
    Api, ApiDerived, ApiKind, ApiOperand, ApiParam, ApiType, Callback, CallbackArg, Collected,
    Externals, Hook,
};
use rustc_hash::FxHashMap;

use crate::catalog::{self, Catalog, Derived, Kind, Operand, ParameterKind, Passed, Type};

/// The catalog, in the engine's terms.
pub struct CatalogExternals<'c> {
    catalog: &'c Catalog,
    apis: FxHashMap<Box<str>, Api>,
    /// Whether a name of asyncio's written with AnyIO before it is taken for what was meant.
    forgives: bool,
    /// The library that has put its own into the standard library.
    patched: Option<&'static str>,
    /// Whether what runs tests is followed.
    tests: bool,
}

impl<'c> CatalogExternals<'c> {
    /// Converts the rows.
    pub fn new(catalog: &'c Catalog) -> Self {
        let apis = catalog
            .iter()
            .filter(|row| says_something(row))
            .map(|row| (row.name.clone(), convert(row)))
            .collect();
        CatalogExternals {
            catalog,
            apis,
            forgives: true,
            patched: None,
            tests: false,
        }
    }

    /// The same, with what runs tests and hands them their fixtures.
    pub fn with_tests(self) -> Self {
        CatalogExternals {
            tests: true,
            ..self
        }
    }

    /// The same, for a program in which a library has put its own into the standard library.
    pub fn patched(self, library: Option<&'static str>) -> Self {
        CatalogExternals {
            patched: library,
            ..self
        }
    }

    /// The same, but every name is what it says: for what must be right.
    pub fn strict(catalog: &'c Catalog) -> Self {
        CatalogExternals {
            forgives: false,
            ..CatalogExternals::new(catalog)
        }
    }
}

impl Externals for CatalogExternals<'_> {
    fn api(&self, name: &str) -> Option<&Api> {
        if let Some(api) = self.apis.get(name) {
            return Some(api);
        }
        // Only names of libraries that the catalog has can be aliases or inherited members.
        let row = self.catalog.get(name)?;
        self.apis.get(&row.name)
    }

    fn canonical<'a>(&self, name: &'a str) -> Cow<'a, str> {
        // A name of asyncio's that somebody moved by writing another module before it: AnyIO has none of that name.
        if self.forgives
            && let Some(rest) = name.strip_prefix("anyio.")
            && !rest.contains('.')
            && self.catalog.get(name).is_none()
        {
            let meant = format!("asyncio.{rest}");
            let is_name = |api: &catalog::Api| api.kind != Kind::Module;
            if self.catalog.get(&meant).is_some_and(is_name) {
                return Cow::Owned(self.catalog.canonical(&meant).into_owned());
            }
        }
        if let Some(put) = self.patched.and_then(|library| put_in_place(library, name)) {
            return Cow::Owned(self.catalog.canonical(&put).into_owned());
        }
        self.catalog.canonical(name)
    }

    fn is_module(&self, name: &str) -> bool {
        matches!(name, "asyncio" | "anyio")
    }

    fn collected(&self, name: &str) -> Option<Collected> {
        if !self.tests {
            return None;
        }
        let name = name.trim_end_matches("()");
        match name.strip_prefix("unittest.").unwrap_or(name) {
            "pytest.fixture" | "pytest.yield_fixture" | "pytest_asyncio.fixture" => {
                Some(Collected::Fixture)
            }
            "skip" | "skipIf" | "skipUnless" | "expectedFailure" => Some(Collected::Test),
            name if ["pytest.mark.", "mock.patch"]
                .iter()
                .any(|it| name.starts_with(it)) =>
            {
                Some(Collected::Test)
            }
            _ => None,
        }
    }
}

/// What stands in the place of a name of the standard library once a library has patched it.
fn put_in_place(library: &str, name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("http.server.") {
        let class = rest.split('.').next()?;
        let is_known = matches!(
            class,
            "HTTPServer" | "ThreadingHTTPServer" | "BaseHTTPRequestHandler"
        );
        return is_known.then(|| format!("{library}.patched.{rest}"));
    }
    let futures = name.strip_prefix("concurrent.futures.");
    let futures = futures.map(|rest| {
        (
            "concurrent.futures",
            rest.strip_prefix("thread.").unwrap_or(rest),
        )
    });
    let (module, rest) = futures.or_else(|| name.split_once('.'))?;
    let (class, _) = rest.split_once('.').unwrap_or((rest, ""));
    let home = match (library, module, class) {
        ("gevent", "threading", "Event") => "gevent.event",
        ("gevent", "threading", "RLock" | "Semaphore" | "BoundedSemaphore") => "gevent.lock",
        ("gevent", "threading", "local") => "gevent.local",
        ("gevent", "queue", "Queue" | "LifoQueue" | "PriorityQueue" | "SimpleQueue") => {
            "gevent.queue"
        }
        ("gevent", "queue", "Empty" | "Full") => "gevent.queue",
        (_, "concurrent.futures", "ThreadPoolExecutor" | "as_completed" | "wait" | "Future") => {
            return Some(format!("{library}.patched.{rest}"));
        }
        (
            "gevent",
            "threading",
            "Lock" | "Condition" | "Thread" | "Timer" | "current_thread" | "Barrier"
            | "BrokenBarrierError" | "main_thread" | "get_ident" | "active_count" | "enumerate",
        ) => "gevent.patched",
        (
            "gevent",
            "subprocess",
            "Popen" | "run" | "call" | "check_call" | "check_output" | "getoutput"
            | "getstatusoutput",
        ) => "gevent.subprocess",
        ("eventlet", "subprocess", "Popen" | "call" | "check_call") => "eventlet.green.subprocess",
        ("eventlet", "threading", "local") => "eventlet.corolocal",
        ("eventlet", "queue", "Queue" | "LifoQueue" | "PriorityQueue") => "eventlet.green.Queue",
        ("eventlet", "queue", "Empty" | "Full") => "eventlet.queue",
        (
            "eventlet",
            "threading",
            "Lock" | "RLock" | "Semaphore" | "BoundedSemaphore" | "Event" | "Condition" | "Thread"
            | "Timer" | "current_thread" | "Barrier" | "BrokenBarrierError" | "main_thread"
            | "get_ident" | "active_count" | "enumerate",
        ) => "eventlet.patched",
        _ => return None,
    };
    Some(format!("{home}.{rest}"))
}

/// Whether the row says more of values than what is taken for granted of unknown code.
fn says_something(row: &catalog::Api) -> bool {
    let takes_anything = row.signature.as_ref().is_some_and(|signature| {
        let kinds: Vec<_> = signature.parameters.iter().map(|it| it.kind).collect();
        kinds == [ParameterKind::Variadic, ParameterKind::Keywords]
    });
    let only_blocks = row.blocks && takes_anything && row.returns == Type::Unknown;
    !only_blocks && !row.name.ends_with(".*")
}

fn convert(row: &catalog::Api) -> Api {
    let kind = match row.kind {
        Kind::Function => ApiKind::Function,
        Kind::Class | Kind::Exception => ApiKind::Class,
        Kind::Method => ApiKind::Method,
        Kind::Property => ApiKind::Property,
        Kind::Constant => ApiKind::Constant,
        Kind::Module => ApiKind::Module,
    };
    let params = row
        .signature
        .iter()
        .flat_map(|signature| &signature.parameters)
        .map(|parameter| ApiParam {
            name: parameter.name.to_string(),
            star: parameter.kind == ParameterKind::Variadic,
            double_star: parameter.kind == ParameterKind::Keywords,
            keyword_only: parameter.kind == ParameterKind::KeywordOnly,
            optional: parameter.default.is_some(),
        })
        .collect();
    Api {
        kind,
        params,
        returns: returns(row, kind),
        calls: row
            .calls
            .iter()
            .map(|callback| Callback {
                param: callback.parameter,
                args: callback
                    .arguments
                    .iter()
                    .map(|argument| match argument {
                        Passed::One(ty) => CallbackArg::Type(type_of(ty)),
                        Passed::Spread(index) => CallbackArg::Star(*index),
                        Passed::SpreadKeywords(index) => CallbackArg::DoubleStar(*index),
                    })
                    .collect(),
            })
            .collect(),
        escapes: row.escapes,
        keeps: row.keeps.to_vec(),
        bases: row.bases.iter().map(ToString::to_string).collect(),
        hooks: row
            .hooks
            .iter()
            .map(|hook| Hook {
                method: hook.method.to_string(),
                args: hook.arguments.iter().map(type_of).collect(),
            })
            .collect(),
    }
}

/// What calling it gives. A class gives its instance; of a generic one with what it holds.
fn returns(row: &catalog::Api, kind: ApiKind) -> Option<ApiType> {
    match (&row.returns, kind) {
        (Type::Unknown, ApiKind::Class) => None,
        (returns, _) => Some(type_of(returns)),
    }
}

fn type_of(ty: &Type) -> ApiType {
    match ty {
        Type::Unknown => ApiType::Unknown,
        Type::Of(derived, operand) => ApiType::Of(
            match derived {
                Derived::Itself => ApiDerived::Itself,
                Derived::Result => ApiDerived::Result,
                Derived::Call => ApiDerived::Call,
                Derived::Awaited => ApiDerived::Awaited,
                Derived::Item => ApiDerived::Item,
                Derived::Entered => ApiDerived::Entered,
                Derived::Kept => ApiDerived::Kept,
            },
            match operand {
                Operand::Receiver => ApiOperand::Receiver,
                Operand::Parameter(index) => ApiOperand::Parameter(*index),
            },
        ),
        Type::Named { name, arguments } => named(name, arguments),
    }
}

fn named(name: &str, arguments: &[Type]) -> ApiType {
    let first = || Box::new(arguments.first().map_or(ApiType::Unknown, type_of));
    match name {
        "None" | "bool" | "int" | "float" => ApiType::Nothing,
        "str" | "bytes" | "bytearray" => ApiType::Instance(format!("<builtin>.{name}"), Vec::new()),
        "Awaitable" | "Coroutine" => ApiType::Awaitable(first()),
        "Iterator" | "AsyncIterator" | "Iterable" | "AsyncIterable" => ApiType::Iterator(first()),
        "ContextManager" | "AsyncContextManager" => ApiType::Manager(first()),
        "list" => ApiType::List(first()),
        "set" | "frozenset" => ApiType::Set(first()),
        "tuple" if arguments.len() == 1 => ApiType::List(first()),
        "tuple" => ApiType::Tuple(arguments.iter().map(type_of).collect()),
        "dict" => {
            let value = arguments.get(1).map_or(ApiType::Unknown, type_of);
            ApiType::Dict(first(), Box::new(value))
        }
        "type" => match arguments.first() {
            Some(Type::Named { name, .. }) => ApiType::Class(name.to_string()),
            _ => ApiType::Unknown,
        },
        name => ApiType::Instance(name.to_owned(), arguments.iter().map(type_of).collect()),
    }
}
