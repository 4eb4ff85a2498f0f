//! Attributes: reading and writing them on every kind of value.

use super::external::Made;
use super::value::{Value, ValueId};
use super::{Constraint, FieldOwner, Flow, Target};
use crate::externals::ApiKind;
use crate::ir::{ClassId, FuncId, Node, Reason, Store, Sym};

impl Flow<'_> {
    /// `to = base.attr`.
    pub(super) fn load(&mut self, base: ValueId, attr: Sym, to: Node, owner: FuncId) {
        match self.values.get(base) {
            Value::Module(file) => self.load_module(file, attr, to),
            Value::External(sym) => self.load_external(sym, attr, to),
            Value::Instance(class) => self.load_instance(base, class, attr, to, owner),
            Value::Class(class) => self.load_class(base, class, attr, to),
            Value::Object(ty, _) => self.load_object(base, ty, attr, to),
            Value::Super(class, receiver) => self.load_super(class, receiver, attr, to, owner),
            Value::Container(container) => {
                let kind = self.linked.containers[container.0 as usize].kind;
                let kind = super::builtin::container_type(kind);
                let full = format!("<builtin>.{kind}.{}", self.text(attr));
                let sym = self.sym(&full);
                self.add(to, Value::ExternalBound(sym, base));
            }
            Value::Str(_) => {
                let full = format!("<builtin>.str.{}", self.text(attr));
                let sym = self.sym(&full);
                self.add(to, Value::ExternalBound(sym, base));
            }
            Value::Int(_) => {
                let full = format!("<builtin>.int.{}", self.text(attr));
                let sym = self.sym(&full);
                self.add(to, Value::ExternalBound(sym, base));
            }
            Value::Property(getter, _)
                if matches!(self.text(attr), "setter" | "getter" | "deleter") =>
            {
                self.add(to, Value::PropertySetter(getter));
            }
            Value::Func(func) => {
                let node = self.field(FieldOwner::Func(func), attr);
                self.edge(node, to);
                if self.text(attr) == "__wrapped__" {
                    self.unknown(to, Reason::Attribute);
                }
            }
            Value::Bound(func, receiver) => match self.text(attr) {
                "__func__" => self.add(to, Value::Func(func)),
                "__self__" => self.add_id(to, receiver),
                _ => {
                    let node = self.field(FieldOwner::Func(func), attr);
                    self.edge(node, to);
                }
            },
            Value::Partial(call) => {
                if self.text(attr) == "func" {
                    let first = self.linked.calls[call.0 as usize]
                        .args
                        .first()
                        .map(|arg| arg.node);
                    self.edge(first.unwrap_or(Node::NONE), to);
                }
            }
            Value::Generator(_) | Value::Iterator(_) => self.load_generator(base, attr, to),
            Value::Coroutine(_) | Value::Awaitable(_) => {
                let full = format!("<builtin>.coroutine.{}", self.text(attr));
                let sym = self.sym(&full);
                self.add(to, Value::ExternalBound(sym, base));
            }
            Value::ExternalBound(sym, _) => {
                let full = format!("{}.{}", self.text(sym), self.text(attr));
                let sym = self.sym(&full);
                self.add(to, Value::ExternalBound(sym, base));
            }
            Value::Unknown(_) => self.unknown(to, Reason::Attribute),
            _ => {}
        }
    }

    fn load_generator(&mut self, base: ValueId, attr: Sym, to: Node) {
        let full = format!("<builtin>.generator.{}", self.text(attr));
        let sym = self.sym(&full);
        self.add(to, Value::ExternalBound(sym, base));
    }

    fn load_module(&mut self, file: u32, attr: Sym, to: Node) {
        let mut visited = Vec::new();
        if self.module_member(file, attr, to, &mut visited) {
            return;
        }
        let getattr = self.linked.symbols.find("__getattr__");
        let module = &self.linked.modules[file as usize];
        if getattr.is_some_and(|getattr| module.globals.contains_key(&getattr)) {
            self.unknown(to, Reason::Dynamic);
            return;
        }
        if module.stars.is_empty() {
            let node = self.field(
                FieldOwner::Func(self.linked.modules[file as usize].body),
                attr,
            );
            self.edge(node, to);
        } else {
            self.unknown(to, Reason::Attribute);
        }
    }

    /// A variable of a module, a submodule, or what it star-imports.
    fn module_member(&mut self, file: u32, attr: Sym, to: Node, visited: &mut Vec<u32>) -> bool {
        let module = &self.linked.modules[file as usize];
        if let Some(node) = module.globals.get(&attr) {
            let node = *node;
            self.edge(node, to);
            return true;
        }
        let full = format!("{}.{}", module.name, self.text(attr));
        if let Some(sym) = self.linked.symbols.find(&full)
            && let Some(file) = self.linked.module(sym)
        {
            self.add(to, Value::Module(file.0));
            return true;
        }
        if let Some(sym) = self.linked.symbols.find(&full)
            && self.linked.namespaces.contains_key(&sym)
        {
            self.add(to, Value::External(sym));
            return true;
        }
        self.star_lookup(file, attr, to, visited)
    }

    /// What a module's star imports bind a name to.
    pub(super) fn star_lookup(
        &mut self,
        file: u32,
        name: Sym,
        to: Node,
        visited: &mut Vec<u32>,
    ) -> bool {
        if visited.contains(&file) {
            return false;
        }
        visited.push(file);
        let stars = self.linked.modules[file as usize].stars.clone();
        let mut found = false;
        for star in stars {
            match self.module_value(star) {
                Value::Module(source) => {
                    let exported = match &self.linked.modules[source as usize].all {
                        Some(all) => all.contains(&name),
                        None => !self.text(name).starts_with('_'),
                    };
                    if exported && self.module_member(source, name, to, visited) {
                        found = true;
                    }
                }
                Value::External(module) => {
                    let full = format!("{}.{}", self.text(module), self.text(name));
                    if self
                        .externals
                        .api(&self.externals.canonical(&full))
                        .is_some()
                    {
                        let sym = self.canonical(&full);
                        self.add(to, Value::External(sym));
                        found = true;
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn load_external(&mut self, sym: Sym, attr: Sym, to: Node) {
        let full = format!("{}.{}", self.text(sym), self.text(attr));
        if self.linked.namespaces.contains_key(&sym)
            && let Some(known) = self.linked.symbols.find(&full)
        {
            if let Some(file) = self.linked.module(known) {
                self.add(to, Value::Module(file.0));
                return;
            }
            if self.linked.namespaces.contains_key(&known) {
                self.add(to, Value::External(known));
                return;
            }
        }
        if self.stored.contains(&attr) {
            let field = self.field(FieldOwner::External(sym), attr);
            self.edge(field, to);
        }
        let full = self.canonical(&full);
        if let Some(api) = self.api(full)
            && matches!(api.kind, ApiKind::Property | ApiKind::Constant)
            && let Some(returns) = &api.returns
        {
            self.add_type(returns, to, Made::member(None));
            if api.kind == ApiKind::Constant {
                self.add(to, Value::External(full));
            }
            return;
        }
        self.add(to, Value::External(full));
    }

    fn load_object(&mut self, base: ValueId, ty: Sym, attr: Sym, to: Node) {
        let member = self.member(ty, attr);
        if self.stored.contains(&attr) {
            let field = self.field(FieldOwner::External(ty), attr);
            self.edge(field, to);
        }
        if let Some(api) = self.api(member)
            && api.kind == ApiKind::Property
        {
            match &api.returns {
                Some(returns) => self.add_type(returns, to, Made::member(Some(base))),
                None => self.add(to, Value::External(member)),
            }
            return;
        }
        self.add(to, Value::ExternalBound(member, base));
    }

    /// The canonical name of a member of an external class, from the base that has it.
    pub(super) fn member(&mut self, ty: Sym, attr: Sym) -> Sym {
        let attr = self.text(attr).to_owned();
        let mut queue = vec![self.text(ty).to_owned()];
        let mut index = 0;
        while index < queue.len() && index < 16 {
            let name = queue[index].clone();
            let full = format!("{name}.{attr}");
            if self.externals.api(&full).is_some() {
                return self.sym(&full);
            }
            if let Some(api) = self.externals.api(&name) {
                queue.extend(api.bases.iter().cloned());
            }
            index += 1;
        }
        let full = format!("{}.{attr}", self.text(ty));
        self.sym(&full)
    }

    fn load_instance(&mut self, base: ValueId, class: ClassId, attr: Sym, to: Node, owner: FuncId) {
        let text = self.text(attr);
        if text == "__class__" {
            self.add(to, Value::Class(class));
            return;
        }
        let order = self.own_mro(class);
        let mut known = false;
        if self.stored.contains(&attr) {
            for class in &order {
                known |= self.self_stored.contains(&(*class, attr));
                let field = self.field(FieldOwner::Class(*class), attr);
                known |= !self.set(field).is_empty();
                self.edge(field, to);
            }
        }
        match self.class_attr(class, attr) {
            Ok((_, node)) => self.bind_from(node, base, to, owner),
            Err(_) if known => {}
            Err(Some(external)) => {
                let member = self.member(external, attr);
                self.add(to, Value::ExternalBound(member, base));
            }
            Err(None) => self.load_missing(base, class, attr, to, owner),
        }
    }

    /// An attribute that neither the class nor its bases define.
    fn load_missing(&mut self, base: ValueId, class: ClassId, attr: Sym, to: Node, owner: FuncId) {
        // A base class may use what its subclasses define.
        let mut found = false;
        let mut queue = self.subclasses(class).to_vec();
        let mut index = 0;
        while index < queue.len() && index < 64 {
            let sub = queue[index];
            index += 1;
            if let Some(node) = self.attrs.get(&(sub, attr)).copied() {
                let receiver = self.values.id(Value::Instance(sub));
                self.bind_from(node, receiver, to, owner);
                found = true;
            }
            if self.self_stored.contains(&(sub, attr)) {
                let field = self.field(FieldOwner::Class(sub), attr);
                self.edge(field, to);
                found = true;
            }
            queue.extend(self.subclasses(sub).to_vec());
        }
        if found {
            return;
        }
        if let Some(getattr) = self.linked.symbols.find("__getattr__")
            && let Ok((_, node)) = self.class_attr(class, getattr)
        {
            let callee = self.new_node();
            self.bind_from(node, base, callee, owner);
            self.hidden_call(callee, &[], to, owner);
            return;
        }
        self.unknown(to, Reason::Attribute);
    }

    /// What stands in a class body, read through an instance.
    fn bind_from(&mut self, node: Node, receiver: ValueId, to: Node, owner: FuncId) {
        self.constrain(node, Constraint::Bind(receiver, to, owner));
    }

    pub(super) fn bind_method(&mut self, id: ValueId, receiver: ValueId, to: Node, owner: FuncId) {
        match self.values.get(id) {
            Value::Func(func) => self.add(to, Value::Bound(func, receiver)),
            Value::Static(func) => self.add(to, Value::Func(func)),
            Value::ClassMethod(func) => {
                let class = match self.values.get(receiver) {
                    Value::Instance(class) => self.values.id(Value::Class(class)),
                    _ => receiver,
                };
                self.add(to, Value::Bound(func, class));
            }
            Value::Property(getter, _) => {
                if owner != FuncId::NONE {
                    self.hidden.insert((owner, Target::Func(getter)));
                }
                self.connect_receiver(getter, receiver, to);
            }
            Value::Instance(class) => {
                // A descriptor of ours.
                if let Some(get) = self.linked.symbols.find("__get__")
                    && let Ok((_, node)) = self.class_attr(class, get)
                {
                    let callee = self.new_node();
                    self.constrain(node, Constraint::Bind(id, callee, owner));
                    self.hidden_call(callee, &[], to, owner);
                    return;
                }
                self.add_id(to, id);
            }
            _ => self.add_id(to, id),
        }
    }

    fn load_class(&mut self, base: ValueId, class: ClassId, attr: Sym, to: Node) {
        match self.text(attr) {
            "__name__" | "__qualname__" | "__module__" | "__doc__" => return,
            _ => {}
        }
        if self.stored.contains(&attr) {
            for class in self.own_mro(class) {
                let field = self.field(FieldOwner::Class(class), attr);
                self.edge(field, to);
            }
        }
        match self.class_attr(class, attr) {
            Ok((_, node)) => self.constrain(node, Constraint::ClassBind(base, to)),
            Err(Some(external)) => {
                let member = self.member(external, attr);
                self.add(to, Value::External(member));
            }
            Err(None) => {}
        }
    }

    /// What stands in a class body, read through the class.
    pub(super) fn class_member(&mut self, id: ValueId, class: ValueId, to: Node) {
        match self.values.get(id) {
            Value::Static(func) => self.add(to, Value::Func(func)),
            Value::ClassMethod(func) => self.add(to, Value::Bound(func, class)),
            _ => self.add_id(to, id),
        }
    }

    fn load_super(
        &mut self,
        class: ClassId,
        receiver: ValueId,
        attr: Sym,
        to: Node,
        owner: FuncId,
    ) {
        let start = match self.values.get(receiver) {
            Value::Instance(start) | Value::Class(start) => start,
            _ => class,
        };
        match self.class_attr_after(start, class, attr) {
            Ok((_, node)) => self.bind_from(node, receiver, to, owner),
            Err(Some(external)) => {
                let member = self.member(external, attr);
                self.add(to, Value::ExternalBound(member, receiver));
            }
            Err(None) => {
                // `object` has `__init__`, `__new__` and the like.
            }
        }
    }

    /// `base.attr = from`.
    pub(super) fn store(&mut self, base: ValueId, store: Store) {
        match self.values.get(base) {
            Value::Instance(class) => {
                if let Ok((_, node)) = self.class_attr(class, store.attr) {
                    let set = self.set(node).to_vec();
                    for id in set {
                        if let Value::Property(_, setter) = self.values.get(id)
                            && setter != FuncId::NONE
                        {
                            self.hidden.insert((store.owner, Target::Func(setter)));
                            self.connect_setter(setter, base, store.from);
                        }
                    }
                }
                let field = self.field(FieldOwner::Class(class), store.attr);
                self.edge(store.from, field);
                if let Some(own) = store.class.filter(|own| *own != class) {
                    let field = self.field(FieldOwner::Class(own), store.attr);
                    self.edge(store.from, field);
                }
            }
            Value::Class(class) => {
                let field = self.field(FieldOwner::Class(class), store.attr);
                self.edge(store.from, field);
            }
            Value::Module(file) => {
                let module = &self.linked.modules[file as usize];
                match module.globals.get(&store.attr).copied() {
                    Some(node) => self.edge(store.from, node),
                    None => {
                        let body = module.body;
                        let field = self.field(FieldOwner::Func(body), store.attr);
                        self.edge(store.from, field);
                    }
                }
            }
            Value::External(sym) | Value::Object(sym, _) | Value::ExternalBound(sym, _) => {
                let field = self.field(FieldOwner::External(sym), store.attr);
                self.edge(store.from, field);
            }
            Value::Func(func) | Value::Bound(func, _) => {
                let field = self.field(FieldOwner::Func(func), store.attr);
                self.edge(store.from, field);
            }
            _ => {}
        }
    }
}
