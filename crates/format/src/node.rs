//! Nodes: what a tree says about one directory entry, in exactly the spelling of restic.
//!
//! Go's `encoding/json` fixes order, omission and escaping; restic refuses to rewrite a tree that it would have
//! spelled differently. Our own trees also leave out what would make equal directories differ from one snapshot of
//! a volume to the next: device numbers (but for hard links, where restore needs them), access times, time zones.
//!
//! A foreign tree can be written again byte for byte, with exceptions that restic does not keep either: `\ufffd`
//! escapes in names of users, groups and attributes (they stand for bytes that were lost when the tree was first
//! written), fields that restic does not know, rustic's way of quoting unprintable characters and of writing UTC as
//! `+00:00`, and what Go before 1.21 took for unprintable because its Unicode was older.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::go_json::{write_escaped, write_number, write_string};
use crate::go_mode;
use crate::id::Id;
use crate::quote::quote;
use crate::source::{EntryKind, FileTime, Metadata, Xattr};
use crate::time_text;

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Name bytes. [`crate::parse_tree`] gives only names that are safe to join to a directory.
    pub name: Vec<u8>,
    /// Type, mode, owner, times, size. Absent fields read as 0.
    pub metadata: Metadata,
    /// Login name of the owner; not written when empty.
    pub user: Option<String>,
    /// Name of the group; not written when empty.
    pub group: Option<String>,
    /// Last access. `None` writes the mtime, so that reading a file does not change its tree.
    pub atime: Option<FileTime>,
    /// For symlinks: the raw target.
    pub link_target: Option<Vec<u8>>,
    /// Extended attributes; sort them by name for equal trees of equal directories. Names that are not UTF-8 cannot
    /// be told apart from damaged ones once written: their bad bytes become U+FFFD.
    pub xattrs: Vec<Xattr>,
    /// For files: the blobs of the content in order, empty for an empty file. `None` writes `null`.
    pub content: Option<Vec<Id>>,
    /// For directories: their tree. A directory without one comes from a damaged or hostile repository.
    pub subtree: Option<Id>,
    /// What went wrong when the entry was archived.
    pub error: Option<String>,
    /// What another program wrote differently than we would; `None` for nodes of ours. While present it overrides
    /// the fields of `metadata` it names: set it to `None` after changing those.
    pub foreign: Option<Box<Foreign>>,
}

/// What is needed to write a node of another program again byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    /// Go's file mode, with bits that type and permissions do not explain.
    pub mode: u32,
    /// Size, also of what is no file.
    pub size: u64,
    /// Hard links, also of directories and pipes.
    pub links: u64,
    /// Device that holds the entry; restic writes it always.
    pub device_id: u64,
    /// Device that the entry stands for, also of what is no device.
    pub device: u64,
    /// Minutes east of UTC that mtime, atime and ctime are spelled at.
    pub offset_minutes: [i16; 3],
    /// The JSON of `linktarget` when we would spell it differently: old versions of restic know no raw targets and
    /// old versions of Go escape other characters.
    pub link_target_json: Option<String>,
    /// Positions of attributes whose value is `null`.
    pub null_xattrs: Vec<usize>,
    /// The JSON of `generic_attributes`, which carries Windows metadata.
    pub generic_attributes: Option<String>,
}

impl Node {
    /// A node with nothing but a name and metadata.
    pub fn new(name: Vec<u8>, metadata: Metadata) -> Node {
        Node {
            name,
            metadata,
            user: None,
            group: None,
            atime: None,
            link_target: None,
            xattrs: Vec::new(),
            content: None,
            subtree: None,
            error: None,
            foreign: None,
        }
    }

