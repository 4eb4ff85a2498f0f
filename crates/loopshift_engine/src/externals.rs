//! What the engine asks about code it cannot see: the catalog answers.

/// The facts about external APIs. The engine itself knows only the language and its standard library's plainest parts.
pub trait Externals: Sync {
    /// The facts about `name`, a canonical dotted name such as `asyncio.Queue.put`.
    fn api(&self, name: &str) -> Option<&Api>;

    /// The canonical name of an API that has several: `asyncio.Queue` for `asyncio.queues.Queue`.
    fn canonical<'a>(&self, name: &'a str) -> std::borrow::Cow<'a, str>;

    /// Whether a name that a module binds nowhere is the external module of that name, whose import was forgotten.
    fn is_module(&self, _name: &str) -> bool {
        false
    }

    /// What a runner of tests does with a function that a decorator of this name marks for it.
    fn collected(&self, _name: &str) -> Option<Collected> {
        None
    }
}

/// What a runner of tests does with a function of a file of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// It calls it for what tests need, and gives that to the parameters of its name.
    Fixture,
    /// It calls it as a test.
    Test,
}

/// Knows nothing.
#[derive(Debug, Default)]
pub struct NoExternals;

impl Externals for NoExternals {
    fn api(&self, _: &str) -> Option<&Api> {
        None
    }

    fn canonical<'a>(&self, name: &'a str) -> std::borrow::Cow<'a, str> {
        name.into()
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
    /// Which parameters it calls, and with what.
    pub calls: Vec<Callback>,
    /// Whether its arguments may be kept or handed to code we cannot see.
    pub escapes: bool,
    /// Which parameters its object keeps, for those of its members that give [`ApiDerived::Kept`]. A class keeps what the
    /// parameter holds.
    pub keeps: Vec<usize>,
    /// The classes it inherits members from.
    pub bases: Vec<String>,
    /// The methods of a class derived from it that it calls, with what; where any are known, it calls no others that it
    /// does not have itself.
    pub hooks: Vec<Hook>,
}

/// A method of a derived class that its base calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The name of the method.
    pub method: String,
    /// What it is given.
    pub args: Vec<ApiType>,
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
    /// It can't be said.
    Unknown,
    /// `None` or a plain value that nobody asks about.
    Nothing,
    /// An instance of the class with this canonical name, with what it holds or results in.
    Instance(String, Vec<ApiType>),
    /// The class itself.
    Class(String),
    /// Something whose `await` gives this.
    Awaitable(Box<ApiType>),
    /// Something whose iteration, sync or async, gives this.
    Iterator(Box<ApiType>),
    /// What a `with` or `async with` of it binds.
    Manager(Box<ApiType>),
    /// A tuple of these.
    Tuple(Vec<ApiType>),
    /// A list, or a tuple of any length.
    List(Box<ApiType>),
    /// A set.
    Set(Box<ApiType>),
    /// A dict.
    Dict(Box<ApiType>, Box<ApiType>),
    /// What follows from the receiver or an argument.
    Of(ApiDerived, ApiOperand),
}

/// How a type follows from a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiDerived {
    /// The value itself.
    Itself,
    /// What awaiting it gives.
    Result,
    /// What calling it gives.
    Call,
    /// What awaiting what calling it gives gives.
    Awaited,
    /// What iterating over it gives.
    Item,
    /// What entering it gives.
    Entered,
    /// What was put into it by members that keep what they are given.
    Kept,
}

/// The value that a type follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiOperand {
    /// The object whose member is called or read.
    Receiver,
    /// What the parameter of that index got.
    Parameter(usize),
}

/// A call that an external API makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The index of the parameter that is called.
    pub param: usize,
    /// With what.
    pub args: Vec<CallbackArg>,
}

/// An argument that an external API passes to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackArg {
    /// The arguments it was given for the `*args` parameter of this index.
    Star(usize),
    /// The arguments it was given for the `**kwargs` parameter of this index.
    DoubleStar(usize),
    /// A value of a type.
    Type(ApiType),
}
