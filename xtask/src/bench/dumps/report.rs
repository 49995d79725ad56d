//! What a day of dumps leaves: Markdown to read, JSON with every dump, a picture.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::stand::{Dump, Taken};
use super::stored::Stored;
use super::{Args, Measured, plot};
use crate::bench::measure::Usage;
use crate::bench::spread::Spread;
use crate::bench::{machine, report};

const PICTURE: &str = "performance-dumps.svg";

/// Writes the day into `dumps.{md,json}` and the picture, the large table into `dumps-large.{md,json}`; with `--write-docs`
/// into the documents too. What was left out stays as it was.
pub(super) fn write(args: &Args, bench: &Path, measured: &Measured) -> Result<()> {
    let head = head(bench, measured);
    if !measured.hours.is_empty() {
        write_part(
            args,
            bench,
            "dumps",
            &(head.clone() + &day(args, &measured.hours)),
            measured,
            &measured.hours,
        )?;
        plot::lines(&measured.hours, &bench.join(PICTURE))?;
        if args.write_docs {
            std::fs::copy(bench.join(PICTURE), report::docs().join(PICTURE))?;
        }
    }
    if !measured.large.is_empty() {
        let text = head + &large(&measured.large);
        write_part(args, bench, "dumps-large", &text, measured, &measured.large)?;
    }
    Ok(())
}

fn write_part(
    args: &Args,
    bench: &Path,
    word: &str,
    text: &str,
    measured: &Measured,
    dumps: &[Dump],
) -> Result<()> {
    println!("\n{text}");
    std::fs::write(bench.join(word).with_extension("md"), text)?;
    let document = json!({
        "date": machine::date(),
        "machine": machine::describe(bench),
        "programs": measured.titles,
        "scale": args.scale,
        "minutes": args.minutes,
        "dumps": dumps.iter().map(dump_json).collect::<Vec<_>>(),
    });
    let file = bench.join(word).with_extension("json");
    std::fs::write(&file, serde_json::to_string_pretty(&document)?)?;
    println!("bench: written to {}", file.display());
    if args.write_docs { report::put_between_marks(word, text) } else { Ok(()) }
}

fn head(bench: &Path, measured: &Measured) -> String {
    let [ours, restic, tool] = &measured.titles;
    let mut text = format!("Measured on {} with {ours}, {restic}, {tool}.\n\n", machine::date());
    for line in machine::describe(bench) {
        let _ = writeln!(text, "- {line}");
    }
    text
}

fn day(args: &Args, dumps: &[Dump]) -> String {
    let mut text = format!(
        "- {} dumps of a WHMCS of scale {}, {} minutes of the workload between two of them\n",
        dumps.len(),
        args.scale,
        args.minutes
    );
    let _ = write!(text, "\n![Bytes stored by hourly dumps]({PICTURE})\n\n");
    summary(&mut text, dumps);
    text.push_str("\nEach dump; *tool* is the dump tool alone, to nowhere.\n\n");
    each(&mut text, dumps, |number| format!("{}", number + 1));
    text
}

fn large(dumps: &[Dump]) -> String {
    let mut text = "\nOne large table, and again with nothing changed:\n\n".to_owned();
    let words = ["first", "unchanged"];
    each(&mut text, dumps, |number| words[number % words.len()].to_owned());
    text
}

