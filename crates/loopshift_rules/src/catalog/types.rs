//! What an API returns and what it passes to callbacks, in a small language of types.
//!
//! | written | is |
//! | --- | --- |
//! | `asyncio.Task` | an instance of the class of that name |
//! | `asyncio.Task[T]`, `list[T]`, `set[T]`, `dict[K, V]`, `tuple[A, B]` | with what it holds or results in; `tuple[T]` has any length |
//! | `Awaitable[T]`, `Iterator[T]`, `AsyncIterator[T]` | something that gives `T` when awaited or iterated |
//! | `ContextManager[T]`, `AsyncContextManager[T]` | something that gives `T` when entered |
//! | `type[T]` | the class itself |
//! | `self` | the object whose member it is |
//! | `kept` | what members that keep what they are given have put into it |
//! | `arg:p` | what the parameter `p` got (by name or number; for `*p` any of them) |
//! | `result:p` | what awaiting it gives |
//! | `call:p`, `awaited:p` | what calling it gives, what awaiting that gives |
//! | `item:p` | what iterating over it gives |
//! | `entered:p` | what entering it gives |
//! | `Any` | anything: unknown |

use super::signature::{ParameterKind, Signature, is_identifier, split_top_level};

/// A type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Type {
    /// It can't be said.
    #[default]
    Unknown,
    /// An instance of a class, `None`, or one of the words `Awaitable`, `Iterator`, …
    Named {
        /// The canonical name.
        name: Box<str>,
        /// What stands in its brackets.
        arguments: Box<[Type]>,
    },
    /// What follows from the receiver or an argument.
    Of(Derived, Operand),
}

/// How a type follows from a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derived {
    /// The value itself.
    Itself,
    /// What awaiting the value gives.
    Result,
    /// What calling the value gives.
    Call,
    /// What awaiting what calling it gives gives.
    Awaited,
    /// What iterating over the value gives.
    Item,
    /// What entering the value as a context manager gives.
    Entered,
    /// What was put into it.
    Kept,
}

/// The value that a type follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The object whose member is called or read.
    Receiver,
    /// What the parameter of that index got.
    Parameter(usize),
}

/// A parameter that is called back, and what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The index of the parameter that is called.
    pub parameter: usize,
    /// What it is given, in order.
    pub arguments: Box<[Passed]>,
}

/// An argument given to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// One positional argument of that type.
    One(Type),
    /// All that the parameter of that index holds, by position.
    Spread(usize),
    /// All that the parameter of that index holds, by name.
    SpreadKeywords(usize),
}

impl Type {
    /// Reads a type. `signature` is that of the API that the type belongs to.
    pub fn parse(text: &str, signature: Option<&Signature>) -> Result<Type, String> {
        let text = text.trim();
        match text {
            "Any" => return Ok(Type::Unknown),
            "self" => return Ok(Type::Of(Derived::Itself, Operand::Receiver)),
            "kept" => return Ok(Type::Of(Derived::Kept, Operand::Receiver)),
            _ => {}
        }
        if let Some((word, operand)) = text.split_once(':').filter(|(word, _)| !word.contains('['))
        {
            let derived = match word {
                "arg" => Derived::Itself,
                "result" => Derived::Result,
                "call" => Derived::Call,
                "awaited" => Derived::Awaited,
                "item" => Derived::Item,
                "entered" => Derived::Entered,
                _ => return Err(format!("`{word}:` is not a way to make a type")),
            };
            if operand == "self" {
                return Ok(Type::Of(derived, Operand::Receiver));
            }
            let index = signature
                .and_then(|signature| signature.index(operand))
                .ok_or_else(|| {
                    format!("the type `{text}` names `{operand}`, which is no parameter")
                })?;
            return Ok(Type::Of(derived, Operand::Parameter(index)));
        }
        let (name, arguments) = match text.split_once('[') {
            None => (text, Vec::new()),
            Some((name, rest)) => {
                let inner = rest
                    .strip_suffix(']')
                    .ok_or_else(|| format!("the type `{text}` is not complete"))?;
                (name, split_top_level(inner)?)
            }
        };
        if !name.split('.').all(is_identifier) {
            return Err(format!("`{text}` is not a type"));
        }
        let arguments: Result<Vec<Type>, String> = arguments
            .into_iter()
            .map(|argument| Type::parse(argument, signature))
            .collect();
        Ok(Type::named(name, arguments?))
    }

    /// An instance of the class `name`.
    pub fn named(name: &str, arguments: Vec<Type>) -> Type {
        Type::Named {
            name: name.into(),
            arguments: arguments.into(),
        }
    }

