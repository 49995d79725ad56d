//! Index files: which pack holds which blobs, so that packs need not be opened to find anything.
//!
//! A repository of terabytes has millions of entries, read at every start; so entries are handed over one by one
//! instead of being collected, and hex digits are the only thing parsed by hand.

use std::fmt;
use std::num::NonZeroU32;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::blob_kind::BlobKind;
use crate::go_json::write_number;
use crate::id::Id;
use crate::pack::PackEntry;

/// Blobs in one index file at which writers begin the next.
pub const INDEX_BLOBS_TARGET: usize = 50_000;

/// A pack and all of its blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPack {
    /// Name of the pack.
    pub id: Id,
    /// Its blobs in order of their offsets. All of them: a pack split over two entries counts as damage.
    pub blobs: Vec<PackEntry>,
}

/// What an index file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFile {
    /// Packs in use.
    pub packs: Vec<IndexPack>,
    /// Packs that rustic has marked for removal. Read, never written: restic would ignore and drop the mark.
    pub packs_to_delete: Vec<IndexPack>,
}

/// The JSON is not an index.
#[derive(Debug)]
pub struct IndexError(serde_json::Error);

/// Which list of an index file a pack stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexList {
    /// In use.
    Packs,
    /// Marked for removal by rustic.
    PacksToDelete,
}

impl IndexFile {
    /// The JSON to store. `packs_to_delete` is left out.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json =
            Vec::with_capacity(64 + self.packs.iter().map(|p| 90 + p.blobs.len() * 160).sum::<usize>());
        json.extend_from_slice(b"{\"packs\":[");
        for (number, pack) in self.packs.iter().enumerate() {
            if number > 0 {
                json.push(b',');
            }
            json.extend_from_slice(b"{\"id\":\"");
            json.extend_from_slice(&pack.id.hex_digits());
            json.extend_from_slice(b"\",\"blobs\":[");
            for (number, blob) in pack.blobs.iter().enumerate() {
                if number > 0 {
                    json.push(b',');
                }
                write_blob(blob, &mut json);
            }
            json.extend_from_slice(b"]}");
        }
        json.extend_from_slice(b"]}");
        json
    }

    /// Reads a whole index file.
    pub fn parse(json: &[u8]) -> Result<IndexFile, IndexError> {
        let mut index = IndexFile::default();
        IndexFile::visit_packs(json, &mut |list, id, blobs| {
            let pack = IndexPack { id, blobs: blobs.to_vec() };
            match list {
                IndexList::Packs => index.packs.push(pack),
                IndexList::PacksToDelete => index.packs_to_delete.push(pack),
            }
        })?;
        Ok(index)
    }

    /// Hands over every blob of the packs in use, with its pack, without building the file in memory.
    ///
    /// On error some blobs may have been handed over already: what was collected from a file that gives an error
    /// must be thrown away.
    pub fn visit(json: &[u8], see: &mut dyn FnMut(Id, PackEntry)) -> Result<(), IndexError> {
        IndexFile::visit_packs(json, &mut |list, pack, blobs| {
            if list == IndexList::Packs {
                for blob in blobs {
                    see(pack, *blob);
                }
            }
        })
    }

    /// Hands over pack after pack of both lists. On error, the same holds as for [`IndexFile::visit`].
    pub fn visit_packs(
        json: &[u8],
        see: &mut dyn FnMut(IndexList, Id, &[PackEntry]),
    ) -> Result<(), IndexError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        deserializer.deserialize_map(FileVisitor { see }).map_err(IndexError)?;
        deserializer.end().map_err(IndexError)
    }
}

fn write_blob(blob: &PackEntry, json: &mut Vec<u8>) {
    json.extend_from_slice(b"{\"id\":\"");
    json.extend_from_slice(&blob.id.hex_digits());
    json.extend_from_slice(b"\",\"type\":\"");
    json.extend_from_slice(blob.kind.as_str().as_bytes());
    json.extend_from_slice(b"\",\"offset\":");
    write_number(blob.offset.into(), json);
    json.extend_from_slice(b",\"length\":");
    write_number(blob.length.into(), json);
    if let Some(uncompressed) = blob.uncompressed {
        json.extend_from_slice(b",\"uncompressed_length\":");
        write_number(uncompressed.get().into(), json);
    }
    json.push(b'}');
}

/// The outermost object.
struct FileVisitor<'a> {
    see: &'a mut dyn FnMut(IndexList, Id, &[PackEntry]),
}

impl<'de> Visitor<'de> for FileVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Field {
            Packs,
            PacksToDelete,
            #[serde(other)]
            Other,
        }
        while let Some(field) = map.next_key()? {
            let list = match field {
                Field::Packs => IndexList::Packs,
                Field::PacksToDelete => IndexList::PacksToDelete,
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(PacksSeed { list, see: &mut *self.see })?;
        }
        Ok(())
    }
}

/// A list of packs. Go writes an empty list as `null` as well.
struct PacksSeed<'a> {
    list: IndexList,
    see: &'a mut dyn FnMut(IndexList, Id, &[PackEntry]),
}

impl<'de> DeserializeSeed<'de> for PacksSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PacksSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of packs")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut packs: A) -> Result<(), A::Error> {
        let mut blobs = Vec::new();
        while let Some(id) = packs.next_element_seed(PackSeed { blobs: &mut blobs })? {
            (self.see)(self.list, id, &blobs);
        }
        Ok(())
    }
}

/// One pack; its blobs go to a list that is used again for the next pack.
struct PackSeed<'a> {
    blobs: &'a mut Vec<PackEntry>,
}

impl<'de> DeserializeSeed<'de> for PackSeed<'_> {
    type Value = Id;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Id, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PackSeed<'_> {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pack with its blobs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Id, A::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Field {
            Id,
            Blobs,
            #[serde(other)]
            Other,
        }
        self.blobs.clear();
        let mut id = None;
        while let Some(field) = map.next_key()? {
            match field {
                Field::Id if id.is_some() => return Err(de::Error::duplicate_field("id")),
                Field::Id => id = Some(map.next_value()?),
                Field::Blobs => map.next_value_seed(BlobsSeed { blobs: self.blobs })?,
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        id.ok_or_else(|| de::Error::missing_field("id"))
    }
}

struct BlobsSeed<'a> {
    blobs: &'a mut Vec<PackEntry>,
}

impl<'de> DeserializeSeed<'de> for BlobsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BlobsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of blobs")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut blobs: A) -> Result<(), A::Error> {
        while let Some(blob) = blobs.next_element::<BlobJson>()? {
            self.blobs.push(blob.into());
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct BlobJson {
    id: Id,
    #[serde(rename = "type")]
    kind: BlobKind,
    offset: u32,
    length: u32,
    #[serde(default)]
    uncompressed_length: u32,
}

impl From<BlobJson> for PackEntry {
    fn from(blob: BlobJson) -> PackEntry {
        let BlobJson { id, kind, offset, length, uncompressed_length } = blob;
        PackEntry { kind, id, offset, length, uncompressed: NonZeroU32::new(uncompressed_length) }
    }
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an index file: {}", self.0)
    }
}

impl std::error::Error for IndexError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests;