fn summary(text: &mut String, dumps: &[Dump]) {
    text.push_str("| the whole day | holdfast | restic | ours : restic |\n|---|---|---|---|\n");
    let mut row = |name: &str, of: &dyn Fn(&Stored) -> u64, dumps: &[Dump]| {
        let (ours, restic) = stored(dumps);
        let (ours, restic) = (mb(of(&ours)), mb(of(&restic)));
        let _ = writeln!(text, "| {name} | {ours:.2} | {restic:.2} | **{:.2}** |", ours / restic);
    };
    let (first, later) = dumps.split_at(1);
    row("stored by the first dump, MB", &|stored| stored.sum(), first);
    row("stored by those after it, MB", &|stored| stored.sum(), later);
    row("of that, packs", &|stored| stored.packs, later);
    row("of that, indexes", &|stored| stored.indexes, later);
    row("of that, snapshots and the like", &|stored| stored.rest, later);
    row("stored by all, MB", &|stored| stored.sum(), dumps);
    row_of(text, "time of the first dump, s", first, |usage| usage.wall.as_secs_f64());
    row_of(text, "time of those after it, s", later, |usage| usage.wall.as_secs_f64());
    row_of(text, "processor time of those after it, s", later, |usage| usage.processor.as_secs_f64());
    row_of(text, "peak memory, MB", dumps, |usage| mb(usage.memory_bytes));
    let times = |of: fn(&Dump) -> Duration| dumps.iter().map(of).sum::<Duration>().as_secs_f64();
    let (ours, restic) = (times(|dump| dump.ours.usage.wall), times(|dump| dump.restic.usage.wall));
    let tool = times(|dump| dump.tool.wall);
    let _ = writeln!(text, "| time of all, s | {ours:.1} | {restic:.1} | **{:.2}** |", ours / restic);
    let (ours, restic) = (ours / tool, restic / tool);
    let _ = writeln!(
        text,
        "| time of all : dump tool alone ({tool:.1} s) | {ours:.2} | {restic:.2} | **{:.2}** |",
        ours / restic
    );
    let raw: u64 = dumps.iter().map(|dump| dump.raw_bytes).sum();
    let ends = (mb(dumps[0].raw_bytes), mb(dumps[dumps.len() - 1].raw_bytes));
    let _ = writeln!(
        text,
        "\nThe dumps are {:.0} MB together, {:.1} MB the first and {:.1} MB the last.",
        mb(raw),
        ends.0,
        ends.1
    );
}

/// Median, with the least and the most.
fn row_of(text: &mut String, name: &str, dumps: &[Dump], of: fn(&Usage) -> f64) {
    let spread =
        |taken: fn(&Dump) -> &Taken| Spread::of(dumps.iter().map(|dump| of(&taken(dump).usage)).collect());
    if let (Some(ours), Some(restic)) = (spread(|dump| &dump.ours), spread(|dump| &dump.restic)) {
        let ratio = ours.median / restic.median;
        let _ = writeln!(text, "| {name} | {} | {} | **{ratio:.2}** |", ours.shown(), restic.shown());
    }
}

fn each(text: &mut String, dumps: &[Dump], name: impl Fn(usize) -> String) {
    text.push_str(
        "| dump | its size, MB | tool, s | ours, s | restic, s | ours stored, MB | restic stored, MB | ",
    );
    text.push_str("ours, peak MB | restic, peak MB |\n|---|---|---|---|---|---|---|---|---|\n");
    for (number, dump) in dumps.iter().enumerate() {
        let paced = |usage: &Usage| {
            let seconds = usage.wall.as_secs_f64();
            format!("{seconds:.2} ({:.0} MB/s)", mb(dump.raw_bytes) / seconds)
        };
        let _ = writeln!(
            text,
            "| {} | {:.1} | {} | {} | {} | {:.2} | {:.2} | {:.0} | {:.0} |",
            name(number),
            mb(dump.raw_bytes),
            paced(&dump.tool),
            paced(&dump.ours.usage),
            paced(&dump.restic.usage),
            mb(dump.ours.stored.sum()),
            mb(dump.restic.stored.sum()),
            mb(dump.ours.usage.memory_bytes),
            mb(dump.restic.usage.memory_bytes),
        );
    }
}

fn stored(dumps: &[Dump]) -> (Stored, Stored) {
    dumps.iter().fold(Default::default(), |(ours, restic): (Stored, Stored), dump| {
        (ours.and(dump.ours.stored), restic.and(dump.restic.stored))
    })
}

fn dump_json(dump: &Dump) -> serde_json::Value {
    let usage = |usage: &Usage| {
        json!({
            "wall_s": usage.wall.as_secs_f64(),
            "processor_s": usage.processor.as_secs_f64(),
            "memory_bytes_max": usage.memory_bytes,
        })
    };
    let taken = |taken: &Taken| json!({ "took": usage(&taken.usage), "stored": taken.stored.json() });
    json!({
        "raw_bytes": dump.raw_bytes,
        "tool": usage(&dump.tool),
        "ours": taken(&dump.ours),
        "restic": taken(&dump.restic),
    })
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
