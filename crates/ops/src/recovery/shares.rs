//! The root's secret in shares, so that no single holder has it and no single fire takes it.
//!
//! They are Shamir's over GF(256), the field of `gfsplit` and `gfcombine`, so that those join them without us. Whoever types
//! one mistypes it: each carries the kit's name, its number and a check. A wrong share would otherwise give a wrong secret,
//! and nobody could say whose it was.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use blahaj::Sharks;
use holdfast_format::Id;
use holdfast_world::{ExposeSecret, SecretSlice};

use super::root::Root;
use crate::error::{Error, Result};

/// How a share begins.
pub(super) const SHARE: &str = "holdfast-share-";

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// How many are needed.
    pub needed: u8,
    /// How many there are.
    pub shares: u8,
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Split, String> {
        let wrong = || "write it like 2of3: two of three shares are needed".to_owned();
        let (needed, shares) = text.split_once("of").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<u8>().map_err(|_| wrong());
        let split = Split { needed: number(needed)?, shares: number(shares)? };
        if split.needed < 2 || split.needed > split.shares || split.shares > 20 {
            return Err("at least 2 shares are needed, of at most 20 and no fewer than are needed".to_owned());
        }
        Ok(split)
    }
}

/// One share.
pub(super) struct Share {
    kit: String,
    split: Split,
    pub(super) number: u8,
    bytes: SecretSlice<u8>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("kit", &self.kit).field("number", &self.number).finish_non_exhaustive()
    }
}

/// Splits a root.
pub(super) fn split(root: &Root, split: Split) -> Vec<Share> {
    let kit = root.recipient().kit();
    let secret = root.secret();
    let dealt = Sharks(split.needed).dealer(secret.expose_secret().as_bytes());
    dealt
        .take(usize::from(split.shares))
        .map(|dealt| {
            let mut bytes = Vec::from(&dealt);
            let number = bytes.remove(0);
            Share { kit: kit.clone(), split, number, bytes: SecretSlice::from(bytes) }
        })
        .collect()
}

/// Joins shares; the error says which are missing or wrong.
pub(super) fn join(shares: &[Share]) -> Result<Root> {
    let Some(first) = shares.first() else { return Err(Error::usage("no share was given")) };
    if let Some(other) = shares.iter().find(|share| share.kit != first.kit) {
        return Err(Error::usage(format!(
            "these are shares of two kits, {} and {}: they do not fit together",
            first.kit, other.kit
        )));
    }
    let by_number: BTreeMap<u8, &Share> = shares.iter().map(|share| (share.number, share)).collect();
    let needed = usize::from(first.split.needed);
    if by_number.len() < needed {
        let numbers: Vec<String> = by_number.keys().map(ToString::to_string).collect();
        return Err(Error::usage(format!(
            "{needed} different shares of the kit {} are needed, and this is number {} alone",
            first.kit,
            numbers.join(" and ")
        ))
        .hint("give the sheets of other holders as well: --kit may be given several times"));
    }
    let wrong = || {
        Error::usage(format!(
            "the shares of the kit {} give no secret of it: one of them is wrong",
            first.kit
        ))
        .hint("try other shares, two at a time, to find out which")
    };
    let dealt: Vec<blahaj::Share> = by_number
        .values()
        .filter_map(|share| {
            let mut bytes = vec![share.number];
            bytes.extend_from_slice(share.bytes.expose_secret());
            blahaj::Share::try_from(bytes.as_slice()).ok()
        })
        .collect();
    let secret = Sharks(first.split.needed).recover(dealt.as_slice()).map_err(|_| wrong())?;
    let secret = SecretSlice::from(secret);
    let root = std::str::from_utf8(secret.expose_secret()).ok().and_then(Root::parse).ok_or_else(wrong)?;
    if root.recipient().kit() == first.kit { Ok(root) } else { Err(wrong()) }
}

