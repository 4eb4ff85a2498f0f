//! Functions and classes.

use loopshift_python::ast::{self, Expr};
use loopshift_python::{Ranged, TextRange};

use super::Lowerer;
use super::bindings;
use super::scope::ScopeKind;
use crate::ir::{
    CallForm, Class, ClassId, Constant, ContainerKind, FuncId, Function, FunctionKind, Node, Param,
    ParamKind,
};

impl<'a> Lowerer<'a> {
    fn decorate(&mut self, decorators: &'a [ast::Decorator], mut value: Node) -> Node {
        let callees: Vec<Node> = decorators
            .iter()
            .map(|decorator| self.expr_node(&decorator.expression))
            .collect();
        for (decorator, callee) in decorators.iter().zip(callees).rev() {
            if callee.is_some() {
                let args = vec![Self::positional(value)];
                value = self.call(decorator.range, callee, args, CallForm::Decorator);
            }
        }
        value
    }

    pub(super) fn function_def(&mut self, def: &'a ast::StmtFunctionDef) {
        let params = self.defaults(&def.parameters);
        let returns = def
            .returns
            .as_ref()
            .and_then(|returns| self.annotation(returns));
        let class = match self.scopes.last().map(|scope| scope.kind) {
            Some(ScopeKind::Class(class)) => Some(class),
            _ => None,
        };
        let bindings = bindings::collect(&def.body, self.has_walrus);
        let is_generator = bindings::has_yield(&def.body);
        let id = self.begin_function(&NewFunction {
            name: def.name.as_str(),
            range: def.range,
            name_range: def.name.range(),
            kind: FunctionKind::Def,
            is_async: def.is_async,
            is_generator,
            class,
            decorated: !def.decorator_list.is_empty(),
        });
        let value = self.constant(Constant::Func(id));
        let value = self.decorate(&def.decorator_list, value);
        self.record(def.name.range(), value);
        self.write(def.name.as_str(), value);
        let is_static = def.decorator_list.iter().any(|decorator| {
            matches!(&decorator.expression, Expr::Name(name) if name.id.as_str() == "staticmethod")
        });
        self.function_body(
            id,
            &def.parameters,
            params,
            bindings,
            class.filter(|_| !is_static),
        );
        self.choose(id, def);
        self.body(&def.body);
        self.pop_scope();
        if let Some(annotation) = returns {
            let function = &self.ir.functions[id.0 as usize];
            let slot = if is_generator {
                function.yields
            } else {
                function.ret
            };
            let annotation = match annotation {
                crate::ir::Annotation::Container(_, element) if is_generator => *element,
                other => other,
            };
            if function.passes.is_empty() {
                self.ir.annotations.push((slot, annotation));
            }
        }
    }

    pub(super) fn begin_function(&mut self, new: &NewFunction<'_>) -> FuncId {
        let ret = self.node();
        let yields = self.node();
        let sends = self.node();
        let id = FuncId(u32::try_from(self.ir.functions.len()).unwrap_or(u32::MAX));
        let qualname = self.qualify(new.name);
        self.ir.functions.push(Function {
            qualname: qualname.into(),
            range: new.range,
            name_range: new.name_range,
            kind: new.kind,
            is_async: new.is_async,
            is_generator: new.is_generator,
            parent: self.owner(),
            class: new.class,
            params: Vec::new(),
            ret,
            yields,
            sends,
            passes: Vec::new(),
            choice: None,
            loops: Vec::new(),
            decorated: new.decorated,
        });
        id
    }

    /// The values of the defaults, in the scope around the function.
    pub(super) fn defaults(&mut self, parameters: &'a ast::Parameters) -> Vec<Node> {
        parameters
            .iter_non_variadic_params()
            .map(|param| {
                param
                    .default()
                    .map_or(Node::NONE, |default| self.expr_node(default))
            })
            .collect()
    }

