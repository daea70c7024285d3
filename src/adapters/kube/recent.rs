//! A bounded map that forgets the longest unused entry.

use std::collections::{BTreeMap, HashMap};

/// SHA-256 of whatever an entry is about: of one size, and nothing secret lies in a map.
pub type Digest = [u8; 32];

/// At most so many entries.
///
/// INVARIANT: `order` holds exactly one pair for each entry, by the moment of its last use.
pub struct Recent<V> {
    entries_max: usize,
    entries: HashMap<Digest, (u64, V)>,
    order: BTreeMap<u64, Digest>,
    uses: u64,
}

impl<V> Recent<V> {
    /// An empty map.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self { entries_max, entries: HashMap::new(), order: BTreeMap::new(), uses: 0 }
    }

    /// An entry, which is thereby used.
    pub fn get(&mut self, key: &Digest) -> Option<&V> {
        let (used, value) = self.entries.get_mut(key)?;
        self.order.remove(used);
        self.uses += 1;
        *used = self.uses;
        self.order.insert(self.uses, *key);
        Some(value)
    }

    /// Puts or replaces an entry; beyond the bound the longest unused one makes room.
    pub fn put(&mut self, key: Digest, value: V) {
        self.uses += 1;
        if let Some((used, _)) = self.entries.insert(key, (self.uses, value)) {
            self.order.remove(&used);
        }
        self.order.insert(self.uses, key);
        while self.entries.len() > self.entries_max {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.entries.remove(&oldest);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_entry_makes_room() {
        let mut recent = Recent::new(3);
        for key in 0..3 {
            recent.put([key; 32], key);
        }
        assert_eq!(recent.get(&[0; 32]), Some(&0));
        recent.put([2; 32], 20);
        recent.put([9; 32], 9);
        assert_eq!([0, 1, 2, 9].map(|key| recent.get(&[key; 32]).copied()), [Some(0), None, Some(20), Some(9)]);
    }

    #[test]
    fn the_bound_holds_and_the_order_does_not_outgrow_the_entries() {
        let mut recent = Recent::new(16);
        for step in 0..10_000_u32 {
            let key = [u8::try_from(step * 7 % 251).unwrap(); 32];
            match step % 3 {
                0 => recent.put(key, step),
                _ => assert!(recent.get(&key).is_none_or(|put| *put < step)),
            }
            assert!(recent.len() <= 16 && recent.order.len() == recent.len());
        }
        recent.clear();
        assert!(recent.is_empty() && recent.order.is_empty());
    }
}
