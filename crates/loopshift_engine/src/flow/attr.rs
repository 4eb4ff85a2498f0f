//! Attributes: reading them on every kind of value.

use super::external::Made;
use super::value::{CallId, Value, ValueId};
use super::{Constraint, FieldOwner, Flow, Member, MroEntry};
use crate::externals::ApiKind;
use crate::ir::{ClassId, ContainerKind, FuncId, Node, Reason, Sym};
use rustc_hash::FxHashSet;

impl Flow<'_> {
    /// `to = base.attr`.
    pub(super) fn load(&mut self, base: ValueId, attr: Sym, to: Node, owner: FuncId) {
        match self.values.get(base) {
            Value::Module(file) => self.load_module(file, attr, to, owner),
            Value::External(sym) => self.load_external(sym, attr, to),
            Value::Instance(class) => self.load_instance(base, class, attr, to, owner),
            Value::Class(class) => self.load_class(base, class, attr, to),
            Value::Object(ty, _) if self.text(ty).starts_with("<builtin>.") => {
                let name = &self.text(ty)["<builtin>.".len()..];
                if super::names::may_have(name, self.text(attr)) {
                    let sym = self.member_of(Member::Plain(ty), attr);
                    self.add(to, Value::ExternalBound(sym, base));
                }
            }
            Value::Object(ty, _) => self.load_object(base, ty, attr, to),
            Value::Super(class, receiver) => self.load_super(class, receiver, attr, to, owner),
            Value::Container(container) => {
                // A named tuple made by a call has its items by name, too.
                if let Some(item) = self.items.get(&(container, crate::ir::Key::Str(attr)))
                    && self.linked.containers[container.0 as usize].kind == ContainerKind::Tuple
                {
                    let item = *item;
                    self.edge(item, to);
                    return;
                }
                if self.special.is_replace(attr) {
                    let sym = self.sym("collections.namedtuple()._replace");
                    self.add(to, Value::ExternalBound(sym, base));
                    return;
                }
                if let Some(ty) = self.container_types.get(&container).copied() {
                    let sym = self.member_of(Member::Plain(ty), attr);
                    self.add(to, Value::ExternalBound(sym, base));
                    return;
                }
                let kind = self.linked.containers[container.0 as usize].kind;
                let kind = super::builtin::container_type(kind);
                self.load_builtin(kind, base, attr, to);
            }
            Value::Str(_) | Value::Start(_) => self.load_builtin("str", base, attr, to),
            Value::Int(_) => self.load_builtin("int", base, attr, to),
            Value::Property(getter, _) => match self.text(attr) {
                "setter" => self.add(to, Value::PropertySetter(getter)),
                "getter" | "deleter" => self.add_id(to, base),
                _ => {}
            },
            Value::Func(func) => {
                let node = self.field(FieldOwner::Func(func), attr);
                self.edge(node, to);
                self.load_register(func, base, attr, to);
                match self.text(attr) {
                    "__wrapped__" => self.unknown(to, Reason::Attribute),
                    "__call__" => self.add_id(to, base),
                    _ => {}
                }
            }
            Value::Bound(func, receiver) => match self.text(attr) {
                "__func__" => self.add(to, Value::Func(func)),
                "__self__" => self.add_id(to, receiver),
                "__call__" => self.add_id(to, base),
                _ => {
                    let node = self.field(FieldOwner::Func(func), attr);
                    self.edge(node, to);
                }
            },
            Value::Partial(call) if self.text(attr) == "func" => {
                let first = self.linked.calls[call.0 as usize]
                    .args
                    .first()
                    .map(|arg| arg.node);
                self.edge(first.unwrap_or(Node::NONE), to);
            }
            Value::Generator(_) | Value::Iterator(_) => self.load_generator(base, attr, to),
            Value::Coroutine(_) | Value::Awaitable(_) => {
                let sym = self.member_of(Member::Builtin("coroutine"), attr);
                self.add(to, Value::ExternalBound(sym, base));
            }
            Value::ExternalBound(sym, _) => {
                if self.stored.contains(attr) {
                    let field = self.field(FieldOwner::External(sym), attr);
                    self.edge(field, to);
                }
                let sym = self.member_of(Member::Plain(sym), attr);
                self.add(to, Value::ExternalBound(sym, base));
            }
            Value::Unknown(_) => self.unknown(to, Reason::Attribute),
            _ => {}
        }
    }

    /// A method of a builtin type; nothing where the type has none of that name.
    fn load_builtin(&mut self, ty: &'static str, base: ValueId, attr: Sym, to: Node) {
        if !super::names::may_have(ty, self.text(attr)) {
            return;
        }
        let sym = self.member_of(Member::Builtin(ty), attr);
        self.add(to, Value::ExternalBound(sym, base));
    }

    fn load_generator(&mut self, base: ValueId, attr: Sym, to: Node) {
        let kind = match self.values.get(base) {
            Value::Generator(func) if self.linked.functions[func.0 as usize].is_async => {
                "async_generator"
            }
            _ => "generator",
        };
        let sym = self.member_of(Member::Builtin(kind), attr);
        self.add(to, Value::ExternalBound(sym, base));
    }

    fn load_module(&mut self, file: u32, attr: Sym, to: Node, owner: FuncId) {
        let mut visited = FxHashSet::default();
        if self.module_member(file, attr, to, &mut visited) {
            return;
        }
        let getattr = self.linked.symbols.find("__getattr__");
        let module = &self.linked.modules[file as usize];
        if let Some(getattr) = getattr.and_then(|name| module.globals.get(&name).copied()) {
            let name = self.new_node();
            self.add(name, Value::Str(attr));
            self.hidden_call(getattr, &[name], to, owner);
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
    fn module_member(
        &mut self,
        file: u32,
        attr: Sym,
        to: Node,
        visited: &mut FxHashSet<u32>,
    ) -> bool {
        let module = &self.linked.modules[file as usize];
        if let Some(node) = module.globals.get(&attr) {
            let node = *node;
            self.edge(node, to);
            return true;
        }
        let name = self.linked.symbols.find(&module.name);
        let has_modules = name.is_some_and(|name| self.linked.namespaces.contains(&name));
        if has_modules
            && let Some(sym) = {
                let full = format!("{}.{}", module.name, self.text(attr));
                self.linked.symbols.find(&full)
            }
        {
            if let Some(file) = self.linked.module(sym) {
                self.add(to, Value::Module(file.0));
                return true;
            }
            if self.linked.namespaces.contains(&sym) {
                self.add(to, Value::External(sym));
                return true;
            }
        }
        self.star_lookup(file, attr, to, visited)
    }

    /// What a module's star imports bind a name to.
    pub(super) fn star_lookup(
        &mut self,
        file: u32,
        name: Sym,
        to: Node,
        visited: &mut FxHashSet<u32>,
    ) -> bool {
        if self.linked.modules[file as usize].stars.is_empty() || !visited.insert(file) {
            return false;
        }
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
        if self.linked.namespaces.contains(&sym)
            && let Some(known) = {
                let full = format!("{}.{}", self.text(sym), self.text(attr));
                self.linked.symbols.find(&full)
            }
        {
            if let Some(file) = self.linked.module(known) {
                self.add(to, Value::Module(file.0));
                return;
            }
            if self.linked.namespaces.contains(&known) {
                self.add(to, Value::External(known));
                return;
            }
        }
        if self.stored.contains(attr) {
            let field = self.field(FieldOwner::External(sym), attr);
            self.edge(field, to);
        }
        let full = self.member_of(Member::Canonical(sym), attr);
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
        if super::library::is_open(self.text(ty)) {
            let field = self.field(FieldOwner::External(ty), attr);
            self.edge(field, to);
            return;
        }
        let member = self.member(ty, attr);
        if self.stored.contains(attr) {
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
        self.member_of(Member::Class(ty), attr)
    }

    pub(super) fn inherited(&mut self, ty: Sym, attr: Sym) -> Sym {
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
        if self.special.is_class(attr) {
            self.add(to, Value::Class(class));
            return;
        }
        if let Some(hook) = self.special.getattribute
            && self.class_attr(class, hook).is_ok()
        {
            let scratch = Node::NONE;
            self.call_method(base, class, "__getattribute__", &[], scratch, owner);
        }
        if self.is_enum(class) && self.load_member(class, attr, to) {
            return;
        }
        if self.special.is_replace(attr) && self.is_named_tuple(class) {
            let sym = self.sym("typing.NamedTuple._replace");
            self.add(to, Value::ExternalBound(sym, base));
            return;
        }
        let found = self.class_attr(class, attr);
        let is_property = found.is_ok_and(|(_, node)| self.has_property(node));
        let may_be_given = self.stored.contains(attr) && !is_property;
        let known = may_be_given && self.read_fields(class, attr, to);
        match found {
            Ok((_, node)) => self.bind_from(node, base, to, owner),
            Err(_) if known => {}
            Err(Some(external)) => {
                if !self.call_getattr(base, class, attr, to, owner)
                    && !self.load_held(base, attr, to)
                {
                    self.load_object(base, external, attr, to);
                }
            }
            Err(None) => self.load_missing(base, class, attr, to, owner),
        }
    }

    /// What instances of a class and of its bases are given as an attribute flows to a node. Whether they are given any.
    fn read_fields(&mut self, class: ClassId, attr: Sym, to: Node) -> bool {
        if to.is_some() {
            self.readers.entry((class, attr)).or_default().push(to);
        }
        let mut known = false;
        for place in 0..self.mro[class.0 as usize].len() {
            let MroEntry::Class(base) = self.mro[class.0 as usize][place] else {
                continue;
            };
            known = known || self.self_stored.contains(&(base, attr));
            // Most bases have none; one that comes up later meets the readers.
            if let Some(field) = self.fields.get(&(FieldOwner::Class(base), attr)).copied() {
                known = known || !self.set(field).is_empty();
                self.edge(field, to);
            }
            self.read_shared(base, class, attr, to);
        }
        known
    }

    /// An attribute that instances of a class are given flows to where it has been read, of them and of those of its
    /// subclasses.
    pub(super) fn meet_readers(&mut self, class: ClassId, attr: Sym, field: Node) {
        let mut seen = FxHashSet::from_iter([class]);
        let mut classes = vec![class];
        while let Some(class) = classes.pop() {
            let readers = self.readers.get(&(class, attr));
            for to in readers.cloned().unwrap_or_default() {
                self.edge(field, to);
            }
            let subclasses = self.subclasses(class).iter().copied();
            classes.extend(subclasses.filter(|class| seen.insert(*class)));
        }
    }

    /// Whether a class binds a property to the node.
    fn has_property(&self, node: Node) -> bool {
        self.values_of(node)
            .any(|value| matches!(value, Value::Property(..)))
    }

    /// What every member of an enumeration has.
    fn load_member(&mut self, class: ClassId, attr: Sym, to: Node) -> bool {
        match self.text(attr) {
            "name" | "_name_" => {
                let sym = self.sym("<builtin>.str");
                self.add(to, Value::Object(sym, CallId::NONE));
                true
            }
            "value" | "_value_" => {
                let members: Vec<Node> = self.linked.classes[class.0 as usize]
                    .attrs
                    .iter()
                    .map(|(_, node)| *node)
                    .collect();
                for node in members {
                    if !self.is_method(node) {
                        self.edge(node, to);
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// Whether what the body of a class binds to the node is a method or the like, no plain value.
    fn is_method(&self, node: Node) -> bool {
        self.values_of(node).any(|value| {
            matches!(
                value,
                Value::Func(_)
                    | Value::Static(_)
                    | Value::ClassMethod(_)
                    | Value::Property(..)
                    | Value::ManagerFactory(_)
                    | Value::Class(_)
            )
        })
    }

    /// `__getattr__` of a class of ours, with the name.
    pub(super) fn call_getattr(
        &mut self,
        base: ValueId,
        class: ClassId,
        attr: Sym,
        to: Node,
        owner: FuncId,
    ) -> bool {
        let Some(getattr) = self.special.getattr else {
            return false;
        };
        if self.text(attr).starts_with("__") || self.class_attr(class, getattr).is_err() {
            return false;
        }
        let name = self.new_node();
        self.add(name, Value::Str(attr));
        self.call_method(base, class, "__getattr__", &[name], to, owner)
    }

    /// What stands in a class body, read through an instance.
    pub(super) fn bind_from(&mut self, node: Node, receiver: ValueId, to: Node, owner: FuncId) {
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
            Value::ManagerFactory(func) => self.add(to, Value::BoundManager(func, receiver)),
            Value::Property(getter, _) => {
                let callee = self.new_node();
                self.constrain(getter, Constraint::Bind(receiver, callee, FuncId::NONE));
                self.hidden_call(callee, &[], to, owner);
            }
            Value::Instance(class) => {
                // A descriptor of ours.
                if let Some(get) = self.linked.symbols.find("__get__")
                    && let Ok((_, node)) = self.class_attr(class, get)
                {
                    let callee = self.new_node();
                    self.constrain(node, Constraint::Bind(id, callee, FuncId::NONE));
                    let this = self.new_node();
                    self.add_id(this, receiver);
                    self.hidden_call(callee, &[this], to, owner);
                    return;
                }
                self.add_id(to, id);
            }
            _ => self.add_id(to, id),
        }
    }

    fn load_class(&mut self, base: ValueId, class: ClassId, attr: Sym, to: Node) {
        if self.special.is_string(attr) {
            let sym = self.sym("<builtin>.str");
            self.add(to, Value::Object(sym, CallId::NONE));
            return;
        }
        if self.stored.contains(attr) {
            self.read_fields(class, attr, to);
        }
        match self.class_attr(class, attr) {
            Ok((own, node)) => {
                if self.is_enum(own) && !self.is_method(node) {
                    self.add(to, Value::Instance(class));
                } else {
                    self.constrain(node, Constraint::ClassBind(base, to));
                }
            }
            Err(external) => {
                if let Some(meta) = self.metaclasses.get(&class).copied()
                    && let Ok((_, node)) = self.class_attr(meta, attr)
                {
                    self.bind_from(node, base, to, FuncId::NONE);
                } else if self.text(attr) == "__subclasses__" {
                    let sym = self.sym("<builtin>.type.__subclasses__");
                    self.add(to, Value::ExternalBound(sym, base));
                } else if let Some(external) = external {
                    let member = self.member(external, attr);
                    self.add(to, Value::External(member));
                } else if self.text(attr) == "__new__" {
                    let sym = self.sym("<builtin>.object.__new__");
                    self.add(to, Value::External(sym));
                }
            }
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

    fn is_type_new(&self, external: Sym, attr: Sym) -> bool {
        self.text(external) == "<builtin>.type" && self.text(attr) == "__new__"
    }

    fn load_super(
        &mut self,
        class: ClassId,
        receiver: ValueId,
        attr: Sym,
        to: Node,
        owner: FuncId,
    ) {
        let inherits =
            |start: &ClassId| self.mro[start.0 as usize].contains(&super::MroEntry::Class(class));
        // In a metaclass the receiver is a class: what is searched are the bases of its metaclass.
        let start = match self.values.get(receiver) {
            Value::Instance(start) | Value::Class(start) => {
                let meta = self.metaclasses.get(&start).copied();
                [Some(start), meta].into_iter().flatten().find(inherits)
            }
            _ => None,
        };
        let start = start.unwrap_or(class);
        match self.class_attr_after(start, class, attr) {
            Ok((_, node)) => self.bind_from(node, receiver, to, owner),
            Err(Some(external)) if self.is_type_new(external, attr) => {
                let sym = self.sym("<builtin>.type.__new__");
                self.add(to, Value::External(sym));
            }
            Err(Some(external)) => {
                if !self.load_held(receiver, attr, to) {
                    self.load_object(receiver, external, attr, to);
                }
            }
            // `object` has `__init__` and the like; only one of them gives a value.
            Err(None) if self.text(attr) == "__new__" => {
                let sym = self.sym("<builtin>.object.__new__");
                self.add(to, Value::External(sym));
            }
            Err(None) => {}
        }
    }
}
