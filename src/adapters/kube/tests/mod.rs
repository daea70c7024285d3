//! Against a real API server: `COFFER_TEST_KUBECONFIG` names the kubeconfig of a cluster that may be filled with
//! namespaces of tests and thrown away.

mod access;
mod aliases;
mod authentication;
mod authentication_kit;
mod authentication_outage;
mod cluster;
mod field_ownership;
mod lease;
mod life;
mod resources;
mod store;
