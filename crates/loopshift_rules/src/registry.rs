//! The list of all rules.

use loopshift_engine::change::Change;

use crate::catalog::Target;
use crate::context::Context;
use crate::rules;

/// A rule.
pub struct Rule {
    /// Its name, in kebab-case; its page is `docs/rules/NAME.md`.
    pub name: &'static str,
    /// Finds what it speaks for and says what becomes of it: a change with edits, or a declined one.
    pub plan: fn(&Context<'_>, &mut Vec<Change>),
    /// Its page.
    pub page: &'static str,
}

impl Rule {
    /// What it moves programs to. The names of the rules that lead to `AnyIO` begin with it.
    pub fn target(&self) -> Target {
        if self.name.starts_with("anyio-") {
            Target::Anyio
        } else {
            Target::Asyncio
        }
    }
}

/// All rules, by name.
pub const RULES: &[Rule] = &[
    Rule {
        name: "anyio-as-completed",
        plan: rules::anyio_as_completed::plan,
        page: include_str!("../../../docs/rules/anyio-as-completed.md"),
    },
    Rule {
        name: "anyio-call-later",
        plan: rules::anyio_call_later::plan,
        page: include_str!("../../../docs/rules/anyio-call-later.md"),
    },
    Rule {
        name: "anyio-cancelled",
        plan: rules::anyio_cancelled::plan,
        page: include_str!("../../../docs/rules/anyio-cancelled.md"),
    },
    Rule {
        name: "anyio-cleanup",
        plan: rules::anyio_cleanup::plan,
        page: include_str!("../../../docs/rules/anyio-cleanup.md"),
    },
    Rule {
        name: "anyio-dependencies",
        plan: rules::anyio_dependencies::plan,
        page: include_str!("../../../docs/rules/anyio-dependencies.md"),
    },
    Rule {
        name: "anyio-event",
        plan: rules::anyio_event::plan,
        page: include_str!("../../../docs/rules/anyio-event.md"),
    },
    Rule {
        name: "anyio-from-thread",
        plan: rules::anyio_from_thread::plan,
        page: include_str!("../../../docs/rules/anyio-from-thread.md"),
    },
    Rule {
        name: "anyio-future",
        plan: rules::anyio_future::plan,
        page: include_str!("../../../docs/rules/anyio-future.md"),
    },
    Rule {
        name: "anyio-gather",
        plan: rules::anyio_gather::plan,
        page: include_str!("../../../docs/rules/anyio-gather.md"),
    },
    Rule {
        name: "anyio-introspection",
        plan: rules::anyio_introspection::plan,
        page: include_str!("../../../docs/rules/anyio-introspection.md"),
    },
    Rule {
        name: "anyio-lifespan",
        plan: rules::anyio_lifespan::plan,
        page: include_str!("../../../docs/rules/anyio-lifespan.md"),
    },
    Rule {
        name: "anyio-loop",
        plan: rules::anyio_loop::plan,
        page: include_str!("../../../docs/rules/anyio-loop.md"),
    },
    Rule {
        name: "anyio-names",
        plan: rules::anyio_names::plan,
        page: include_str!("../../../docs/rules/anyio-names.md"),
    },
    Rule {
        name: "anyio-primitives",
        plan: rules::anyio_primitives::plan,
        page: include_str!("../../../docs/rules/anyio-primitives.md"),
    },
    Rule {
        name: "anyio-queue",
        plan: rules::anyio_queue::plan,
        page: include_str!("../../../docs/rules/anyio-queue.md"),
    },
    Rule {
        name: "anyio-repair",
        plan: rules::anyio_repair::plan,
        page: include_str!("../../../docs/rules/anyio-repair.md"),
    },
    Rule {
        name: "anyio-run",
        plan: rules::anyio_run::plan,
        page: include_str!("../../../docs/rules/anyio-run.md"),
    },
    Rule {
        name: "anyio-server",
        plan: rules::anyio_server::plan,
        page: include_str!("../../../docs/rules/anyio-server.md"),
    },
    Rule {
        name: "anyio-shield",
        plan: rules::anyio_shield::plan,
        page: include_str!("../../../docs/rules/anyio-shield.md"),
    },
    Rule {
        name: "anyio-signals",
        plan: rules::anyio_signals::plan,
        page: include_str!("../../../docs/rules/anyio-signals.md"),
    },
    Rule {
        name: "anyio-sleep",
        plan: rules::anyio_sleep::plan,
        page: include_str!("../../../docs/rules/anyio-sleep.md"),
    },
    Rule {
        name: "anyio-streams",
        plan: rules::anyio_streams::plan,
        page: include_str!("../../../docs/rules/anyio-streams.md"),
    },
    Rule {
        name: "anyio-subprocess",
        plan: rules::anyio_subprocess::plan,
        page: include_str!("../../../docs/rules/anyio-subprocess.md"),
    },
    Rule {
        name: "anyio-task-group",
        plan: rules::anyio_task_group::plan,
        page: include_str!("../../../docs/rules/anyio-task-group.md"),
    },
    Rule {
        name: "anyio-tasks",
        plan: rules::anyio_tasks::plan,
        page: include_str!("../../../docs/rules/anyio-tasks.md"),
    },
    Rule {
        name: "anyio-tests",
        plan: rules::anyio_tests::plan,
        page: include_str!("../../../docs/rules/anyio-tests.md"),
    },
    Rule {
        name: "anyio-timeout",
        plan: rules::anyio_timeout::plan,
        page: include_str!("../../../docs/rules/anyio-timeout.md"),
    },
    Rule {
        name: "anyio-timeout-error",
        plan: rules::anyio_timeout_error::plan,
        page: include_str!("../../../docs/rules/anyio-timeout-error.md"),
    },
    Rule {
        name: "anyio-to-thread",
        plan: rules::anyio_to_thread::plan,
        page: include_str!("../../../docs/rules/anyio-to-thread.md"),
    },
    Rule {
        name: "anyio-wait-for",
        plan: rules::anyio_wait_for::plan,
        page: include_str!("../../../docs/rules/anyio-wait-for.md"),
    },
    Rule {
        name: "green-blocking",
        plan: rules::green_blocking::plan,
        page: include_str!("../../../docs/rules/green-blocking.md"),
    },
    Rule {
        name: "green-colour",
        plan: rules::green_colour::plan,
        page: include_str!("../../../docs/rules/green-colour.md"),
    },
    Rule {
        name: "green-dependencies",
        plan: rules::green_dependencies::plan,
        page: include_str!("../../../docs/rules/green-dependencies.md"),
    },
    Rule {
        name: "green-event",
        plan: rules::green_event::plan,
        page: include_str!("../../../docs/rules/green-event.md"),
    },
    Rule {
        name: "green-executor",
        plan: rules::green_executor::plan,
        page: include_str!("../../../docs/rules/green-executor.md"),
    },
    Rule {
        name: "green-for",
        plan: rules::green_for::plan,
        page: include_str!("../../../docs/rules/green-for.md"),
    },
    Rule {
        name: "green-geventhub",
        plan: rules::green_geventhub::plan,
        page: include_str!("../../../docs/rules/green-geventhub.md"),
    },
    Rule {
        name: "green-greenlet",
        plan: rules::green_greenlet::plan,
        page: include_str!("../../../docs/rules/green-greenlet.md"),
    },
    Rule {
        name: "green-greenpool",
        plan: rules::green_greenpool::plan,
        page: include_str!("../../../docs/rules/green-greenpool.md"),
    },
    Rule {
        name: "green-greenthread",
        plan: rules::green_greenthread::plan,
        page: include_str!("../../../docs/rules/green-greenthread.md"),
    },
    Rule {
        name: "green-http",
        plan: rules::green_http::plan,
        page: include_str!("../../../docs/rules/green-http.md"),
    },
    Rule {
        name: "green-hub",
        plan: rules::green_hub::plan,
        page: include_str!("../../../docs/rules/green-hub.md"),
    },
    Rule {
        name: "green-itempool",
        plan: rules::green_itempool::plan,
        page: include_str!("../../../docs/rules/green-itempool.md"),
    },
    Rule {
        name: "green-local",
        plan: rules::green_local::plan,
        page: include_str!("../../../docs/rules/green-local.md"),
    },
    Rule {
        name: "green-lock",
        plan: rules::green_lock::plan,
        page: include_str!("../../../docs/rules/green-lock.md"),
    },
    Rule {
        name: "green-names",
        plan: rules::green_names::plan,
        page: include_str!("../../../docs/rules/green-names.md"),
    },
    Rule {
        name: "green-original",
        plan: rules::green_original::plan,
        page: include_str!("../../../docs/rules/green-original.md"),
    },
    Rule {
        name: "green-part",
        plan: rules::green_part::plan,
        page: include_str!("../../../docs/rules/green-part.md"),
    },
    Rule {
        name: "green-patch",
        plan: rules::green_patch::plan,
        page: include_str!("../../../docs/rules/green-patch.md"),
    },
    Rule {
        name: "green-pool",
        plan: rules::green_pool::plan,
        page: include_str!("../../../docs/rules/green-pool.md"),
    },
    Rule {
        name: "green-queue",
        plan: rules::green_queue::plan,
        page: include_str!("../../../docs/rules/green-queue.md"),
    },
    Rule {
        name: "green-server",
        plan: rules::green_server::plan,
        page: include_str!("../../../docs/rules/green-server.md"),
    },
    Rule {
        name: "green-signal",
        plan: rules::green_signal::plan,
        page: include_str!("../../../docs/rules/green-signal.md"),
    },
    Rule {
        name: "green-socket",
        plan: rules::green_socket::plan,
        page: include_str!("../../../docs/rules/green-socket.md"),
    },
    Rule {
        name: "green-spawn",
        plan: rules::green_spawn::plan,
        page: include_str!("../../../docs/rules/green-spawn.md"),
    },
    Rule {
        name: "green-subprocess",
        plan: rules::green_subprocess::plan,
        page: include_str!("../../../docs/rules/green-subprocess.md"),
    },
    Rule {
        name: "green-tests",
        plan: rules::green_tests::plan,
        page: include_str!("../../../docs/rules/green-tests.md"),
    },
    Rule {
        name: "green-thread",
        plan: rules::green_thread::plan,
        page: include_str!("../../../docs/rules/green-thread.md"),
    },
    Rule {
        name: "green-timeout",
        plan: rules::green_timeout::plan,
        page: include_str!("../../../docs/rules/green-timeout.md"),
    },
    Rule {
        name: "green-tpool",
        plan: rules::green_tpool::plan,
        page: include_str!("../../../docs/rules/green-tpool.md"),
    },
    Rule {
        name: "green-wait",
        plan: rules::green_wait::plan,
        page: include_str!("../../../docs/rules/green-wait.md"),
    },
    Rule {
        name: "green-websocket",
        plan: rules::green_websocket::plan,
        page: include_str!("../../../docs/rules/green-websocket.md"),
    },
    Rule {
        name: "green-with",
        plan: rules::green_with::plan,
        page: include_str!("../../../docs/rules/green-with.md"),
    },
    Rule {
        name: "green-wsgi",
        plan: rules::green_wsgi::plan,
        page: include_str!("../../../docs/rules/green-wsgi.md"),
    },
];

/// The rule of that name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}
