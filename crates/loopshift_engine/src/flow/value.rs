//! The values that flow.

use rustc_hash::FxHashMap;

use crate::ir::{ClassId, ContainerId, FuncId, Node, Reason, Sym};

/// A value of the analysis, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

/// A call, by its place in the program's list: where an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

impl CallId {
    /// Nowhere in particular.
    pub const NONE: CallId = CallId(u32::MAX);
}

/// What an expression may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A module of ours, by its file.
    Module(u32),
    /// A symbol outside the program, by its canonical name.
    External(Sym),
    /// A function of ours.
    Func(FuncId),
    /// A class of ours.
    Class(ClassId),
    /// An instance of a class of ours.
    Instance(ClassId),
    /// An instance of an external class, with the call that made it where that is followed.
    Object(Sym, CallId),
    /// A method of ours with its receiver.
    Bound(FuncId, ValueId),
    /// A method of an external class with its receiver.
    ExternalBound(Sym, ValueId),
    /// `functools.partial(…)`, by the call that made it.
    Partial(CallId),
    /// The coroutine of an `async def`.
    Coroutine(FuncId),
    /// Something whose `await` gives the node.
    Awaitable(Node),
    /// Something whose iteration gives the node.
    Iterator(Node),
    /// Something whose `with` gives the node.
    Manager(Node),
    /// A generator, sync or async.
    Generator(FuncId),
    /// What `@contextmanager` makes of a generator function.
    ManagerFactory(FuncId),
    /// The same as a method, with its receiver.
    BoundManager(FuncId, ValueId),
    /// A container of ours.
    Container(ContainerId),
    /// A short string.
    Str(Sym),
    /// A string of which only the beginning is known: `"on_" + kind`.
    Start(Sym),
    /// A number.
    Int(i32),
    /// `super()` of a class, for a receiver.
    Super(ClassId, ValueId),
    /// A property with its getter and setter.
    Property(Node, Node),
    /// `property.setter`, waiting for the function.
    PropertySetter(Node),
    /// `@staticmethod`.
    Static(FuncId),
    /// `@classmethod`.
    ClassMethod(FuncId),
    /// A decorator that hands back what it gets.
    Identity,
    /// What `getattr` gives for a name that is not known: any attribute, which matters only where it is called.
    AnyAttribute(CallId),
    /// Nothing is known.
    Unknown(Reason),
}

impl Value {
    /// The function of ours that calling the value runs, also where it makes a context manager of it.
    pub fn function(self) -> Option<FuncId> {
        match self {
            Value::Func(func)
            | Value::Bound(func, _)
            | Value::ManagerFactory(func)
            | Value::BoundManager(func, _) => Some(func),
            _ => None,
        }
    }
}

/// All values, numbered as they come up.
#[derive(Debug, Default)]
pub struct Values {
    list: Vec<Value>,
    ids: FxHashMap<Value, ValueId>,
}

impl Values {
    /// All values there are, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = Value> {
        self.list.iter().copied()
    }

    /// The number of a value.
    pub fn id(&mut self, value: Value) -> ValueId {
        *self.ids.entry(value).or_insert_with(|| {
            self.list.push(value);
            ValueId(u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX))
        })
    }

    /// Whether the value only matters in small numbers: a constant, a container, a chain of external names.
    pub fn is_plain(&self, id: ValueId) -> bool {
        match self.get(id) {
            Value::Str(_)
            | Value::Start(_)
            | Value::Int(_)
            | Value::Container(_)
            | Value::External(_)
            | Value::Iterator(_)
            | Value::Object(_, CallId::NONE) => true,
            // It is told apart by its object.
            Value::ExternalBound(_, object) => {
                !matches!(self.get(object), Value::Object(_, site) if site != CallId::NONE)
            }
            _ => false,
        }
    }

    /// The value of a number.
    #[inline]
    pub fn get(&self, id: ValueId) -> Value {
        self.list[id.0 as usize]
    }
}
