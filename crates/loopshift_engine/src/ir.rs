//! What one module says about values, as constraints between nodes.
//!
//! A node stands for the values that a variable, an attribute or an expression may have. The module's
//! own nodes, functions, classes and strings are numbered from zero; the solver adds an offset. The
//! syntax tree is gone once this is made: rules parse again what they edit.

use loopshift_python::TextRange;

/// A set of values: of a variable, an expression, an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u32);

impl Node {
    /// No node: an expression whose values nobody asks for.
    pub const NONE: Node = Node(u32::MAX);

    /// Whether this is a node at all.
    pub fn is_some(self) -> bool {
        self != Node::NONE
    }
}

/// A string of the module's table, later of the program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym(pub u32);

/// A function, lambda or module body of the module, later of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncId(pub u32);

impl FuncId {
    /// No function.
    pub const NONE: FuncId = FuncId(u32::MAX);
}

/// A class of the module, later of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// A container display or comprehension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(pub u32);

/// The facts of one module.
#[derive(Debug, Default)]
pub struct ModuleIr {
    /// The strings that [`Sym`] refers to.
    pub symbols: Vec<Box<str>>,
    /// How many nodes there are.
    pub nodes: u32,
    /// Values flow from the first to the second.
    pub copies: Vec<(Node, Node)>,
    /// The node holds the constant.
    pub constants: Vec<(Node, Constant)>,
    /// Attribute reads.
    pub loads: Vec<Load>,
    /// Attribute writes.
    pub stores: Vec<Store>,
    /// Calls, also of decorators.
    pub calls: Vec<Call>,
    /// `base[key]` reads and writes.
    pub subscripts: Vec<Subscript>,
    /// Operations with a protocol behind them.
    pub protocols: Vec<Protocol>,
    /// Annotations, used where nothing better is known.
    pub annotations: Vec<(Node, Annotation)>,
    /// Tests for the class of a value.
    pub narrows: Vec<Narrow>,
    /// Functions; the first is the module body.
    pub functions: Vec<Function>,
    /// Classes.
    pub classes: Vec<Class>,
    /// Containers made by displays, comprehensions and star parameters.
    pub containers: Vec<Container>,
    /// Module variables.
    pub globals: Vec<(Sym, Node)>,
    /// Names that are bound nowhere in the module: star imports or builtins.
    pub free: Vec<(Sym, Node)>,
    /// `import a.b` and `from a import b`, with absolute module names.
    pub imports: Vec<Import>,
    /// Modules of `from m import *`.
    pub stars: Vec<Sym>,
    /// `__all__`, where it is a plain list.
    pub all: Option<Vec<Sym>>,
    /// The node of each interesting expression, by range.
    pub exprs: Vec<(TextRange, Node)>,
}

impl ModuleIr {
    /// Gives back the room that is not used: the facts of all modules wait for each other.
    pub(crate) fn shrink(&mut self) {
        self.symbols.shrink_to_fit();
        self.copies.shrink_to_fit();
        self.constants.shrink_to_fit();
        self.loads.shrink_to_fit();
        self.stores.shrink_to_fit();
        self.calls.shrink_to_fit();
        self.subscripts.shrink_to_fit();
        self.protocols.shrink_to_fit();
        self.exprs.shrink_to_fit();
        self.containers.shrink_to_fit();
        self.functions.shrink_to_fit();
    }
}

/// A value known without any flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// A function or lambda.
    Func(FuncId),
    /// A class.
    Class(ClassId),
    /// A container.
    Container(ContainerId),
    /// A short string, for keys and attribute names.
    Str(Sym),
    /// A string that begins so.
    Start(Sym),
    /// A small number, for indices.
    Int(i32),
    /// An instance of a builtin type: `<builtin>.str`.
    Builtin(Sym),
    /// A value that nothing is known of.
    Unknown(Reason),
}

/// Why a value is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A parameter of a function that no caller we see gives a value.
    Parameter,
    /// A name that is bound nowhere.
    Unbound,
    /// What unknown code returns.
    Opaque,
    /// An attribute that no class we see sets.
    Attribute,
    /// A construct that the engine does not follow: `exec`, `eval`, computed attribute names.
    Dynamic,
    /// Too deep a chain of calls into code we cannot see.
    TooDeep,
}

/// `to = base.attr`.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The object.
    pub base: Node,
    /// The attribute.
    pub attr: Sym,
    /// The result.
    pub to: Node,
    /// Who reads: a property is a call.
    pub owner: FuncId,
}

