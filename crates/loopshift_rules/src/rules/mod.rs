//! The rules, one a file.

pub(crate) mod anyio_event;
pub(crate) mod anyio_loop;
pub(crate) mod anyio_names;
pub(crate) mod anyio_primitives;
pub(crate) mod anyio_run;
pub(crate) mod anyio_sleep;
pub(crate) mod anyio_to_thread;
pub(crate) mod arguments;
pub(crate) mod cancel;
pub(crate) mod loops;
pub(crate) mod non_negative;
pub(crate) mod objects;
pub(crate) mod shared;
