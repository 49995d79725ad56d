//! The stored shape of a node, and how it becomes a [`Node`] that can be written again byte for byte.

use std::borrow::Cow;

use super::{
    Engine, Foreign, Id, Metadata, Node, RawValue, STANDARD, Spelling, TreeError, Xattr, go_mode, time_text,
};
use serde::Deserialize;

use crate::go_json::write_string;
use crate::source::FileTime;

#[derive(Deserialize)]
pub(super) struct NodeJson<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    mode: u32,
    // Borrowed: no time has a character that JSON escapes. rustic leaves out what it does not know.
    mtime: Option<&'a str>,
    atime: Option<&'a str>,
    ctime: Option<&'a str>,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
    user: Option<String>,
    group: Option<String>,
    #[serde(default)]
    inode: u64,
    #[serde(default)]
    device_id: u64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    links: u64,
    #[serde(borrow)]
    linktarget: Option<&'a RawValue>,
    linktarget_raw: Option<String>,
    extended_attributes: Option<Vec<XattrJson>>,
    #[serde(borrow)]
    generic_attributes: Option<&'a RawValue>,
    #[serde(default)]
    device: u64,
    content: Option<Vec<Id>>,
    subtree: Option<Id>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct XattrJson {
    name: String,
    value: Option<String>,
}

impl NodeJson<'_> {
    /// `name` is the unquoted and checked name.
    pub(super) fn into_node(self, name: Vec<u8>) -> Result<Node, TreeError> {
        let Some(kind) = go_mode::type_of_name(&self.kind) else {
            return Err(TreeError::UnknownType { name, found: self.kind.into_owned() });
        };
        let mut field = "mtime";
        let Some((times, offset_minutes)) = read_times([self.mtime, self.atime, self.ctime], &mut field)
        else {
            return Err(TreeError::Field { name, field });
        };
        let [mtime, atime, ctime] = times;
        let metadata = Metadata {
            kind,
            permissions: go_mode::permissions(self.mode),
            uid: self.uid,
            gid: self.gid,
            inode: self.inode,
            device_id: self.device_id,
            links: self.links,
            size: self.size,
            device: self.device,
            mtime,
            ctime,
        };
        let Some((link_target, link_target_json)) =
            read_link_target(self.linktarget, self.linktarget_raw.as_deref())
        else {
            return Err(TreeError::Field { name, field: "linktarget" });
        };
        let Some((xattrs, null_xattrs)) = read_xattrs(self.extended_attributes.unwrap_or_default()) else {
            return Err(TreeError::Field { name, field: "extended_attributes" });
        };
        let Self { mode, size, links, device_id, device, .. } = self;
        let spelling = Spelling { mode, size, links, device_id, device, offset_minutes };
        let is_foreign = spelling != Spelling::ours(&metadata)
            || link_target_json.is_some()
            || !null_xattrs.is_empty()
            || self.generic_attributes.is_some();
        let generic_attributes = self.generic_attributes.map(|raw| raw.get().to_owned());
        let foreign = is_foreign.then(|| {
            Box::new(Foreign {
                mode,
                size,
                links,
                device_id,
                device,
                offset_minutes,
                link_target_json,
                null_xattrs,
                generic_attributes,
            })
        });
        Ok(Node {
            name,
            metadata,
            user: self.user,
            group: self.group,
            atime: self.atime.map(|_| atime),
            link_target,
            xattrs,
            content: self.content,
            subtree: self.subtree,
            error: self.error,
            foreign,
        })
    }
}

/// On failure `field` names the one that cannot be read.
fn read_times(texts: [Option<&str>; 3], field: &mut &'static str) -> Option<([FileTime; 3], [i16; 3])> {
    let mut times = [FileTime::default(); 3];
    let mut offsets = [0; 3];
    for (at, name) in ["mtime", "atime", "ctime"].into_iter().enumerate() {
        *field = name;
        if let Some(text) = texts[at] {
            (times[at], offsets[at]) = time_text::parse(text)?;
        }
    }
    Some((times, offsets))
}

/// The raw target, and the spelling of the text beside it where it is not the one that we give the raw target.
fn read_link_target(text: Option<&RawValue>, raw: Option<&str>) -> Option<(Option<Vec<u8>>, Option<String>)> {
    let Some(spelled) = text else {
        let target = raw.map(|raw| STANDARD.decode(raw)).transpose().ok()?;
        return Some((target, None));
    };
    let text: String = serde_json::from_str(spelled.get()).ok()?;
    let target = match raw {
        Some(raw) if !raw.is_empty() => STANDARD.decode(raw).ok()?,
        _ => text.into_bytes(),
    };
    let mut ours = Vec::new();
    write_string(&target, &mut ours);
    let differs = ours != spelled.get().as_bytes();
    Some((Some(target), differs.then(|| spelled.get().to_owned())))
}

/// The attributes, and the positions of those whose value is `null`.
fn read_xattrs(list: Vec<XattrJson>) -> Option<(Vec<Xattr>, Vec<usize>)> {
    let mut nulls = Vec::new();
    let mut xattrs = Vec::with_capacity(list.len());
    for (position, XattrJson { name, value }) in list.into_iter().enumerate() {
        if value.is_none() {
            nulls.push(position);
        }
        let value = STANDARD.decode(value.unwrap_or_default()).ok()?;
        xattrs.push(Xattr { name: name.into_bytes(), value });
    }
    Some((xattrs, nulls))
}
