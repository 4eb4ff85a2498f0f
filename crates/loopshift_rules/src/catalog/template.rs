//! Templates of one-to-one replacements: `{@anyio}.sleep_until({when})`.

use super::signature::{ParameterKind, Signature};

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Text(Box<str>),
    /// What the parameter of that index got, or its default.
    Parameter(usize),
    /// An imported name: `{@anyio}`, `{@functools:partial}`.
    Import {
        /// The module.
        module: Box<str>,
        /// What of it, or `None` for the module itself.
        name: Option<Box<str>>,
    },
    /// `{self}`: the object whose method is called.
    Receiver,
    /// `{*}`: all arguments, as they stand in the call.
    Arguments,
    /// `{,timeout}`: a comma and the argument by its name, where the call gives it.
    Given(usize),
    /// `{#name}`: a small function or class that is put into the module.
    Helper(Box<str>),
}

/// A replacement, by the parameters of what it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The parts in order.
    pub parts: Box<[Part]>,
}

impl Template {
    /// Reads a template. `{{` and `}}` are braces.
    pub fn parse(text: &str, signature: Option<&Signature>) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let (name, after) = (brace == "{")
                .then(|| rest.split_once('}'))
                .flatten()
                .ok_or_else(|| format!("a single brace in the template `{text}`"))?;
            rest = after;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal).into()));
            }
            parts.push(Part::parse(name, text, signature)?);
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal.into()));
        }
        Ok(Template {
            parts: parts.into(),
        })
    }

    /// Whether the parameter of that index stands in it.
    pub fn uses(&self, parameter: usize) -> bool {
        let parts = &self.parts;
        parts.contains(&Part::Parameter(parameter))
            || parts.contains(&Part::Given(parameter))
            || parts.contains(&Part::Arguments)
    }
}

impl Part {
    fn parse(name: &str, template: &str, signature: Option<&Signature>) -> Result<Part, String> {
        if let Some(import) = name.strip_prefix('@') {
            let (module, name) = match import.split_once(':') {
                Some((module, name)) => (module, Some(name.into())),
                None => (import, None),
            };
            return Ok(Part::Import {
                module: module.into(),
                name,
            });
        }
        if let Some(helper) = name.strip_prefix('#') {
            return Ok(Part::Helper(helper.into()));
        }
        match name {
            "self" => return Ok(Part::Receiver),
            "*" => return Ok(Part::Arguments),
            _ => {}
        }
        let (name, given) = match name.strip_prefix(',') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let signature = signature.ok_or_else(|| {
            format!("the template `{template}` has a parameter, the row has no signature")
        })?;
        let index = signature.index(name).ok_or_else(|| {
            format!(
                "the template `{template}` names `{name}`, which is no parameter of `{signature}`"
            )
        })?;
        if signature.parameters[index].kind == ParameterKind::Keywords {
            return Err(format!(
                "the template `{template}` can't pass on the keyword arguments of `{name}`"
            ));
        }
        Ok(if given {
            Part::Given(index)
        } else {
            Part::Parameter(index)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read() {
        let signature = Signature::parse("(when, *, k=1, **rest)").unwrap();
        let read = |text: &str| Template::parse(text, Some(&signature));
        assert_eq!(read("{self}").unwrap().parts[..], [Part::Receiver]);
        let template = read("await {@anyio}.f({when}, {{}}, {@functools:partial})").unwrap();
        assert!(template.uses(0) && !template.uses(1));
        assert_eq!(
            template.parts[1],
            Part::Import {
                module: "anyio".into(),
                name: None
            }
        );
        assert_eq!(template.parts[4], Part::Text(", {}, ".into()));
        let parts = read("await {self}.f({*}, {#joinall})").unwrap().parts;
        assert_eq!(
            (&parts[1], &parts[3], &parts[5]),
            (
                &Part::Receiver,
                &Part::Arguments,
                &Part::Helper("joinall".into())
            )
        );
        for wrong in ["{", "}", "{when", "{other}", "{rest}"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
