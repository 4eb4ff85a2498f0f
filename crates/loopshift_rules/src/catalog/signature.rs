//! Signatures of APIs, written as Python writes them, and the binding of calls to them.

use std::fmt;

/// How a parameter takes its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Before a `/`.
    PositionalOnly,
    /// By position or by name.
    Either,
    /// `*args`.
    Variadic,
    /// After a `*`.
    KeywordOnly,
    /// `**kwargs`.
    Keywords,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, without stars.
    pub name: Box<str>,
    /// How it takes its arguments.
    pub kind: ParameterKind,
    /// The text of its default.
    pub default: Option<Box<str>>,
}

/// The parameters of a function or method, without `self`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Signature {
    /// The parameters in order.
    pub parameters: Box<[Parameter]>,
}

/// One argument of a call: its index among the positional or among the keyword arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The nth positional argument.
    Positional(usize),
    /// The nth keyword argument.
    Keyword(usize),
}

/// Why a call does not bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindError {
    /// More positional arguments than it takes.
    TooMany,
    /// A keyword that it does not take.
    Unexpected(Box<str>),
    /// Two arguments for one parameter.
    Twice(Box<str>),
    /// Nothing for a parameter without default.
    Missing(Box<str>),
    /// `*args` or `**kwargs` in the call: which parameters they fill can't be known.
    Unpacked,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::TooMany => f.write_str("it takes fewer positional arguments"),
            BindError::Unexpected(name) => write!(f, "it takes no argument `{name}`"),
            BindError::Twice(name) => write!(f, "there are two arguments for `{name}`"),
            BindError::Missing(name) => write!(f, "there is no argument for `{name}`"),
            BindError::Unpacked => {
                f.write_str("what `*` or `**` unpacks into the call can't be known")
            }
        }
    }
}

impl Signature {
    /// Reads `(a, /, b=1, *args, c, d=None, **kwargs)`.
    ///
    /// # Errors
    /// A sentence on what is wrong with the text.
    pub fn parse(text: &str) -> Result<Signature, String> {
        let inner = text
            .trim()
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix(')'))
            .ok_or_else(|| format!("the signature `{text}` has to stand in parentheses"))?;
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut kind = ParameterKind::Either;
        for item in split_top_level(inner)? {
            if item == "/" {
                for parameter in &mut parameters {
                    parameter.kind = ParameterKind::PositionalOnly;
                }
                continue;
            }
            if item == "*" {
                kind = ParameterKind::KeywordOnly;
                continue;
            }
            let (name, default) = match item.split_once('=') {
                Some((name, default)) => (name.trim(), Some(default.trim().into())),
                None => (item, None),
            };
            let (name, this) = if let Some(name) = name.strip_prefix("**") {
                (name, ParameterKind::Keywords)
            } else if let Some(name) = name.strip_prefix('*') {
                kind = ParameterKind::KeywordOnly;
                (name, ParameterKind::Variadic)
            } else {
                (name, kind)
            };
            if !is_identifier(name) {
                return Err(format!(
                    "`{name}` in the signature `{text}` is not the name of a parameter"
                ));
            }
            parameters.push(Parameter {
                name: name.into(),
                kind: this,
                default,
            });
        }
        Ok(Signature {
            parameters: parameters.into(),
        })
    }

    /// The index of the parameter `name`, also written as a number.
    pub fn index(&self, name: &str) -> Option<usize> {
        if let Ok(index) = name.parse::<usize>() {
            return (index < self.parameters.len()).then_some(index);
        }
        self.parameters
            .iter()
            .position(|parameter| &*parameter.name == name)
    }

    /// The arguments that each parameter gets: none where its default is used, several for `*args` and `**kwargs`.
    ///
    /// `positional` has one entry for each positional argument, true for `*x`. `keywords` has the names of the
    /// keyword arguments, `None` for `**x`. Unpacking binds only where it can but fill `*args`, or can but
    /// fill `**kwargs`.
    pub fn bind(
        &self,
        positional: &[bool],
        keywords: &[Option<&str>],
    ) -> Result<Vec<Vec<Argument>>, BindError> {
        let mut bound = vec![Vec::new(); self.parameters.len()];
        let mut next = 0;
        for (index, starred) in positional.iter().enumerate() {
            let parameter = self.parameters.get(next).ok_or(if *starred {
                BindError::Unpacked
            } else {
                BindError::TooMany
            })?;
            match parameter.kind {
                ParameterKind::Variadic => bound[next].push(Argument::Positional(index)),
                ParameterKind::PositionalOnly | ParameterKind::Either if !starred => {
                    bound[next].push(Argument::Positional(index));
                    next += 1;
                }
                _ if *starred => return Err(BindError::Unpacked),
                _ => return Err(BindError::TooMany),
            }
        }
        let rest = self
            .parameters
            .iter()
            .position(|parameter| parameter.kind == ParameterKind::Keywords);
        for (index, keyword) in keywords.iter().enumerate() {
            let Some(name) = keyword else { continue };
            let named = self.parameters.iter().position(|parameter| {
                &*parameter.name == *name
                    && matches!(
                        parameter.kind,
                        ParameterKind::Either | ParameterKind::KeywordOnly
                    )
            });
            let at = named
                .or(rest)
                .ok_or_else(|| BindError::Unexpected((*name).into()))?;
            if named.is_some() && !bound[at].is_empty() {
                return Err(BindError::Twice((*name).into()));
            }
            bound[at].push(Argument::Keyword(index));
        }
        let unpacked = keywords.iter().position(Option::is_none);
        for (parameter, arguments) in self.parameters.iter().zip(&mut bound) {
            let single = !matches!(
                parameter.kind,
                ParameterKind::Variadic | ParameterKind::Keywords
            );
            if let Some(index) = unpacked {
                match parameter.kind {
                    ParameterKind::Keywords => arguments.push(Argument::Keyword(index)),
                    ParameterKind::Either | ParameterKind::KeywordOnly if arguments.is_empty() => {
                        return Err(BindError::Unpacked);
                    }
                    _ => {}
                }
            }
            if single && arguments.is_empty() && parameter.default.is_none() {
                return Err(BindError::Missing(parameter.name.clone()));
            }
        }
        if unpacked.is_some() && rest.is_none() {
            return Err(BindError::Unpacked);
        }
        Ok(bound)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items: Vec<String> = Vec::new();
        let mut keyword_only = false;
        for (index, parameter) in self.parameters.iter().enumerate() {
            let stars = match parameter.kind {
                ParameterKind::Variadic => "*",
                ParameterKind::Keywords => "**",
                _ => "",
            };
            if parameter.kind == ParameterKind::KeywordOnly && !keyword_only {
                items.push("*".to_owned());
            }
            keyword_only |= matches!(
                parameter.kind,
                ParameterKind::KeywordOnly | ParameterKind::Variadic
            );
            let default = parameter
                .default
                .iter()
                .map(|default| format!("={default}"));
            items.push(format!(
                "{stars}{}{}",
                parameter.name,
                default.collect::<String>()
            ));
            let next = self.parameters.get(index + 1).map(|next| next.kind);
            if parameter.kind == ParameterKind::PositionalOnly
                && next != Some(ParameterKind::PositionalOnly)
            {
                items.push("/".to_owned());
            }
        }
        write!(f, "({})", items.join(", "))
    }
}

