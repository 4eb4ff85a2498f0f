//! Calls of code outside the program, as the catalog describes them.

use super::value::{CallId, Value, ValueId};
use super::{Flow, builtin};
use crate::externals::{Api, ApiKind, ApiType, CallbackArg};
use crate::ir::{Arg, ArgKind, CallForm, ContainerKind, FuncId, Key, Node, Reason, Sym};

/// Chains of calls into unknown code longer than this are not told apart.
const CHAIN_LIMIT: usize = 3;

impl Flow<'_> {
    /// A call of an external symbol, or of a method of an external object.
    pub(super) fn call_external(&mut self, index: u32, sym: Sym, receiver: Option<ValueId>) {
        let marker = self.values.id(Value::External(sym));
        let key = receiver.unwrap_or(marker);
        if !self.done.insert((index, key)) {
            return;
        }
        if builtin::call(self, index, sym, receiver) {
            return;
        }
        match self.api(sym) {
            Some(api) => self.call_api(index, sym, api, receiver),
            None => self.call_opaque(index, sym),
        }
    }

    fn call_opaque(&mut self, index: u32, sym: Sym) {
        let call = &self.linked.calls[index as usize];
        let (result, form) = (call.result, call.form);
        if form == CallForm::Decorator {
            // A decorator we cannot see: taken to hand back the function, or something that calls it.
            self.pass_first(index);
            return;
        }
        let text = self.text(sym).to_owned();
        let last = text.rsplit('.').next().unwrap_or(&text);
        let class_like = last.trim_start_matches('_').starts_with(char::is_uppercase);
        if class_like && !text.ends_with("()") {
            self.add(result, Value::Object(sym, CallId::NONE));
        } else if text.starts_with("<builtin>.") {
            self.unknown(result, Reason::Opaque);
        } else if text.matches("()").count() >= CHAIN_LIMIT {
            self.unknown(result, Reason::TooDeep);
        } else {
            let called = self.sym(&format!("{text}()"));
            self.add(result, Value::External(called));
        }
    }

    fn call_api(&mut self, index: u32, sym: Sym, api: &Api, receiver: Option<ValueId>) {
        let result = self.linked.calls[index as usize].result;
        let form = self.linked.calls[index as usize].form;
        let site = CallId(index);
        match (&api.kind, &api.returns) {
            (ApiKind::Class, None) => self.add(result, Value::Object(sym, site)),
            (_, Some(returns)) => {
                let returns = returns.clone();
                self.add_type(&returns, result, site, receiver);
            }
            (_, None) if form == CallForm::Decorator => self.pass_first(index),
            (_, None) => {}
        }
        for callback in &api.calls {
            let Some(callee) = self.argument(index, api, &callback.param) else {
                continue;
            };
            let mut args = Vec::new();
            for arg in &callback.args {
                match arg {
                    CallbackArg::Star(name) => args.extend(self.star_arguments(index, api, name)),
                    CallbackArg::Param(name) => {
                        let node = self.argument(index, api, name).unwrap_or(Node::NONE);
                        args.push(Arg {
                            kind: ArgKind::Positional,
                            node,
                        });
                    }
                    CallbackArg::Type(ty) => {
                        let node = self.new_node();
                        self.add_type(ty, node, site, receiver);
                        args.push(Arg {
                            kind: ArgKind::Positional,
                            node,
                        });
                    }
                }
            }
            let scratch = self.new_node();
            // The library calls it, not whoever hands it over.
            self.make_call(index, callee, args.into(), scratch, FuncId::NONE);
        }
    }

    /// Gives a node the values of a type.
    pub(super) fn add_type(
        &mut self,
        ty: &ApiType,
        to: Node,
        site: CallId,
        receiver: Option<ValueId>,
    ) {
        match ty {
            ApiType::Instance(name) => {
                let sym = self.canonical(name);
                self.add(to, Value::Object(sym, site));
            }
            ApiType::Awaitable(inner) => {
                let node = self.new_node();
                self.add_type(inner, node, site, receiver);
                self.add(to, Value::Awaitable(node));
            }
            ApiType::Manager(inner) => {
                let node = self.new_node();
                self.add_type(inner, node, site, receiver);
                self.add(to, Value::Manager(node));
            }
            ApiType::Container(inner) => {
                let container = self.new_container(ContainerKind::List);
                let elements = self.linked.containers[container.0 as usize].elements;
                self.add_type(inner, elements, site, receiver);
                self.add(to, Value::Container(container));
            }
            ApiType::Tuple(parts) => {
                let container = self.new_container(ContainerKind::Tuple);
                for (place, part) in parts.iter().enumerate() {
                    let key = i32::try_from(place).map_or(Key::Any, Key::Int);
                    let item = self.item(container, key);
                    self.add_type(part, item, site, receiver);
                }
                self.add(to, Value::Container(container));
            }
            ApiType::Arg(place) => {
                let node = self.positional(site, *place);
                self.edge(node, to);
            }
            ApiType::Result(place) => {
                let node = self.positional(site, *place);
                self.add_protocol(crate::ir::ProtocolKind::Await, node, to, FuncId::NONE);
            }
            ApiType::This => {
                if let Some(receiver) = receiver {
                    self.add_id(to, receiver);
                }
            }
            ApiType::Unknown => self.unknown(to, Reason::Opaque),
        }
    }

    /// The argument of the call that made an object, by the place of its parameter.
    fn positional(&self, site: CallId, place: usize) -> Node {
        if site == CallId::NONE {
            return Node::NONE;
        }
        let call = &self.linked.calls[site.0 as usize];
        call.args
            .iter()
            .filter(|arg| arg.kind == ArgKind::Positional)
            .nth(place)
            .map_or(Node::NONE, |arg| arg.node)
    }

    /// The argument given for a parameter of an external API.
    pub(super) fn argument(&self, index: u32, api: &Api, name: &str) -> Option<Node> {
        let call = &self.linked.calls[index as usize];
        let keyword = call.args.iter().find(|arg| match arg.kind {
            ArgKind::Keyword(sym) => self.text(sym) == name,
            _ => false,
        });
        if let Some(arg) = keyword {
            return Some(arg.node);
        }
        let place = api
            .params
            .iter()
            .filter(|param| !param.keyword_only && !param.double_star)
            .position(|param| param.name == name)?;
        let before = call.args.iter().take(place + 1);
        if before.clone().any(|arg| arg.kind == ArgKind::Star) {
            return None;
        }
        call.args
            .iter()
            .filter(|arg| arg.kind == ArgKind::Positional)
            .nth(place)
            .map(|arg| arg.node)
    }

    fn star_arguments(&self, index: u32, api: &Api, name: &str) -> Vec<Arg> {
        let place = api
            .params
            .iter()
            .position(|param| param.star && param.name == name);
        let Some(place) = place else {
            return Vec::new();
        };
        self.linked.calls[index as usize]
            .args
            .iter()
            .filter(|arg| matches!(arg.kind, ArgKind::Positional | ArgKind::Star))
            .skip(place)
            .copied()
            .collect()
    }
}
