//! Servers. The handler of a server is given streams, so both move in one change: that of [`super::anyio_streams`].

pub(crate) use super::anyio_streams::plan_servers as plan;
