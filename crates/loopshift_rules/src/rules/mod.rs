//! The rules, one a file.

pub(crate) mod anyio_as_completed;
pub(crate) mod anyio_cancelled;
pub(crate) mod anyio_cleanup;
pub(crate) mod anyio_dependencies;
pub(crate) mod anyio_event;
pub(crate) mod anyio_gather;
pub(crate) mod anyio_loop;
pub(crate) mod anyio_names;
pub(crate) mod anyio_primitives;
pub(crate) mod anyio_run;
pub(crate) mod anyio_shield;
pub(crate) mod anyio_sleep;
<<<<<<< HEAD
pub(crate) mod anyio_timeout;
pub(crate) mod anyio_timeout_error;
=======
pub(crate) mod anyio_tasks;
>>>>>>> 43570ff (Move tasks of one function into task groups)
pub(crate) mod anyio_to_thread;
pub(crate) mod anyio_wait_for;
pub(crate) mod arguments;
pub(crate) mod awaited;
pub(crate) mod cancel;
pub(crate) mod cancellation;
pub(crate) mod code;
pub(crate) mod loops;
pub(crate) mod non_negative;
pub(crate) mod objects;
pub(crate) mod raising;
pub(crate) mod shared;
pub(crate) mod timeouts;
