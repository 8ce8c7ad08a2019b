//! A map that nearly always has one entry, and may have thousands.

use std::collections::BTreeMap;

/// Beyond so many entries it is a tree: a node of that is larger than these.
const FEW: usize = 4;

/// A sorted map whose first few entries cost only their own memory.
#[derive(Debug)]
pub(super) enum FewMap<K, V> {
    Few(Vec<(K, V)>),
    Many(BTreeMap<K, V>),
}

impl<K: Ord + Copy, V> FewMap<K, V> {
    pub(super) const fn new() -> Self {
        Self::Few(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Self::Few(few) => few.iter_mut().find(|(k, _)| k == key).map(|(_, v)| v),
            Self::Many(many) => many.get_mut(key),
        }
    }

    /// Inserts an entry whose key is not there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self {
            Self::Few(few) if few.len() < FEW => {
                let at = few.partition_point(|(k, _)| *k < key);
                few.reserve_exact(1);
                few.insert(at, (key, value));
            }
            Self::Few(few) => {
                let mut many: BTreeMap<K, V> = std::mem::take(few).into_iter().collect();
                many.insert(key, value);
                *self = Self::Many(many);
            }
            Self::Many(many) => {
                many.insert(key, value);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::Few(few) => {
                let at = few.iter().position(|(k, _)| k == key)?;
                Some(few.remove(at).1)
            }
            Self::Many(many) => many.remove(key),
        }
    }

    /// In the order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (few, many) = match self {
            Self::Few(few) => (Some(few), None),
            Self::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().map(|(k, v)| (k, v));
        few.chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::FewMap;

    #[test]
    fn it_is_the_same_map_with_few_entries_and_with_many() {
        let mut map = FewMap::new();
        let keys = [5, 3, 9, 1, 7, 2, 8];
        for (n, key) in keys.into_iter().enumerate() {
            map.insert(key, key * 10);
            assert_eq!(map.len(), n + 1);
            assert_eq!(map.get_mut(&key), Some(&mut (key * 10)));
            let mut sorted = keys[..=n].to_vec();
            sorted.sort_unstable();
            assert!(map.iter().map(|(k, _)| *k).eq(sorted));
        }
        for key in keys {
            assert_eq!(map.remove(&key), Some(key * 10));
            assert_eq!((map.remove(&key), map.get_mut(&key)), (None, None));
        }
        assert_eq!(map.len(), 0);
    }
}
