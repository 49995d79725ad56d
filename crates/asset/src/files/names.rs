//! Login and group names, asked once for each number: the user database may be a directory server far away, and a
//! tree has a hundred thousand files of one owner.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nix::unistd::{Gid, Group, Uid, User};

#[derive(Debug, Default)]
pub(super) struct Names {
    users: Cache,
    groups: Cache,
}

impl Names {
    pub(super) fn user(&self, uid: u32) -> Option<String> {
        // A database that cannot be asked is as one that does not know: the number is archived in any case.
        self.users.get(uid, |uid| Some(User::from_uid(Uid::from_raw(uid)).ok()??.name))
    }

    pub(super) fn group(&self, gid: u32) -> Option<String> {
        self.groups.get(gid, |gid| Some(Group::from_gid(Gid::from_raw(gid)).ok()??.name))
    }
}

#[derive(Debug, Default)]
struct Cache {
    known: Mutex<HashMap<u32, Option<String>>>,
}

impl Cache {
    fn get(&self, id: u32, ask: impl FnOnce(u32) -> Option<String>) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(id).or_insert_with(|| ask(id)).clone()
    }
}
