//! Words that bind a clone to one machine. A test that reads a path of somebody's own disk, or that names the host
//! of a package registry, passes there and nowhere else.

use super::Finding;

/// Written in two halves, so that this file does not break its own rule.
const WORDS: &[(&str, &str, &str)] = &[
    ("/wor", "k/", "a path of one machine: a fresh clone elsewhere must pass"),
    ("../sha", "red", "a folder outside the repository: everything that tests need lies within it"),
    ("deb.deb", "ian.org", "take package sources from the machine's own settings; mirrors differ"),
    ("pyp", "i.org", "take package sources from the machine's own settings; mirrors differ"),
    ("files.python", "hosted.org", "take package sources from the machine's own settings; mirrors differ"),
    ("registry.np", "mjs.org", "take package sources from the machine's own settings; mirrors differ"),
    ("index.cra", "tes.io", "take package sources from the machine's own settings; mirrors differ"),
    ("static.cra", "tes.io", "take package sources from the machine's own settings; mirrors differ"),
];

/// Every such word in one file.
pub(super) fn check(name: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (start, end, why) in WORDS {
        let word = format!("{start}{end}");
        let lines = text.lines().enumerate().filter(|(_, line)| line.contains(&word));
        findings.extend(lines.map(|(number, _)| Finding {
            place: format!("{name}:{}", number + 1),
            what: format!("names `{word}`"),
            why,
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_own_path_is_found_with_its_line() {
        let text = format!("fine\nsee {}{}x\n", "/wor", "k/");
        let findings = check("docs/a.md", &text);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "docs/a.md:2");
    }

    #[test]
    fn ordinary_words_pass() {
        assert_eq!(check("a.rs", "work/ and shared, the framework/ too"), Vec::new());
    }
}