    /// The same type with other names.
    pub(super) fn renamed(&self, rename: &dyn Fn(&str) -> Box<str>) -> Type {
        match self {
            Type::Named { name, arguments } => Type::Named {
                name: rename(name),
                arguments: arguments
                    .iter()
                    .map(|argument| argument.renamed(rename))
                    .collect(),
            },
            Type::Unknown | Type::Of(..) => self.clone(),
        }
    }

    /// All names in it, the outer one first.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Type::Named { name, arguments } => {
                let mut names = vec![&**name];
                names.extend(arguments.iter().flat_map(Type::names));
                names
            }
            Type::Unknown | Type::Of(..) => Vec::new(),
        }
    }
}

/// A method of a derived class that its base calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The name of the method.
    pub method: Box<str>,
    /// The types of what it is given.
    pub arguments: Box<[Type]>,
}

impl Hook {
    /// Reads `handle(gevent.socket.socket, Any)`.
    pub fn parse(text: &str) -> Result<Hook, String> {
        let (method, rest) = text
            .split_once('(')
            .ok_or_else(|| format!("`hooks` has `{text}`, which is not a call"))?;
        let inner = rest
            .strip_suffix(')')
            .ok_or_else(|| format!("`hooks` has `{text}`, which is not complete"))?;
        let arguments: Result<Vec<Type>, String> = split_top_level(inner)?
            .into_iter()
            .map(|argument| Type::parse(argument, None))
            .collect();
        Ok(Hook {
            method: method.into(),
            arguments: arguments?.into(),
        })
    }
}

impl Callback {
    /// Reads `callback(*args)`, `handler(self, asyncio.StreamReader)`.
    pub fn parse(text: &str, signature: &Signature) -> Result<Callback, String> {
        let (name, rest) = text
            .split_once('(')
            .ok_or_else(|| format!("`calls` has `{text}`, which is not a call"))?;
        let inner = rest
            .strip_suffix(')')
            .ok_or_else(|| format!("`calls` has `{text}`, which is not complete"))?;
        let parameter = |name: &str| {
            signature.index(name).ok_or_else(|| {
                format!("`calls` names `{name}`, which is no parameter of `{signature}`")
            })
        };
        let arguments: Result<Vec<Passed>, String> = split_top_level(inner)?
            .into_iter()
            .map(|argument| {
                if let Some(name) = argument.strip_prefix("**") {
                    Ok(Passed::SpreadKeywords(parameter(name)?))
                } else if let Some(name) = argument.strip_prefix('*') {
                    Ok(Passed::Spread(parameter(name)?))
                } else {
                    Type::parse(argument, Some(signature)).map(Passed::One)
                }
            })
            .collect();
        let called = parameter(name)?;
        if signature.parameters[called].kind == ParameterKind::Keywords {
            return Err(format!(
                "`calls` calls `{name}`, which holds keyword arguments"
            ));
        }
        Ok(Callback {
            parameter: called,
            arguments: arguments?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read() {
        let signature = Signature::parse("(coro, *args)").unwrap();
        let read = |text: &str| Type::parse(text, Some(&signature));
        assert_eq!(read("Any").unwrap(), Type::Unknown);
        assert_eq!(
            read("arg:args").unwrap(),
            Type::Of(Derived::Itself, Operand::Parameter(1))
        );
        assert_eq!(
            read("result:0").unwrap(),
            Type::Of(Derived::Result, Operand::Parameter(0))
        );
        let task = Type::named(
            "asyncio.Task",
            vec![Type::Of(Derived::Result, Operand::Parameter(0))],
        );
        assert_eq!(
            read("Awaitable[tuple[asyncio.Task[result:coro], None]]")
                .unwrap()
                .names(),
            ["Awaitable", "tuple", "asyncio.Task", "None"]
        );
        assert_eq!(read("asyncio.Task[result:coro]").unwrap(), task);
        for wrong in ["", "a b", "list[", "result:other", "made:coro", "list]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn callbacks_are_read() {
        let signature = Signature::parse("(target, args=(), kwargs=None)").unwrap();
        let callback = Callback::parse("target(self, *args, **kwargs)", &signature).unwrap();
        assert_eq!(callback.parameter, 0);
        assert_eq!(
            callback.arguments[1..],
            [Passed::Spread(1), Passed::SpreadKeywords(2)]
        );
        assert!(Callback::parse("other()", &signature).is_err());
        assert!(Callback::parse("target(*other)", &signature).is_err());
    }
}
