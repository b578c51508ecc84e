//! When a serving record says nothing yet.

use super::*;

#[test]
fn a_record_is_blank_as_long_as_each_entry_of_ours_is() {
    let mut record = Record::new();
    record.insert("note", "another tool's");
    for entry in [CHAIN_ENTRY, KEY_ENTRY, CA_ENTRY] {
        record.insert(entry, "");
        assert!(is_blank(&record));
    }
    record.insert(CA_ENTRY, "anything");
    assert!(!is_blank(&record));
}