impl Share {
    /// The share's bytes for gfcombine, in hex.
    pub(super) fn hex(&self) -> String {
        self.bytes.expose_secret().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// As a sheet has it.
    pub(super) fn to_text(&self) -> String {
        let Split { needed, shares } = self.split;
        let text = format!("{SHARE}{}-{needed}of{shares}-{}-{}", self.kit, self.number, self.hex());
        let check = check(&text);
        format!("{text}-{check}")
    }

    /// Reads one; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Share> {
        let wrong = |why: &str| {
            Error::usage(format!("the share {}… is {why}", text.get(..SHARE.len() + 16).unwrap_or(text)))
                .hint("compare it with the sheet, letter by letter")
        };
        let (body, given) = text.rsplit_once('-').ok_or_else(|| wrong("incomplete"))?;
        if check(body) != given.to_lowercase() {
            return Err(wrong("mistyped or incomplete: its check does not fit"));
        }
        let incomplete = || wrong("incomplete");
        let parts: Vec<&str> = body.strip_prefix(SHARE).ok_or_else(incomplete)?.split('-').collect();
        let [kit, split, number, hex] = parts.as_slice() else { return Err(incomplete()) };
        let byte = |at: usize| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
        Ok(Share {
            kit: (*kit).to_owned(),
            split: split.parse().map_err(|why: String| wrong(&why))?,
            number: number.parse().ok().filter(|number| *number > 0).ok_or_else(incomplete)?,
            bytes: SecretSlice::from(bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(incomplete)?),
        })
    }
}

fn check(text: &str) -> String {
    Id::of(text.to_lowercase().as_bytes()).to_hex()[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_OF_THREE: Split = Split { needed: 2, shares: 3 };

    fn texts(root: &Root) -> Vec<String> {
        split(root, TWO_OF_THREE).iter().map(Share::to_text).collect()
    }

    fn joined(texts: &[&String]) -> Result<Root> {
        let shares: Result<Vec<Share>> = texts.iter().map(|text| Share::parse(text)).collect();
        join(&shares?)
    }

    #[test]
    fn any_two_of_three_give_the_root_and_one_does_not() {
        let root = Root::generate();
        let texts = texts(&root);
        for (one, other) in [(0, 1), (0, 2), (2, 1)] {
            let again = joined(&[&texts[one], &texts[other]]).unwrap();
            assert_eq!(again.recipient().kit(), root.recipient().kit());
        }
        joined(&[&texts[0], &texts[1], &texts[2]]).unwrap();
        let alone = joined(&[&texts[0], &texts[0]]).unwrap_err();
        assert!(alone.message.contains("2 different shares"), "{alone}");
    }

    #[test]
    fn a_mistyped_a_foreign_and_a_forged_share_are_told() {
        let (mine, theirs) = (texts(&Root::generate()), texts(&Root::generate()));
        let mut typed = mine[0].clone();
        let at = typed.len() - 20;
        let digit = if &typed[at..=at] == "0" { "1" } else { "0" };
        typed.replace_range(at..=at, digit);
        assert!(Share::parse(&typed).unwrap_err().message.contains("mistyped"));
        assert!(Share::parse(&mine[0][..60]).is_err());
        assert!(joined(&[&mine[0], &theirs[1]]).unwrap_err().message.contains("two kits"));
        // Somebody made a share up, with a check that fits.
        let (body, _) = typed.rsplit_once('-').unwrap();
        let forged = format!("{body}-{}", check(body));
        assert!(joined(&[&forged, &mine[1]]).unwrap_err().message.contains("one of them is wrong"));
    }

    #[test]
    fn a_split_that_makes_no_sense_is_refused() {
        assert_eq!("2of3".parse(), Ok(TWO_OF_THREE));
        for bad in ["", "2", "1of3", "4of3", "2of21", "2 or 3", "of", "twoofthree"] {
            assert!(bad.parse::<Split>().is_err(), "{bad}");
        }
    }
}