    /// Appends the whole object.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_head(out);
        encode_tail(self.content.as_deref(), self.subtree.as_ref(), self.error.as_deref(), out);
    }

    /// Appends the object from `{` up to the comma before `"content"`; [`encode_tail`] completes it.
    pub fn encode_head(&self, out: &mut Vec<u8>) {
        let meta = &self.metadata;
        let foreign = self.foreign.as_deref();
        let fields = foreign.map_or_else(|| Spelling::ours(meta), Spelling::of);

        out.extend_from_slice(b"{\"name\":\"");
        let name_from = out.len();
        quote(&self.name, out);
        escape_in_place(name_from, out);
        out.extend_from_slice(b"\",\"type\":\"");
        out.extend_from_slice(go_mode::type_name(meta.kind).as_bytes());
        out.extend_from_slice(b"\",");
        number_unless_zero("mode", fields.mode.into(), out);
        let atime = self.atime.unwrap_or(meta.mtime);
        for ((key, time), offset) in [("mtime", meta.mtime), ("atime", atime), ("ctime", meta.ctime)]
            .into_iter()
            .zip(fields.offset_minutes)
        {
            write_key(key, out);
            out.push(b'"');
            time_text::write(time, offset, out);
            out.extend_from_slice(b"\",");
        }
        number("uid", meta.uid.into(), out);
        number("gid", meta.gid.into(), out);
        text_unless_empty("user", self.user.as_deref().unwrap_or_default().as_bytes(), out);
        text_unless_empty("group", self.group.as_deref().unwrap_or_default().as_bytes(), out);
        number_unless_zero("inode", meta.inode, out);
        number_unless_zero("device_id", fields.device_id, out);
        number_unless_zero("size", fields.size, out);
        number_unless_zero("links", fields.links, out);
        if let Some(target) = &self.link_target {
            if let Some(json) = foreign.and_then(|foreign| foreign.link_target_json.as_ref()) {
                write_key("linktarget", out);
                out.extend_from_slice(json.as_bytes());
                out.push(b',');
            } else {
                text_unless_empty("linktarget", target, out);
            }
            if std::str::from_utf8(target).is_err() {
                text_unless_empty("linktarget_raw", STANDARD.encode(target).as_bytes(), out);
            }
        }
        self.write_xattrs(out);
        if let Some(generic) = foreign.and_then(|foreign| foreign.generic_attributes.as_ref()) {
            write_key("generic_attributes", out);
            out.extend_from_slice(generic.as_bytes());
            out.push(b',');
        }
        number_unless_zero("device", fields.device, out);
    }

    fn write_xattrs(&self, out: &mut Vec<u8>) {
        if self.xattrs.is_empty() {
            return;
        }
        write_key("extended_attributes", out);
        out.push(b'[');
        for (position, xattr) in self.xattrs.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"name\":");
            write_string(&xattr.name, out);
            out.extend_from_slice(b",\"value\":");
            let is_null = |foreign: &Foreign| foreign.null_xattrs.contains(&position);
            if xattr.value.is_empty() && self.foreign.as_deref().is_some_and(is_null) {
                out.extend_from_slice(b"null");
            } else {
                out.push(b'"');
                out.extend_from_slice(STANDARD.encode(&xattr.value).as_bytes());
                out.push(b'"');
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"],");
    }
}

/// Appends the rest of a node after [`Node::encode_head`]: `"content":...}`. Content is the last thing known of a
/// file, and stays the same from one backup to the next more often than the head.
pub fn encode_tail(content: Option<&[Id]>, subtree: Option<&Id>, error: Option<&str>, out: &mut Vec<u8>) {
    match content {
        None => out.extend_from_slice(b"\"content\":null"),
        Some(ids) => {
            out.extend_from_slice(b"\"content\":[");
            for (position, id) in ids.iter().enumerate() {
                out.extend_from_slice(if position == 0 { b"\"" } else { b",\"" });
                out.extend_from_slice(&id.hex_digits());
                out.push(b'"');
            }
            out.push(b']');
        }
    }
    if let Some(id) = subtree {
        out.extend_from_slice(b",\"subtree\":\"");
        out.extend_from_slice(&id.hex_digits());
        out.push(b'"');
    }
    if let Some(error) = error.filter(|error| !error.is_empty()) {
        out.extend_from_slice(b",\"error\":");
        write_string(error.as_bytes(), out);
    }
    out.push(b'}');
}

/// The fields that we and other programs fill differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spelling {
    pub(crate) mode: u32,
    pub(crate) size: u64,
    pub(crate) links: u64,
    pub(crate) device_id: u64,
    pub(crate) device: u64,
    pub(crate) offset_minutes: [i16; 3],
}

impl Spelling {
    /// What we write: as restic, except for `device_id` and the time zone.
    pub(crate) fn ours(meta: &Metadata) -> Spelling {
        use EntryKind::{BlockDevice, CharDevice, Directory, Fifo, File, Socket, Symlink};

        let is_device = matches!(meta.kind, BlockDevice | CharDevice);
        let links = match meta.kind {
            File | Symlink | BlockDevice | CharDevice => meta.links,
            Directory | Fifo | Socket => 0,
        };
        Spelling {
            mode: go_mode::of(meta.kind, meta.permissions),
            size: if meta.kind == File { meta.size } else { 0 },
            links,
            device_id: if meta.links > 1 && meta.kind != Directory { meta.device_id } else { 0 },
            device: if is_device { meta.device } else { 0 },
            offset_minutes: [0; 3],
        }
    }

    fn of(foreign: &Foreign) -> Spelling {
        let Foreign { mode, size, links, device_id, device, offset_minutes, .. } = *foreign;
        Spelling { mode, size, links, device_id, device, offset_minutes }
    }
}

fn write_key(key: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn number(key: &str, number: u64, out: &mut Vec<u8>) {
    write_key(key, out);
    write_number(number, out);
    out.push(b',');
}

fn number_unless_zero(key: &str, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        number(key, value, out);
    }
}

fn text_unless_empty(key: &str, text: &[u8], out: &mut Vec<u8>) {
    if !text.is_empty() {
        write_key(key, out);
        write_string(text, out);
        out.push(b',');
    }
}

/// Escapes what was appended from `from` on; most names need none, and then nothing moves.
fn escape_in_place(from: usize, out: &mut Vec<u8>) {
    let needs_none = |byte: &u8| !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&');
    if !out[from..].iter().all(needs_none) {
        let quoted = out.split_off(from);
        write_escaped(&quoted, out);
    }
}

#[cfg(test)]
mod tests;
