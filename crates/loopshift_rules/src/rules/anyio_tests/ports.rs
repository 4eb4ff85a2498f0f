//! The fixtures of pytest-asyncio for free ports, which `AnyIO`'s plugin has by other names since 4.9.

use loopshift_python::ast::visitor::source_order::{self, SourceOrderVisitor};
use loopshift_python::ast::{
    Expr, Identifier, InterpolatedStringElement, Keyword, Parameter, StmtFunctionDef,
};
use loopshift_python::{Ranged, TextRange};

/// Those of pytest-asyncio, and what `AnyIO` calls them.
const PORTS: &[(&str, &str)] = &[
    ("unused_tcp_port", "free_tcp_port"),
    ("unused_tcp_port_factory", "free_tcp_port_factory"),
    ("unused_udp_port", "free_udp_port"),
    ("unused_udp_port_factory", "free_udp_port_factory"),
];

/// What a function calls a fixture of pytest-asyncio.
#[derive(Clone, Debug)]
pub(super) struct Port {
    /// The name of the fixture.
    pub name: &'static str,
    /// The name that `AnyIO` has for it.
    pub counterpart: &'static str,
    /// All places of the name in the function.
    pub places: Vec<TextRange>,
}

/// The fixtures for ports that a function asks for, as far as each name means nothing else in it.
pub(super) fn asked_for(def: &StmtFunctionDef, needs: &[String]) -> Vec<Port> {
    let asked = PORTS
        .iter()
        .filter(|(name, _)| needs.iter().any(|it| it == name));
    asked
        .filter_map(|&(name, counterpart)| {
            let mut names = Names {
                name,
                counterpart,
                places: Vec::new(),
                bound: 0,
                said: 0,
                members: 0,
                clash: false,
            };
            names.visit_parameters(&def.parameters);
            names.visit_body(&def.body);
            // One inside, by another function, is another thing. So is what binds the name in a way that is not renamed here.
            let is_plain = names.bound == 1 && names.said == names.bound + names.members;
            (is_plain && !names.clash).then_some(Port {
                name,
                counterpart,
                places: names.places,
            })
        })
        .collect()
}

/// Where a function says a name.
struct Names {
    name: &'static str,
    counterpart: &'static str,
    places: Vec<TextRange>,
    /// How many parameters have the name.
    bound: usize,
    /// How often it stands where no expression does: there, in `nonlocal`, behind a dot, before `=` in a call.
    said: usize,
    /// How many of these are members and keywords of something else.
    members: usize,
    /// Whether the counterpart is the name of something, or somebody can see what the name is.
    clash: bool,
}

impl<'a> SourceOrderVisitor<'a> for Names {
    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        if parameter.name.as_str() == self.name {
            self.bound += 1;
            self.places.push(parameter.name.range());
        }
        self.clash |= parameter.name.as_str() == self.counterpart;
        source_order::walk_parameter(self, parameter);
    }

    fn visit_identifier(&mut self, identifier: &'a Identifier) {
        self.said += usize::from(identifier.as_str() == self.name);
    }

    fn visit_keyword(&mut self, keyword: &'a Keyword) {
        let is_it = |it: &Identifier| it.as_str() == self.name;
        self.members += usize::from(keyword.arg.as_ref().is_some_and(is_it));
        source_order::walk_keyword(self, keyword);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        let before = self.places.len();
        source_order::walk_interpolated_string_element(self, element);
        let shows_text = |it: &InterpolatedStringElement| match it {
            InterpolatedStringElement::Interpolation(it) => it.debug_text.is_some(),
            InterpolatedStringElement::Literal(_) => false,
        };
        self.clash |= self.places.len() > before && shows_text(element);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => {
                if name.id == self.name {
                    self.places.push(name.range());
                }
                let shows_names = ["locals", "vars", "dir", "eval", "exec"];
                self.clash |=
                    name.id == self.counterpart || shows_names.contains(&name.id.as_str());
            }
            Expr::Attribute(it) => self.members += usize::from(it.attr.as_str() == self.name),
            _ => {}
        }
        source_order::walk_expr(self, expr);
    }
}