/// Splits at the commas outside brackets and quotes. An empty text has no items.
pub(super) fn split_top_level(text: &str) -> Result<Vec<&str>, String> {
    let mut items = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| format!("a bracket too many in `{text}`"))?;
            }
            (None, b',') if depth == 0 => {
                items.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 || quote.is_some() {
        return Err(format!("`{text}` is not complete"));
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        items.push(last);
    }
    Ok(items)
}

pub(super) fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|first| first == '_' || first.is_alphabetic())
        && chars.all(|char| char == '_' || char.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_shown_the_same() {
        for text in [
            "()",
            "(a)",
            "(a, /)",
            "(a, /, b=1, *, c, d='x, y')",
            "(*args, **kw)",
            "(a, *args, b=None, **kw)",
            "(*, a=(1, 2))",
        ] {
            assert_eq!(Signature::parse(text).unwrap().to_string(), text);
        }
        for text in ["a", "(a", "(1)", "(a=[)", "(a b)"] {
            assert!(Signature::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn calls_bind_as_python_binds_them() {
        let signature = Signature::parse("(a, /, b=1, *args, c=2, **kw)").unwrap();
        let bound = signature
            .bind(&[false, false, false], &[Some("c"), Some("d")])
            .unwrap();
        let [p0, p1, p2] = [0, 1, 2].map(Argument::Positional);
        let [k0, k1] = [0, 1].map(Argument::Keyword);
        assert_eq!(bound, [vec![p0], vec![p1], vec![p2], vec![k0], vec![k1]]);
        assert_eq!(
            signature.bind(&[], &[Some("a")]),
            Err(BindError::Missing("a".into()))
        );
        assert_eq!(
            signature.bind(&[false, false], &[Some("b")]),
            Err(BindError::Twice("b".into()))
        );
        assert_eq!(signature.bind(&[true], &[]), Err(BindError::Unpacked));
        assert_eq!(signature.bind(&[false, false, true], &[]).unwrap()[2], [p2]);

        let plain = Signature::parse("(delay, result=None)").unwrap();
        assert_eq!(plain.bind(&[false; 3], &[]), Err(BindError::TooMany));
        assert_eq!(
            plain.bind(&[false], &[Some("loop")]),
            Err(BindError::Unexpected("loop".into()))
        );
        assert_eq!(plain.bind(&[false], &[None]), Err(BindError::Unpacked));
    }
}
