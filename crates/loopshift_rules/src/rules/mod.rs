//! The rules, one a file.

pub(crate) mod anyio_event;
pub(crate) mod anyio_names;
pub(crate) mod anyio_primitives;
pub(crate) mod anyio_run;
pub(crate) mod anyio_sleep;
pub(crate) mod non_negative;
pub(crate) mod objects;
pub(crate) mod shared;
