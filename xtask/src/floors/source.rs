//! What a source file may say, by the crate that it lies in. Read as tokens and not as text, so that a comment or a
//! string that speaks of a rule does not break it.

use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Finding;

/// Above this many lines a file is listed.
pub(super) const LINES_LONG: usize = 400;
/// Above this many lines a file breaks the rule.
const LINES_MAX: usize = 600;

/// Names that say nothing of what is inside, so everything ends up in them.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helpers", "helper", "misc", "imp", "errors"];

/// Macros and types with the crates that may use them. An empty list of crates: nobody.
const MACROS: &[(&[&str], &[&str], &str)] = &[
    (
        &["print", "println", "eprint", "eprintln"],
        &["audit-verify", "cli", "xtask"],
        "only cli, and the log's verifier, print; below it, words belong into results, errors and progress events",
    ),
    (&["todo", "unimplemented", "dbg"], &[], "what is not built is absent, not pretended"),
];
const SOCKETS: &[&str] = &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener"];
const SOCKET_HOMES: &[&str] = &["location", "asset", "server", "testkit", "xtask"];
const ASYNC_HOMES: &[&str] = &["location", "server", "testkit", "xtask"];
/// Crates that do no I/O, and the parts of `std` that they therefore never name.
const PURE: &[&str] = &["model", "format"];
const IMPURE_PARTS: &[&str] = &["fs", "process", "env", "thread"];

/// One Rust file as the rules see it.
pub(super) struct SourceFile {
    /// Path from the workspace's root.
    name: String,
    /// Name of the crate's folder.
    krate: String,
    /// Lines of text, comments included.
    pub(super) lines: usize,
    is_test: bool,
    /// Every token outside `#[cfg(test)]` items, in order.
    tokens: Vec<Token>,
}

struct Token {
    text: String,
    line: usize,
}

impl SourceFile {
    /// Reads the text as Rust tokens.
    pub(super) fn parse(name: &str, text: &str) -> Result<SourceFile> {
        // A byte order mark or a shebang would stop the lexer; neither occurs in this house.
        let stream = TokenStream::from_str(text)
            .map_err(|error| anyhow!("line {}: {error}", error.span().start().line))?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Ok(SourceFile {
            name: name.to_owned(),
            krate: crate_of(name).to_owned(),
            lines: text.lines().count(),
            is_test: is_test_file(name),
            tokens,
        })
    }

    fn may(&self, homes: &[&str]) -> bool {
        homes.contains(&self.krate.as_str())
    }
}

/// Whether the file is long enough to be looked at.
pub(super) fn is_long(file: &SourceFile) -> bool {
    file.lines > LINES_LONG
}

/// Every broken rule in one file.
pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.lines > LINES_MAX {
        findings.push(Finding {
            place: file.name.clone(),
            what: format!("{} lines, above {LINES_MAX}", file.lines),
            why: "one idea per file; long tests go to a file of their own",
        });
    }
    findings.extend(check_names(file));
    if !file.is_test {
        findings.extend(check_tokens(file));
    }
    findings
}

fn check_names(file: &SourceFile) -> Vec<Finding> {
    let parts = file.name.trim_end_matches(".rs").split('/').map(|part| (part.to_owned(), None));
    let inline = file.tokens.windows(2).filter(|pair| pair[0].text == "mod");
    let inline = inline.map(|pair| (pair[1].text.clone(), Some(pair[1].line)));
    let empty = parts.chain(inline).filter(|(part, _)| EMPTY_NAMES.contains(&part.as_str()));
    let findings = empty.map(|(part, line)| Finding {
        place: line.map_or(file.name.clone(), |line| format!("{}:{line}", file.name)),
        what: format!("is called `{part}`"),
        why: "the module list reads as the glossary; such a name says nothing, so everything ends up there",
    });
    findings.collect()
}

fn check_tokens(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in file.tokens.iter().enumerate() {
        let next = |n: usize| file.tokens.get(at + n).map_or("", |token| token.text.as_str());
        let text = token.text.as_str();
        let mut find = |what: String, why| {
            findings.push(Finding { place: format!("{}:{}", file.name, token.line), what, why });
        };
        for (names, homes, why) in MACROS {
            if names.contains(&text) && next(1) == "!" && next(2) != "=" && !file.may(homes) {
                find(format!("uses `{text}!`"), why);
            }
        }
        if SOCKETS.contains(&text) && !file.may(SOCKET_HOMES) {
            find(
                format!("names the socket `{text}`"),
                "sockets are opened by location, asset and server alone",
            );
        }
        if text == "async" && !file.may(ASYNC_HOMES) {
            find(
                "is async".to_owned(),
                "only the server and the inside of a network backend are async; the rest is threads and bounded queues",
            );
        }
        if file.may(PURE)
            && text == "std"
            && next(1) == ":"
            && next(2) == ":"
            && IMPURE_PARTS.contains(&next(3))
        {
            find(
                format!("names `std::{}`", next(3)),
                "model and format do no I/O, so that they can be simulated and fuzzed",
            );
        }
        // Braces are flattened away: a comma tells that more than one thing is named.
        let is_address_alone = next(3) == "Address" && next(4) != ",";
        if file.krate == "location" && text == "holdfast_model" && !is_address_alone {
            find(
                "names more of `holdfast_model` than `Address`".to_owned(),
                "a place for copies knows where it is, and not what is copied or why",
            );
        }
    }
    findings
}

