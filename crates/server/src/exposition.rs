//! Measurements in Prometheus' text format. Names and units follow its conventions, and labels hold names of assets,
//! locations, controls and channels alone: nothing of clients' files, and no more of them than the estate has.

use std::collections::BTreeSet;

use holdfast_model::verdict::Verdict;
use holdfast_ops::metrics::Snapshot;
use jiff::Timestamp;
use metrics::{Label, Unit, counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;

/// A metric that is told.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Whether it only ever grows.
    pub is_counter: bool,
}

const fn of(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, is_counter: false }
}

const fn count(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, is_counter: true }
}

/// Every metric. What is not in here is not told.
pub const METRICS: [Metric; 30] = [
    of("holdfast_build_info", "1, with the version of the program and of its rules as labels"),
    of("holdfast_healthy", "1 when verdicts were made within two hours, else 0"),
    of("holdfast_assessed_timestamp_seconds", "As of when the verdicts were made"),
    of("holdfast_policy_version", "The version of the policy that is applied"),
    of("holdfast_control_verdict", "1 for the verdict that a control has, 0 for the five others"),
    of("holdfast_control_red", "1 when a control is FAIL, STALE or NO_EVIDENCE, else 0"),
    of("holdfast_asset_red_controls", "How many controls are red for an asset"),
    of(
        "holdfast_last_good_point_timestamp_seconds",
        "The instant of the newest state that could be restored",
    ),
    of("holdfast_rpo_age_seconds", "How much would be lost now"),
    of("holdfast_rpo_objective_seconds", "How much may be lost by the policy"),
    of("holdfast_rpo_used_ratio", "The share of the objective that is used up; more than 1 is a breach"),
    of(
        "holdfast_rpo_warn_ratio",
        "The share of the objective from which on people are told that it breaks soon",
    ),
    of("holdfast_rpo_within_ratio", "The share of the window of 30 days within the objective"),
    of("holdfast_slots", "Slots that were due within 24 hours, by state"),
    of("holdfast_runs", "Runs that began within 24 hours, by outcome"),
    of("holdfast_location_owed_points", "Points that lie elsewhere and not at this location"),
    of("holdfast_location_answers", "1 when a location answered when it was last asked, else 0"),
    of("holdfast_location_asked_timestamp_seconds", "When a location was last asked"),
    of("holdfast_log_anchored_timestamp_seconds", "When a location was last given a signed head of the log"),
    of("holdfast_log_leaves", "Leaves of the audit log"),
    of("holdfast_purge_done_timestamp_seconds", "When a purge last got everything away"),
    of("holdfast_storage_walked_timestamp_seconds", "When storage was last walked through"),
    of("holdfast_reread_timestamp_seconds", "When old data was last read again"),
    count("holdfast_alarms_total", "Alarms ever raised, by kind"),
    of("holdfast_notices_waiting", "Notices that wait to be delivered by a channel"),
    of("holdfast_notice_delivered_timestamp_seconds", "When a channel last took a notice"),
    of("holdfast_ping_taken_timestamp_seconds", "When the ping was last taken"),
    of("holdfast_assets", "How many parts of assets have an objective"),
    of("holdfast_rpo_broken", "How many of them are beyond it"),
    of("holdfast_rpo_used_ratio_max", "The largest share of an objective that is used up"),
];

/// The measurements as text.
pub fn exposition(found: &Snapshot) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    with_local_recorder(&recorder, || {
        for metric in METRICS {
            match metric.is_counter {
                true => describe_counter!(metric.name, Unit::Count, metric.help),
                false => describe_gauge!(metric.name, metric.help),
            }
        }
        about_itself(found);
        about_assets(found);
        about_storage(found);
        about_people(found);
    });
    handle.render()
}

