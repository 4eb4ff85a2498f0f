//! What the engine asks about code it cannot see: the catalog answers.

/// The facts about external APIs. The engine itself knows only the language and its standard library's plainest parts.
pub trait Externals: Sync {
    /// The facts about `name`, a canonical dotted name such as `asyncio.Queue.put`.
    fn api(&self, name: &str) -> Option<&Api>;

    /// The canonical name of an API that has several: `asyncio.Queue` for `asyncio.queues.Queue`.
    fn canonical<'a>(&'a self, name: &'a str) -> &'a str;

    /// The libraries whose uses are collected, by root module.
    fn libraries(&self) -> &[String];
}

/// Knows nothing.
#[derive(Debug, Default)]
pub struct NoExternals;

impl Externals for NoExternals {
    fn api(&self, _: &str) -> Option<&Api> {
        None
    }

    fn canonical<'a>(&'a self, name: &'a str) -> &'a str {
        name
    }

    fn libraries(&self) -> &[String] {
        &[]
    }
}

/// What kind of thing an API is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKind {
    /// A function.
    Function,
    /// A class.
    Class,
    /// A method.
    Method,
    /// A property or attribute.
    Property,
    /// A constant.
    Constant,
    /// A module.
    Module,
}

/// What the engine needs to know of an external API.
#[derive(Clone, Debug)]
pub struct Api {
    /// What it is.
    pub kind: ApiKind,
    /// Its parameters, without `self`.
    pub params: Vec<ApiParam>,
    /// What a call returns, or what a property is. A class returns an instance of itself.
    pub returns: Option<ApiType>,
    /// What awaiting an instance of this class gives.
    pub awaits: Option<ApiType>,
    /// Which parameters it calls, and with what.
    pub calls: Vec<Callback>,
    /// Whether its arguments may be kept or handed to code we cannot see.
    pub escapes: bool,
    /// The classes it inherits members from.
    pub bases: Vec<String>,
}

/// A parameter of an external API.
#[derive(Clone, Debug)]
pub struct ApiParam {
    /// Its name.
    pub name: String,
    /// `*args`.
    pub star: bool,
    /// `**kwargs`.
    pub double_star: bool,
    /// Only by name.
    pub keyword_only: bool,
    /// Whether it may be left out.
    pub optional: bool,
}

/// A type, as far as values need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiType {
    /// An instance of the class with this canonical name.
    Instance(String),
    /// Something whose `await` gives this.
    Awaitable(Box<ApiType>),
    /// A tuple.
    Tuple(Vec<ApiType>),
    /// A list or another container or iterable.
    Container(Box<ApiType>),
    /// What a `with` or `async with` of it binds.
    Manager(Box<ApiType>),
    /// The argument for this parameter.
    Arg(usize),
    /// What awaiting the argument for this parameter gives.
    Result(usize),
    /// The object whose method it is.
    This,
    /// Nothing we follow.
    Unknown,
}

/// A call that an external API makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The parameter that is called.
    pub param: String,
    /// With what.
    pub args: Vec<CallbackArg>,
}

/// An argument that an external API passes to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackArg {
    /// The arguments it was given for `*name`.
    Star(String),
    /// The argument it was given for this parameter.
    Param(String),
    /// An instance of a type.
    Type(ApiType),
}
