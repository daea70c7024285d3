//! The engine over ports in memory: crashes at every write, races of replicas, damage, and every answer.

mod aliases;
mod asked_twice;
mod backend;
mod crash;
mod crash_life;
mod damage;
mod dispatch;
mod disturbed;
mod errors;
mod flows;
mod import_flows;
mod import_refusals;
mod imports;
mod initialise;
mod key_aliases;
mod life;
mod life_ends;
mod life_returns;
mod life_told;
mod pairs;
mod race;
mod race_life;
mod spec_changes;
pub(crate) mod support;
mod sweep;
mod trail;
mod trials;
