//! The tree against another implementation, and what an export is judged by.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use holdfast_audit_verify::{Tree, read};
use proptest::prelude::*;
use sha2::Sha256;

#[test]
fn every_root_is_that_of_another_implementation() {
    let mut ours = Tree::default();
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut roots = vec![theirs.root().as_bytes().to_vec()];
    for number in 0..300_u32 {
        ours.push(&number.to_be_bytes());
        theirs.push(number.to_be_bytes().to_vec());
        roots.push(theirs.root().as_bytes().to_vec());
    }
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(ours.root(size as u64).unwrap().as_slice(), root.as_slice(), "{size}");
    }
    assert_eq!(ours.root(301), None);
}

proptest! {
    /// Nothing that is read as an export brings the verifier down.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut begun = b"{\"holdfast_log\":1}\n".to_vec();
        let _ = read(bytes.as_slice());
        begun.extend(bytes);
        let _ = read(begun.as_slice());
    }
}

#[test]
fn an_export_without_its_last_line_was_cut_short() {
    let whole = "{\"holdfast_log\":1,\"key\":null}\n{\"end\":0}\n";
    assert!(read(whole.as_bytes()).unwrap().troubles.is_empty());
    let cut = read("{\"holdfast_log\":1,\"key\":null}\n".as_bytes()).unwrap();
    assert_eq!(cut.troubles[0].kind, "cut");
    assert!(read("{}\n".as_bytes()).is_err() && read("".as_bytes()).is_err());
}
