//! Whatever is done with an API, a use of it that stays has a reason of its own: not the one for forms that no rule
//! and no row of the catalog speaks about.

use loopshift_engine::change::Outcome;
use loopshift_engine::program::Input;
use loopshift_python::PythonVersion;
use loopshift_rules::catalog::{Api, Catalog, Kind, ParameterKind, Target, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::migrate::{Options, migrate};

/// How the reason for an unknown form can be told: see `unspoken.rs`.
const GENERIC: &[&str] = &[
    "where no rule has a counterpart for it",
    "and no rule follows the",
    "is one of several things that this expression may be",
    "comes through a variable here; use its name",
    "would not be valid Python",
];

/// What is done with an API. `{name}` is the API itself, or a member of the parameter `obj`; `{call}` a call of it with
/// all the arguments that it needs.
const FORMS: &[(&str, &str)] = &[
    ("called", "    x = {call}\n    print(x)\n"),
    ("awaited", "    await {call}\n"),
    (
        "awaited for its value",
        "    x = await {call}\n    print(x)\n",
    ),
    ("given", "    print(repr({call}))\n"),
    ("passed as a value", "    use({name})\n"),
    ("kept", "    v = {name}\n    await v()\n"),
    (
        "in a container",
        "    v = ({name}, 1)\n    w = {'k': {name}}\n",
    ),
    ("on an attribute", "    holder.hook = {name}\n"),
    (
        "with unpacked arguments",
        "    await {name}(*many, **named)\n",
    ),
    ("in a lambda", "    use(lambda: {call})\n"),
    ("entered", "    async with {call} as x:\n        print(x)\n"),
    ("iterated", "    async for x in {call}:\n        print(x)\n"),
    (
        "tested for",
        "    return isinstance(holder, (int, {name}))\n",
    ),
    (
        "caught",
        "    try:\n        use()\n    except (ValueError, {name}):\n        raise\n",
    ),
    ("raised", "    raise {name}\n"),
    ("compared", "    return holder is {name}\n"),
    ("chosen", "    return {name} if holder else use\n"),
    ("printed", "    print(f'{{name}} {{call}}')\n"),
    ("read by name", "    use(getattr({name}, 'k', None))\n"),
    (
        "as a task",
        "    t = asyncio.create_task({call})\n    await t\n",
    ),
    (
        "with a time limit",
        "    await asyncio.wait_for({call}, 3)\n",
    ),
];

/// The same for classes and functions of a module: whole files.
const TOP_FORMS: &[(&str, &str)] = &[
    (
        "in annotations",
        "X: {name}\n\n\ndef run(x: {name}, *z: list[{name}]) -> {name}:\n    w: {name} = x\n    return w\n\n\nclass K:\n    a: {name} | None = None\n",
    ),
    (
        "subclassed",
        "class K({name}):\n    def more(self):\n        return super().more()\n\n\nk = K()\n",
    ),
    ("a default", "def run(x={name}):\n    return x\n"),
    ("a decorator", "@{name}\ndef run(x):\n    return x\n"),
    ("at module level", "X = {call}\nY = {name}\n"),
];

/// The same for members.
const MEMBER_FORMS: &[(&str, &str)] = &[
    (
        "overridden",
        "class K({class}):\n    def {member}(self, *args):\n        return super().{member}(*args)\n",
    ),
    ("taken from the class", "def run(obj):\n    {name}(obj)\n"),
    (
        "of an object that is made there",
        "class K:\n    def __init__(self):\n        self.o = {class}()\n\n    async def go(self):\n        await self.o.{member}()\n        return self.o.{member}\n",
    ),
];

fn settings() -> Settings {
    Settings {
        python: PythonVersion {
            major: 3,
            minor: 13,
        },
        anyio: Version::new(4, 16),
        bridge: Bridge::Auto,
        plain: true,
        through: false,
    }
}

/// The arguments that a call needs.
fn options() -> Options {
    Options {
        allow_unsafe: true,
        ..Options::new(Target::Anyio, settings())
    }
}

fn arguments(api: &Api) -> String {
    let Some(signature) = &api.signature else {
        return String::new();
    };
    let needed = signature.parameters.iter().filter(|it| {
        let many = matches!(it.kind, ParameterKind::Variadic | ParameterKind::Keywords);
        it.default.is_none() && !many
    });
    let written: Vec<String> = needed
        .map(|it| match it.kind {
            ParameterKind::KeywordOnly => format!("{0}={0}", it.name),
            _ => it.name.to_string(),
        })
        .collect();
    written.join(", ")
}

/// Whether the name is a member of a class of the catalog.
fn class_of<'a>(catalog: &'a Catalog, api: &'a Api) -> Option<(&'a str, &'a str)> {
    let (class, member) = api.name.rsplit_once('.')?;
    let kind = catalog.get(class)?.kind;
    matches!(kind, Kind::Class | Kind::Exception).then_some((class, member))
}

