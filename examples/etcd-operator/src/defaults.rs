//! Default values for what a user leaves out.

use crate::api::v1::EtcdSpec;

pub(crate) const SIZE: u32 = 3;
pub(crate) const VERSION: &str = "3.6.5";
pub(crate) const STORAGE_SIZE: &str = "1Gi";

/// Fills in what is not set. What is set stays as it is, valid or not.
pub(crate) fn fill_in(spec: &mut EtcdSpec) {
    spec.size.get_or_insert(SIZE);
    spec.version.get_or_insert_with(|| VERSION.into());
    if let Some(storage) = &mut spec.storage {
        storage.size.get_or_insert_with(|| STORAGE_SIZE.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::Storage;

    #[test]
    fn what_is_not_set_is_filled_in() {
        let mut spec = EtcdSpec {
            storage: Some(Storage::default()),
            ..EtcdSpec::default()
        };
        fill_in(&mut spec);
        assert_eq!(spec.size, Some(3));
        assert_eq!(spec.version.as_deref(), Some(VERSION));
        assert_eq!(spec.storage.unwrap().size.as_deref(), Some("1Gi"));
        assert_eq!(spec.tls, None);
    }

    #[test]
    fn what_is_set_stays() {
        let set = EtcdSpec {
            size: Some(4),
            version: Some("?".into()),
            storage: Some(Storage {
                size: Some("5Gi".into()),
                class_name: Some("fast".into()),
            }),
            tls: None,
        };
        let mut filled = set.clone();
        fill_in(&mut filled);
        assert_eq!(filled, set);
    }
}
