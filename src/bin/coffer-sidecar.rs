//! The `coffer-sidecar` program.

fn main() {}