/// `base.attr = from`.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    /// The object.
    pub base: Node,
    /// The attribute.
    pub attr: Sym,
    /// The values.
    pub from: Node,
    /// Who writes: a property setter is a call.
    pub owner: FuncId,
    /// The class around the method whose `self` is the object: attributes set here belong to it, too.
    pub class: Option<ClassId>,
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where: the call expression, or the decorator with its `@`.
    pub range: TextRange,
    /// Who calls.
    pub owner: FuncId,
    /// What is called.
    pub callee: Node,
    /// The arguments.
    pub args: Box<[Arg]>,
    /// What it returns.
    pub result: Node,
    /// In which form it stands.
    pub form: CallForm,
    /// In a method: its class and its first parameter, for `super()`.
    pub method: Option<(ClassId, Node)>,
}

/// How the result of a call is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallForm {
    /// As a value.
    Value,
    /// Awaited where it stands.
    Awaited,
    /// A statement of its own.
    Statement,
    /// A decorator.
    Decorator,
}

/// An argument.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// How it is passed.
    pub kind: ArgKind,
    /// Its values.
    pub node: Node,
}

/// How an argument is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// By position.
    Positional,
    /// `*args`.
    Star,
    /// `name=value`.
    Keyword(Sym),
    /// `**kwargs`.
    DoubleStar,
}

/// A key of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A constant string.
    Str(Sym),
    /// A constant number.
    Int(i32),
    /// Any other.
    Any,
}

/// `base[key]`.
#[derive(Clone, Copy, Debug)]
pub struct Subscript {
    /// The object.
    pub base: Node,
    /// The key, where it is a constant in place.
    pub key: Key,
    /// The key's values, where it is computed.
    pub key_node: Node,
    /// The result of a read, the value of a write.
    pub value: Node,
    /// Whether it is a write.
    pub store: bool,
    /// Who does it: `__getitem__` and `__setitem__` are calls.
    pub owner: FuncId,
}

/// A place where the class of a value is known: `isinstance`, `except`, a class pattern.
#[derive(Clone, Copy, Debug)]
pub struct Narrow {
    /// The value before the test; none where nothing is known of it.
    pub subject: Node,
    /// The class, or a tuple of them.
    pub class: Node,
    /// The value after it.
    pub to: Node,
    /// The test has failed.
    pub negated: bool,
}

/// An operation with a protocol behind it.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// Which.
    pub kind: ProtocolKind,
    /// The object.
    pub base: Node,
    /// The other operand, the index, the key; or [`Node::NONE`].
    pub arg: Node,
    /// The result, or [`Node::NONE`].
    pub to: Node,
    /// Who does it.
    pub owner: FuncId,
    /// Where the object stands in the text; empty where the protocol follows from something else.
    pub range: TextRange,
}

/// The protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolKind {
    /// `for to in base`.
    Iter,
    /// `async for to in base`.
    AsyncIter,
    /// `with base as to`.
    Enter,
    /// `async with base as to`.
    AsyncEnter,
    /// `await base`.
    Await,
    /// `raise base`, a class being called.
    Raise,
    /// An operator with this method: `a + b` calls `__add__`.
    Method(Sym),
    /// A binary operator: the left side's method, and the right side's where the left has none.
    Binary(Sym, Sym),
    /// A truth test: `__bool__`, or `__len__` where there is none.
    Truth,
    /// What the object is as a text: `__str__`, `__repr__`, `__format__`.
    Text(TextForm),
    /// `base[from:to]` with constant bounds; `i32::MAX` where one is left out.
    Slice(i32, i32),
    /// The attribute that a positional sub-pattern of a class pattern matches.
    Match(u16),
    /// The values of a list, tuple, dict or text that another is joined to.
    Concat,
    /// Those of what is joined to it.
    Append,
    /// `{**base}`.
    Merge,
    /// `yield from base`: `to` is its return value, its items go to the function's own.
    Delegate,
}

/// How an object is turned into text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// `str(x)`, `print(x)`.
    Str,
    /// `repr(x)`, `f"{x!r}"`.
    Repr,
    /// `f"{x}"`, `format(x)`.
    Format,
}

