//! What was measured on: without it a table of times is a rumour.

use crate::process;

/// Processor, cores, memory, disk, kernel, compiler and commit, one line each.
pub(super) fn describe(bench: &std::path::Path) -> Vec<String> {
    let said = |program: &str, args: &[&str]| {
        process::output(process::command(program, args)).ok().map(|text| text.trim().to_owned())
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("unknown".to_owned(), |(_, v)| v.trim().to_owned())
    };
    let (processor, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let features = field(&processor, "flags");
    let has = |feature: &str| features.split_whitespace().any(|known| known == feature);
    let with: Vec<&str> =
        ["sha_ni", "aes", "vaes", "avx2", "avx512f"].into_iter().filter(|feature| has(feature)).collect();
    let kilobytes: f64 = field(&memory, "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
    let folder = bench.display().to_string();
    let disk = said("findmnt", &["-no", "FSTYPE,SOURCE", "-T", &folder]).unwrap_or("unknown".to_owned());
    let root = crate::workspace::root().display().to_string();
    let commit = said("git", &["-C", &root, "describe", "--always", "--dirty"]);
    vec![
        format!("processor: {}, {cores} cores ({})", field(&processor, "model name"), with.join(", ")),
        format!("memory: {:.0} GB", kilobytes * 1024.0 / 1e9),
        format!(
            "disk of corpora and repositories: {}",
            disk.split_whitespace().collect::<Vec<_>>().join(" on ")
        ),
        format!("kernel: {}", said("uname", &["-sr"]).unwrap_or_default()),
        format!("compiler: {}", said("rustc", &["--version"]).unwrap_or_default()),
        format!("commit: {}", commit.unwrap_or("unknown".to_owned())),
    ]
}

/// Today, as people write it: `2026-11-25`.
pub(super) fn date() -> String {
    process::output(process::command("date", &["-u", "+%Y-%m-%d"])).unwrap_or_default().trim().to_owned()
}