fn fill(form: &str, name: &str, api: &Api) -> String {
    let call = format!("{name}({})", arguments(api));
    form.replace("{name}", name).replace("{call}", &call)
}

fn in_function(catalog: &Catalog, api: &Api, form: &str) -> String {
    let (parameter, name) = match class_of(catalog, api) {
        Some((class, member)) => (format!("obj: {class}, "), format!("obj.{member}")),
        None => (String::new(), api.name.to_string()),
    };
    let body = fill(form, &name, api);
    format!("import asyncio\n\n\nasync def run({parameter}holder, use, many, named):\n{body}")
}

fn top_level(catalog: &Catalog, api: &Api, form: &str) -> Option<String> {
    if class_of(catalog, api).is_some() {
        return None;
    }
    let text = fill(form, &api.name, api);
    Some(format!("import asyncio\n\n{text}"))
}

fn of_class(catalog: &Catalog, api: &Api, form: &str) -> Option<String> {
    let (class, member) = class_of(catalog, api)?;
    let text = fill(form, &api.name, api)
        .replace("{class}", class)
        .replace("{member}", member);
    Some(format!("import asyncio\n\n{text}"))
}

/// One program of a file for each API. What ends with a generic reason, in words.
fn generic(catalog: &Catalog, form: &str, text: impl Fn(&Api) -> Option<String>) -> Vec<String> {
    let mut files = Vec::new();
    for api in catalog.iter() {
        if !api.name.starts_with("asyncio.") || api.kind == Kind::Module {
            continue;
        }
        let Some(text) = text(api) else { continue };
        let module = format!("use_{}", api.name.replace('.', "_"));
        files.push(Input {
            path: format!("{module}.py"),
            module,
            is_package: false,
            text,
            lines: None,
        });
    }
    let migration = migrate(&files, catalog, &options());
    assert!(migration.unreadable.is_empty(), "{form}: not Python");
    assert!(migration.uses.len() > 100, "{form}: hardly any use found");
    let mut found = Vec::new();
    for (change, outcome) in &migration.plan.changes {
        let Outcome::Declined { reason } = outcome else {
            continue;
        };
        if reason.is_empty() || GENERIC.iter().any(|words| reason.contains(words)) {
            found.push(format!(
                "{form}: {} ({}): {reason}",
                change.api, change.rule
            ));
        }
    }
    found
}

#[test]
fn no_use_has_a_generic_reason() {
    let catalog = Catalog::builtin();
    let mut found = Vec::new();
    for (name, form) in FORMS {
        let text = |api: &Api| Some(in_function(catalog, api, form));
        found.extend(generic(catalog, name, text));
    }
    for (name, form) in TOP_FORMS {
        found.extend(generic(catalog, name, |api| top_level(catalog, api, form)));
    }
    for (name, form) in MEMBER_FORMS {
        found.extend(generic(catalog, name, |api| of_class(catalog, api, form)));
    }
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_member_that_only_another_object_has_is_no_use() {
    let text = "\
import asyncio


class Names:
    def add(self, name):
        print(name)


async def main():
    for thing in [asyncio.create_task(asyncio.sleep(0)), Names()]:
        thing.add('b')
        thing.cancel()


asyncio.run(main())
";
    let input = Input {
        path: "main.py".to_owned(),
        module: "main".to_owned(),
        is_package: false,
        text: text.to_owned(),
        lines: None,
    };
    let migration = migrate(&[input], Catalog::builtin(), &options());
    let changes = migration.plan.changes.iter();
    let apis: Vec<&str> = changes.map(|(change, _)| change.api.as_str()).collect();
    assert!(apis.contains(&"asyncio.Task.cancel"), "{apis:?}");
    assert!(!apis.contains(&"asyncio.Task.add"), "{apis:?}");
}