/// What an annotation says.
#[derive(Clone, Debug)]
pub enum Annotation {
    /// An instance of the class at this node.
    Instance(Node),
    /// The class itself.
    Class(Node),
    /// Any of these.
    Union(Vec<Annotation>),
    /// A container or iterable with such elements.
    Container(Sym, Box<Annotation>),
    /// Nothing we follow.
    Unknown,
}

/// What kind of function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    /// The body of a module, or of a class within it.
    Module,
    /// `def`.
    Def,
    /// `lambda`.
    Lambda,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// `outer.Class.method`, without the module; empty for the module body.
    pub qualname: Box<str>,
    /// The whole definition with its decorators.
    pub range: TextRange,
    /// Its name; empty for lambdas.
    pub name_range: TextRange,
    /// What kind.
    pub kind: FunctionKind,
    /// `async def`.
    pub is_async: bool,
    /// Has a `yield` of its own.
    pub is_generator: bool,
    /// The function around it.
    pub parent: FuncId,
    /// The class whose body holds it.
    pub class: Option<ClassId>,
    /// The parameters.
    pub params: Vec<Param>,
    /// What it returns.
    pub ret: Node,
    /// What it yields.
    pub yields: Node,
    /// What is sent to it.
    pub sends: Node,
    /// The parameters that a `return` hands back unchanged: call by call, not merged in `ret`.
    pub passes: Vec<u16>,
    /// The parameter by which it chooses what it returns.
    pub choice: Option<Choice>,
    /// Its `for` and `while` statements.
    pub loops: Vec<TextRange>,
    /// Whether it is decorated.
    pub decorated: bool,
}

/// What a function returns by whether a parameter is given.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Which parameter, whose default is nothing.
    pub param: u16,
    /// What it returns where the parameter is given.
    pub given: Node,
    /// What it returns where the parameter is left to its default.
    pub absent: Node,
}

/// How a parameter takes arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// Only by position.
    PositionalOnly,
    /// By position or name.
    Positional,
    /// `*args`, as a container.
    Star(ContainerId),
    /// Only by name.
    KeywordOnly,
    /// `**kwargs`, as a container.
    DoubleStar(ContainerId),
}

/// A parameter.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: Sym,
    /// Its values.
    pub node: Node,
    /// How it takes arguments.
    pub kind: ParamKind,
    /// Where it stands.
    pub range: TextRange,
    /// Whether it has a default.
    pub has_default: bool,
    /// The default's values, which reach the parameter where a call gives no argument.
    pub default: Node,
}

/// A class.
#[derive(Debug)]
pub struct Class {
    /// `Outer.Inner`, without the module.
    pub qualname: Box<str>,
    /// The whole definition.
    pub range: TextRange,
    /// Its name.
    pub name_range: TextRange,
    /// Its bases.
    pub bases: Vec<Node>,
    /// `metaclass=` and the arguments of `__init_subclass__`.
    pub keywords: Vec<(Sym, Node)>,
    /// What its body binds.
    pub attrs: Vec<(Sym, Node)>,
    /// The annotated names of its body, in order: the parameters of a dataclass.
    pub fields: Vec<(Sym, Node)>,
    /// The function in whose body it stands.
    pub parent: FuncId,
}

impl Function {
    /// The last part of its qualified name.
    pub fn name(&self) -> &str {
        self.qualname.rsplit('.').next().unwrap_or_default()
    }
}

/// What kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// `[]` and list comprehensions.
    List,
    /// `()`.
    Tuple,
    /// `{}` with elements.
    Set,
    /// `{}` with pairs.
    Dict,
    /// A generator expression or another iterator.
    Iterator,
}

/// A container.
#[derive(Debug)]
pub struct Container {
    /// What kind.
    pub kind: ContainerKind,
    /// Elements at unknown places (values, for a dict).
    pub elements: Node,
    /// Keys of a dict.
    pub keys: Node,
    /// Elements at known places.
    pub items: Vec<(Key, Node)>,
    /// Where it is made.
    pub range: TextRange,
}

impl Container {
    /// The nodes of all that it holds; of a dict the values.
    pub fn contents(&self) -> impl Iterator<Item = Node> + '_ {
        let items = self.items.iter().map(|(_, node)| *node);
        items.chain([self.elements])
    }
}

/// An import of one name.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// The absolute name of the module, as written or resolved from a relative one.
    pub module: Sym,
    /// `from module import name`; `None` for `import module`.
    pub name: Option<Sym>,
    /// The node that the name is bound to.
    pub to: Node,
    /// The statement's alias.
    pub range: TextRange,
}
