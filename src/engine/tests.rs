//! The engine over ports in memory: crashes at every write, races of replicas, damage, and every answer.

mod aliases;
mod backend;
mod crash;
mod damage;
mod dispatch;
mod errors;
mod initialise;
mod key_aliases;
mod race;
pub(crate) mod support;
mod sweep;
mod trail;