    /// Opens the scope of a function and binds its parameters.
    pub(super) fn function_body(
        &mut self,
        id: FuncId,
        parameters: &'a ast::Parameters,
        defaults: Vec<Node>,
        mut bindings: bindings::Bindings<'a>,
        class: Option<ClassId>,
    ) {
        let annotations: Vec<_> = parameters
            .iter()
            .map(|param| {
                let annotation = param.annotation()?;
                self.annotation(annotation)
            })
            .collect();
        bindings
            .bound
            .extend(parameters.iter().map(|param| param.name().as_str()));
        let prefix = self.ir.functions[id.0 as usize].qualname.to_string();
        self.push_scope(ScopeKind::Function { method: None }, id, &bindings, prefix);
        let mut params = Vec::new();
        let mut add = |lowerer: &mut Self, param: &'a ast::Parameter, kind, has_default| {
            let node = lowerer.node();
            let name = lowerer.sym(param.name.as_str());
            lowerer.record(param.name.range(), node);
            lowerer.write(param.name.as_str(), node);
            params.push(Param {
                name,
                node,
                kind,
                range: param.range,
                has_default,
                default: Node::NONE,
            });
        };
        for param in &parameters.posonlyargs {
            add(
                self,
                &param.parameter,
                ParamKind::PositionalOnly,
                param.default.is_some(),
            );
        }
        for param in &parameters.args {
            add(
                self,
                &param.parameter,
                ParamKind::Positional,
                param.default.is_some(),
            );
        }
        for param in &parameters.kwonlyargs {
            add(
                self,
                &param.parameter,
                ParamKind::KeywordOnly,
                param.default.is_some(),
            );
        }
        for (index, default) in defaults.into_iter().enumerate() {
            params[index].default = default;
        }
        let star = |lowerer: &mut Self, param: &'a ast::Parameter, kind: ContainerKind| {
            let (container, _) = lowerer.container(kind, Vec::new(), param.range);
            let node = lowerer.constant(Constant::Container(container));
            lowerer.record(param.name.range(), node);
            lowerer.write(param.name.as_str(), node);
            let name = lowerer.sym(param.name.as_str());
            let kind = match kind {
                ContainerKind::Dict => ParamKind::DoubleStar(container),
                _ => ParamKind::Star(container),
            };
            Param {
                name,
                node,
                kind,
                range: param.range,
                has_default: false,
                default: Node::NONE,
            }
        };
        if let Some(param) = &parameters.vararg {
            let param = star(self, param, ContainerKind::Tuple);
            params.push(param);
        }
        if let Some(param) = &parameters.kwarg {
            let param = star(self, param, ContainerKind::Dict);
            params.push(param);
        }
        for (param, annotation) in parameters.iter().zip(annotations) {
            let name = self.sym(param.name().as_str());
            let known = params.iter().find(|known| known.name == name);
            if let (Some(annotation), Some(known)) = (annotation, known)
                && matches!(
                    known.kind,
                    ParamKind::Positional | ParamKind::PositionalOnly | ParamKind::KeywordOnly
                )
            {
                self.ir.annotations.push((known.node, annotation));
            }
        }
        if let (Some(class), Some(first)) = (class, params.first())
            && matches!(
                first.kind,
                ParamKind::Positional | ParamKind::PositionalOnly
            )
            && let Some(scope) = self.scopes.last_mut()
        {
            scope.kind = ScopeKind::Function {
                method: Some((class, first.node)),
            };
        }
        self.ir.functions[id.0 as usize].params = params;
    }

    pub(super) fn class_def(&mut self, def: &'a ast::StmtClassDef) {
        let mut bases = Vec::new();
        let mut keywords = Vec::new();
        if let Some(arguments) = &def.arguments {
            for base in &arguments.args {
                let base = match base {
                    // `Generic[T]`, `Base[int]`: the class is what is subscripted.
                    Expr::Subscript(subscript) => {
                        self.expr(&subscript.slice);
                        self.expr_node(&subscript.value)
                    }
                    other => self.expr_node(other),
                };
                if base.is_some() {
                    bases.push(base);
                }
            }
            for keyword in &arguments.keywords {
                let value = self.expr_node(&keyword.value);
                if let Some(name) = &keyword.arg {
                    let name = self.sym(name.as_str());
                    keywords.push((name, value));
                }
            }
        }
        let id = ClassId(u32::try_from(self.ir.classes.len()).unwrap_or(u32::MAX));
        let qualname = self.qualify(def.name.as_str());
        let owner = self.owner();
        self.ir.classes.push(Class {
            qualname: qualname.as_str().into(),
            range: def.range,
            name_range: def.name.range(),
            bases,
            keywords,
            attrs: Vec::new(),
            fields: Vec::new(),
            parent: owner,
        });
        let class = self.constant(Constant::Class(id));
        let value = self.decorate(&def.decorator_list, class);
        // Nearly every class decorator hands the class back, and its bases must be known early.
        self.copy(class, value);
        self.record(def.name.range(), value);
        self.write(def.name.as_str(), value);
        let bindings = bindings::collect(&def.body, self.has_walrus);
        self.push_scope(ScopeKind::Class(id), owner, &bindings, qualname);
        self.body(&def.body);
        let scope = self.pop_scope();
        let own = def.name.as_str();
        let mut attrs: Vec<(&str, Node)> = scope
            .bindings
            .iter()
            .map(|(name, binding)| (*name, binding.cell))
            .collect();
        attrs.sort_unstable();
        let attrs = attrs
            .into_iter()
            .map(|(name, node)| (self.sym(&super::mangle(own, name)), node))
            .collect();
        self.ir.classes[id.0 as usize].attrs = attrs;
    }
}

/// What a new function is.
pub(super) struct NewFunction<'n> {
    pub(super) name: &'n str,
    pub(super) range: TextRange,
    pub(super) name_range: TextRange,
    pub(super) kind: FunctionKind,
    pub(super) is_async: bool,
    pub(super) is_generator: bool,
    pub(super) class: Option<ClassId>,
    pub(super) decorated: bool,
}