/// `crates/repo/src/x.rs` lies in `repo`, `xtask/src/x.rs` in `xtask`.
fn crate_of(name: &str) -> &str {
    let mut parts = name.split('/');
    match parts.next() {
        Some("crates") => parts.next().unwrap_or_default(),
        Some(first) => first,
        None => "",
    }
}

fn is_test_file(name: &str) -> bool {
    name.ends_with("/tests.rs")
        || name.ends_with("_tests.rs")
        || ["/tests/", "/benches/", "/examples/", "fuzz/"].iter().any(|folder| name.contains(folder))
}

/// All tokens in order, without the items that only tests compile.
fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        if is_punct(&tree, '#')
            && let Some(TokenTree::Group(group)) = trees.peek()
            && group.delimiter() == Delimiter::Bracket
            && is_test_attribute(&group.stream().to_string())
        {
            trees.next();
            skip_item(&mut trees);
            continue;
        }
        match tree {
            TokenTree::Group(group) => flatten(group.stream(), into),
            TokenTree::Literal(_) => {}
            other => into.push(Token { text: other.to_string(), line: other.span().start().line }),
        }
    }
}

fn is_test_attribute(attribute: &str) -> bool {
    let bare: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    bare.starts_with("cfg(test)") || bare.starts_with("cfg(all(test") || bare == "test"
}

/// An item ends with its braces or its semicolon, whichever comes first.
fn skip_item(trees: &mut impl Iterator<Item = TokenTree>) {
    for tree in trees {
        let is_body = matches!(&tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if is_body || is_punct(&tree, ';') {
            return;
        }
    }
}

fn is_punct(tree: &TokenTree, wanted: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        let file = SourceFile::parse(name, text).unwrap();
        check(&file).into_iter().map(|finding| format!("{} {}", finding.place, finding.what)).collect()
    }

    #[test]
    fn printing_below_cli_is_found_and_comments_are_not() {
        let text = "//! println!\nfn f() {\n    println!(\"x\");\n}\n";
        assert_eq!(found("crates/repo/src/a.rs", text), ["crates/repo/src/a.rs:3 uses `println!`"]);
        assert_eq!(found("crates/cli/src/a.rs", text), Vec::<String>::new());
    }

    #[test]
    fn tests_may_print() {
        let text = "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn g() { println!(\"x\"); }\n}\n";
        assert_eq!(found("crates/repo/src/a.rs", text), Vec::<String>::new());
        assert_eq!(found("crates/repo/src/a/tests.rs", "fn g() { println!(\"x\"); }"), Vec::<String>::new());
        let after = "#[cfg(test)]\nmod tests;\nfn f() { todo!() }\n";
        assert_eq!(found("crates/cli/src/a.rs", after), ["crates/cli/src/a.rs:3 uses `todo!`"]);
    }

    #[test]
    fn empty_names_are_found_in_paths_and_inline() {
        assert_eq!(found("crates/repo/src/util.rs", "").len(), 1);
        assert_eq!(found("crates/repo/tests/common/mod.rs", "").len(), 1);
        assert_eq!(
            found("crates/repo/src/a.rs", "mod helpers {}"),
            ["crates/repo/src/a.rs:1 is called `helpers`"]
        );
        assert_eq!(found("crates/repo/src/error.rs", ""), Vec::<String>::new());
    }

    #[test]
    fn sockets_and_async_have_homes() {
        let text = "use std::net::TcpStream;\nasync fn f() {}\n";
        assert_eq!(found("crates/ops/src/a.rs", text).len(), 2);
        assert_eq!(found("crates/location/src/a.rs", text), Vec::<String>::new());
    }

    #[test]
    fn pure_crates_do_no_io() {
        let text = "fn f() { let _ = std::fs::read(\"x\"); }";
        assert_eq!(found("crates/format/src/a.rs", text), ["crates/format/src/a.rs:1 names `std::fs`"]);
        assert_eq!(found("crates/repo/src/a.rs", text), Vec::<String>::new());
    }

    #[test]
    fn a_location_knows_an_address_and_nothing_else_of_the_model() {
        let found = |text| found("crates/location/src/a.rs", text);
        assert_eq!(found("use holdfast_model::Address;\n"), Vec::<String>::new());
        assert_eq!(
            found("use holdfast_model::{Address, Policy};\n"),
            ["crates/location/src/a.rs:1 names more of `holdfast_model` than `Address`"]
        );
        assert_eq!(found("fn f(policy: &holdfast_model::Policy) {}\n").len(), 1);
    }

    #[test]
    fn long_files_are_found() {
        let text = "// x\n".repeat(LINES_MAX + 1);
        assert_eq!(found("crates/repo/src/a.rs", &text), ["crates/repo/src/a.rs 601 lines, above 600"]);
        let file = SourceFile::parse("crates/repo/src/a.rs", &"\n".repeat(LINES_LONG + 1)).unwrap();
        assert!(is_long(&file) && check(&file).is_empty());
    }
}
