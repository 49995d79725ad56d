//! Self-recovery: whoever lost the controller with its keys rebuilds it from any one location and the kit.
//!
//! The key ring lies at every location, encrypted to one root whose secret half only the kit's holders have; the ledger, with
//! policy and estate, lies there as snapshots of a restic repository whose password is in the ring. Nothing of it is needed
//! on a good day, so nobody would notice that it is missing: each delivery is a fact, and the kit is tried every month.

mod adopt;
mod by_hand;
mod configuration;
mod deliver;
mod drill;
mod kit;
mod kit_text;
mod ledger_copy;
mod material;
mod past;
mod poorer;
mod rebuild;
mod ring;
mod ring_at;
mod root;
mod scratch;
mod shares;
mod silence;

pub use self::deliver::{
    DeliveredTo, DeliveryReport, Extent, deliver, deliver_after, deliver_entered, tell_delivered,
};
pub(crate) use self::deliver::{Judges, deliver_as};
pub use self::drill::{DrillReport, drill};
pub use self::kit::{KitReport, KitRequest, make_kit};
pub(crate) use self::ledger_copy::forget_all_but;
pub use self::material::Material;
pub(crate) use self::past::holders_of;
pub(crate) use self::poorer::refusal;
pub use self::rebuild::{RecoverReport, RecoverRequest, recover};
pub(crate) use self::ring::Contents;
pub(crate) use self::root::known_kit;
pub use self::shares::Split;