/// A label's value. Names are narrow already; what alarms or newer programs bring is made so.
fn label(name: &'static str, value: &str) -> Label {
    Label::new(name, value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
}

fn set(name: &'static str, labels: Vec<Label>, value: f64) {
    debug_assert!(METRICS.iter().any(|metric| metric.name == name), "{name} is not described");
    gauge!(name, labels).set(value);
}

#[expect(clippy::cast_precision_loss, reason = "counts and seconds fit")]
fn number(value: u64) -> f64 {
    value as f64
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn about_itself(found: &Snapshot) {
    let version = vec![label("version", env!("CARGO_PKG_VERSION")), label("rules", &found.rules.to_string())];
    set("holdfast_build_info", version, 1.0);
    set("holdfast_healthy", vec![], flag(holdfast_ops::metrics::unhealthy(found).is_none()));
    set("holdfast_log_leaves", vec![], number(found.leaves));
    if let Some(at) = found.assessed {
        set("holdfast_assessed_timestamp_seconds", vec![], seconds(at));
    }
    if let Some(version) = found.policy_version {
        set("holdfast_policy_version", vec![], number(version));
    }
    for (control, verdict) in &found.controls {
        set("holdfast_control_red", vec![label("control", control)], flag(verdict.is_red()));
        for other in Verdict::ALL {
            let labels = vec![label("control", control), label("verdict", other.as_str())];
            set("holdfast_control_verdict", labels, flag(*verdict == other));
        }
    }
    for (kind, raised) in &found.alarms {
        counter!("holdfast_alarms_total", vec![label("kind", kind)]).absolute(*raised);
    }
}

fn about_assets(found: &Snapshot) {
    for (asset, red) in &found.red_by_asset {
        set("holdfast_asset_red_controls", vec![label("asset", asset)], number(*red));
    }
    let (mut broken, mut most) = (0, 0.0_f64);
    for ((asset, dataset), rpo) in &found.objectives {
        let labels = || vec![label("asset", asset), label("dataset", dataset)];
        let (age, objective) = (rpo.age_seconds(found.now), rpo.objective_seconds);
        let used = number(age) / number(objective.max(1));
        if let Some(at) = rpo.recovery_point {
            set("holdfast_last_good_point_timestamp_seconds", labels(), seconds(at));
        }
        set("holdfast_rpo_age_seconds", labels(), number(age));
        set("holdfast_rpo_objective_seconds", labels(), number(objective));
        set("holdfast_rpo_used_ratio", labels(), used);
        set("holdfast_rpo_warn_ratio", labels(), number(rpo.warn_permille()) / 1000.0);
        set("holdfast_rpo_within_ratio", labels(), f64::from(rpo.within_per_10000(found.now)) / 10_000.0);
        broken += u64::from(rpo.breaks_at <= found.now);
        most = most.max(used);
    }
    set("holdfast_assets", vec![], number(found.objectives.len() as u64));
    set("holdfast_rpo_broken", vec![], number(broken));
    set("holdfast_rpo_used_ratio_max", vec![], most);
    // All states of each part, so that a rule can ask for one that there is none of yet.
    let parts: BTreeSet<(&String, &String)> =
        found.slots.keys().map(|(asset, dataset, _)| (asset, dataset)).collect();
    for (asset, dataset) in parts {
        for state in ["ok", "late", "degraded", "missed", "waived", "expected"] {
            let slots = found.slots.get(&(asset.clone(), dataset.clone(), state)).copied().unwrap_or(0);
            let labels = vec![label("asset", asset), label("dataset", dataset), label("state", state)];
            set("holdfast_slots", labels, number(slots));
        }
    }
    for (outcome, runs) in &found.runs {
        set("holdfast_runs", vec![label("outcome", outcome)], number(*runs));
    }
}

fn about_storage(found: &Snapshot) {
    for (name, location) in &found.locations {
        let labels = || vec![label("location", name)];
        set("holdfast_location_owed_points", labels(), number(location.owed_points));
        if let Some((answers, at)) = location.answered {
            set("holdfast_location_answers", labels(), flag(answers));
            set("holdfast_location_asked_timestamp_seconds", labels(), seconds(at));
        }
        if let Some(at) = location.anchored {
            set("holdfast_log_anchored_timestamp_seconds", labels(), seconds(at));
        }
    }
    let instants = [
        ("holdfast_purge_done_timestamp_seconds", found.purged),
        ("holdfast_storage_walked_timestamp_seconds", found.walked),
        ("holdfast_reread_timestamp_seconds", found.reread),
    ];
    // What never happened is as old as can be: a rule cannot compare with what is not there.
    for (name, at) in instants {
        set(name, vec![], at.map_or(0.0, seconds));
    }
}

fn about_people(found: &Snapshot) {
    for (name, channel) in &found.channels {
        let labels = || vec![label("channel", name)];
        set("holdfast_notices_waiting", labels(), number(channel.waiting));
        if let Some(at) = channel.delivered {
            set("holdfast_notice_delivered_timestamp_seconds", labels(), seconds(at));
        }
    }
    if let Some(at) = found.pinged {
        set("holdfast_ping_taken_timestamp_seconds", vec![], seconds(at));
    }
}
