//! The life of a key as one table: what each event does to a key in each state.
//!
//! States are AWS KMS's ([AWS: key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html)).
//! The table is the judge of the code that changes records: a property test holds every change to it.

use crate::types::state::KeyState;
use crate::types::wire_enum;

wire_enum! {
    /// What can happen to a key.
    pub enum Event {
        MaterialMade = "MaterialMade",
        ImportAwaited = "ImportAwaited",
        EnableKey = "EnableKey",
        DisableKey = "DisableKey",
        ScheduleKeyDeletion = "ScheduleKeyDeletion",
        CancelKeyDeletion = "CancelKeyDeletion",
        ResourceRemoved = "ResourceRemoved",
        ResourceRetained = "ResourceRetained",
        ResourceRestored = "ResourceRestored",
        DeletionDue = "DeletionDue",
        ImportKeyMaterial = "ImportKeyMaterial",
        ImportedMaterialRemoved = "ImportedMaterialRemoved",
        MaterialLost = "MaterialLost",
        MaterialFound = "MaterialFound",
        Rotated = "Rotated",
        PrimaryScheduled = "PrimaryScheduled",
        LastReplicaDeleted = "LastReplicaDeleted",
        PrimaryRegionUpdateBegun = "PrimaryRegionUpdateBegun",
        PrimaryRegionUpdateEnded = "PrimaryRegionUpdateEnded",
    }
}

/// What an event comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The key is then in one of these states; where they are several, what the record holds besides decides.
    To(&'static [KeyState]),
    /// The event was there before, and nothing changes.
    NoOp,
    /// The event is refused, or cannot happen.
    Illegal,
    /// The key is no more.
    Gone,
}

/// What an event does to a key in a state.
#[must_use]
pub const fn transition(state: KeyState, event: Event) -> Transition {
    use KeyState::{
        Creating, Disabled, Enabled, PendingDeletion, PendingImport, PendingReplicaDeletion, Unavailable, Updating,
    };
    use Transition::{Gone, Illegal, NoOp, To};
    match (event, state) {
        (Event::MaterialMade, Creating) => To(&[Enabled, Disabled]),
        (Event::ImportAwaited, Creating) => To(&[PendingImport]),
        (Event::EnableKey, Disabled) => To(&[Enabled]),
        (Event::EnableKey, Enabled | Updating) | (Event::DisableKey, Disabled) => NoOp,
        (Event::DisableKey, Enabled | Updating) => To(&[Disabled]),
        (Event::ScheduleKeyDeletion, Enabled | Disabled | PendingImport | Unavailable)
        | (Event::LastReplicaDeleted, PendingReplicaDeletion)
        // The removal of the resource can be refused by nobody.
        | (Event::ResourceRemoved, Creating | Enabled | Disabled | PendingImport | Unavailable | Updating) => {
            To(&[PendingDeletion])
        }
        (Event::ResourceRemoved, PendingDeletion | PendingReplicaDeletion) => NoOp,
        // "CancelKeyDeletion: the key state of the KMS key is Disabled"; without material it goes on waiting for it.
        (Event::CancelKeyDeletion, PendingDeletion) => To(&[Creating, Disabled, PendingImport, Unavailable]),
        (Event::CancelKeyDeletion, PendingReplicaDeletion) => To(&[Disabled]),
        (Event::ResourceRetained, Enabled | Updating) => To(&[Disabled]),
        (Event::ResourceRetained, Creating | Disabled | PendingDeletion | PendingImport | Unavailable) => NoOp,
        (Event::ResourceRestored, PendingDeletion) => {
            // A deletion that the API scheduled goes on.
            To(&[Creating, Enabled, Disabled, PendingDeletion, PendingImport, Unavailable])
        }
        (Event::ResourceRestored, Disabled) => To(&[Enabled, Disabled]),
        (Event::ResourceRestored, Creating | PendingImport | Unavailable) => NoOp,
        (Event::DeletionDue, PendingDeletion) => Gone,
        (Event::ImportKeyMaterial, PendingImport) => To(&[Enabled, Disabled, PendingImport]),
        (Event::ImportKeyMaterial, Enabled | Disabled) | (Event::ImportedMaterialRemoved, PendingImport | PendingDeletion) => NoOp,
        (Event::ImportedMaterialRemoved, Enabled | Disabled) => To(&[Enabled, Disabled, PendingImport]),
        (Event::MaterialLost, Enabled | Disabled | PendingImport | Updating) => To(&[Unavailable]),
        (Event::MaterialLost, Creating | PendingDeletion | PendingReplicaDeletion | Unavailable) => NoOp,
        (Event::MaterialFound, Unavailable) => To(&[Enabled, Disabled, PendingImport]),
        (Event::MaterialFound, _) => NoOp,
        (Event::Rotated, Enabled | Updating) => NoOp,
        (Event::PrimaryScheduled, Enabled | Disabled) => To(&[PendingReplicaDeletion]),
        (Event::PrimaryRegionUpdateBegun, Enabled) => To(&[Updating]),
        (Event::PrimaryRegionUpdateEnded, Updating) => To(&[Enabled]),
        _ => Illegal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line for each cell, in the order of the definitions.
    fn table() -> String {
        let cell = |state: KeyState, event: Event| match transition(state, event) {
            Transition::To(states) => states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(" | "),
            Transition::NoOp => "no-op".to_owned(),
            Transition::Illegal => "illegal".to_owned(),
            Transition::Gone => "(gone)".to_owned(),
        };
        let row = |state: &KeyState| {
            Event::ALL
                .iter()
                .map(|event| format!("{state} + {event} -> {}\n", cell(*state, *event)))
                .collect::<String>()
        };
        KeyState::ALL.iter().map(row).collect()
    }

    /// The same as a graph in the DOT language, one edge for each change of state.
    fn graph() -> String {
        let mut edges = Vec::new();
        for (state, event) in KeyState::ALL.iter().flat_map(|state| Event::ALL.iter().map(move |event| (state, event)))
        {
            match transition(*state, *event) {
                Transition::To(states) => {
                    edges.extend(states.iter().map(|next| format!("  {state} -> {next} [label=\"{event}\"]")));
                }
                Transition::Gone => edges.push(format!("  {state} -> Gone [label=\"{event}\"]")),
                Transition::NoOp | Transition::Illegal => {}
            }
        }
        format!("digraph key_states {{\n{}\n}}\n", edges.join("\n"))
    }

    #[test]
    fn every_cell_is_as_it_was_agreed() {
        assert_eq!(table(), include_str!("snapshots/key_states.txt"), "the table of states changed:\n{}", table());
        assert_eq!(graph(), include_str!("snapshots/key_states.dot"), "the graph changed:\n{}", graph());
        assert_eq!(table().lines().count(), 8 * Event::ALL.len());
    }

    #[test]
    fn every_state_is_left_and_reached_by_something() {
        for state in KeyState::ALL {
            let leaves = Event::ALL
                .iter()
                .any(|event| matches!(transition(*state, *event), Transition::To(next) if next != [*state]));
            assert!(leaves, "{state} is never left");
            let reached = KeyState::ALL.iter().any(|from| {
                Event::ALL
                    .iter()
                    .any(|event| matches!(transition(*from, *event), Transition::To(next) if next.contains(state)))
            });
            assert!(reached || *state == KeyState::Creating, "{state} is never reached");
        }
    }
}
