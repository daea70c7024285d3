//! The engine over ports in memory: crashes at every write, races of replicas, damage, and every answer.

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
mod life;
mod race;
mod race_life;
pub(crate) mod support;
mod sweep;
mod trail;
