use proptest::prelude::*;

use super::*;

fn read_text(source: &str) -> Settings {
    read(source.as_bytes(), "/srv/site", None).unwrap()
}

/// Every value of a key, as text; what is not known by its line and reason.
fn values(source: &str, key: &str) -> Vec<String> {
    said(&read_text(source).candidates(key))
}

fn said(candidates: &[Candidate]) -> Vec<String> {
    let say = |candidate: &Candidate| match &candidate.value {
        Value::Unresolved(unresolved) => format!("{}: {}", unresolved.line, unresolved.reason),
        value => value.to_text().map_or_else(|| "array".to_owned(), |text| text.to_string()),
    };
    candidates.iter().map(say).collect()
}

#[test]
fn a_constant_is_read_however_it_is_written() {
    for (written, expected) in [
        ("define( 'X', 'value' );", "value"),
        ("DEFINE(\"X\",\"value\",);", "value"),
        ("define('X', 'value', true);", "value"),
        ("define('X',\r\n  'value'\r\n);", "value"),
        (
            "// define('X', 'no');\n# define('X', 'no');\n/* define('X', 'no'); */ define('X', /* no */ 'value');",
            "value",
        ),
        ("defined('X') || define('X', 'value');", "value"),
        ("defined('X') or define('X', 'value');", "value"),
        ("!defined('X') && define('X', 'value');", "value"),
        ("if (!defined('X')) define('X', 'value');", "value"),
        ("if ( ! defined( 'X' ) ) { define('X', 'value'); }", "value"),
        ("if (!defined('X')):\n define('X', 'value');\nendif;", "value"),
        ("define('X', 'value'); define('X', 'later is too late');", "value"),
        ("const X = 'value';", "value"),
        ("namespace A; \\define('X', 'value');", "value"),
        ("define('X', 'va' . 'lue');", "value"),
        ("$x = 'lue'; define('X', \"va$x\");", "value"),
        ("$a = ['b' => ['c' => 'value']]; define('X', $a['b']['c']);", "value"),
        ("define('Y', 'value'); define('X', Y);", "value"),
        ("define('X', 'it\\'s \\\\ \\n');", "it's \\ \\n"),
        ("define('X', \"a\\tb\\\"\\\\\\$\\x41\\101\\u{e9}\");", "a\tb\"\\$AA\u{e9}"),
        ("define('X', <<<EOT\n  value\n  EOT);", "value"),
        ("define('X', <<<'EOT'\n$value\nEOT\n);", "$value"),
        ("?> <p>define('X', 'no');</p> <?php define('X', 'value'); ?>", "value"),
        ("function f() { define('X', 'no'); } define('X', 'value');", "value"),
        ("if (false) { define('X', 'no'); } else { define('X', 'value'); }", "value"),
        ("define('X', true ? 'value' : 'no');", "value"),
        ("define('X', __DIR__ . '/a');", "/srv/site/a"),
        ("define('X', dirname(__FILE__) . '/a');", "/srv/site/a"),
        ("define('X', dirname(__DIR__, 2));", "/"),
        ("define('X', (string) 33);", "33"),
        ("define('X', null ?? 'value');", "value"),
        ("define('X', '' ?: 'value');", "value"),
    ] {
        assert_eq!(values(&format!("<?php\n{written}"), "X"), [expected], "{written}");
    }
}

#[test]
fn what_needs_the_website_is_told_with_its_line() {
    for (written, line, reason) in [
        ("define('X', getenv('DB'));", 2, reason::ENVIRONMENT),
        ("define('X',\n getenv('DB') . 'x');", 3, reason::ENVIRONMENT),
        ("define('X', $_ENV['DB']);", 2, reason::ENVIRONMENT),
        ("define('X', $_SERVER['DB']);", 2, reason::ENVIRONMENT),
        ("define('X', trim('x'));", 2, reason::CALL),
        ("define('X', 'a' . shell_exec('id'));", 2, reason::CALL),
        ("define('X', `id`);", 2, reason::CALL),
        ("define('X', Vault::get('x'));", 2, reason::CALL),
        ("define('X', hunter2);", 2, reason::CONSTANT),
        ("define('X', $hunter2);", 2, reason::VARIABLE),
        ("define('X', \"pa$hunter2\");", 2, reason::VARIABLE_IN_QUOTES),
        ("define('X', require 'x.php');", 2, reason::INCLUDED),
        ("define('X', 3 * 4);", 2, reason::COMPUTED),
        ("foreach ([1] as $x) { } define('X', $x);", 2, reason::LOOP),
        ("define('X', \"\\xff\");", 2, reason::NOT_TEXT),
    ] {
        let told = values(&format!("<?php\n{written}"), "X");
        assert_eq!(told, [format!("{line}: {reason}")], "{written}");
        assert!(!told[0].contains("hunter2"));
    }
}

#[test]
fn branches_give_their_values_and_values_of_one_branch_stay_together() {
    let source = "<?php\n\
        if ($_SERVER['HTTP_HOST'] === 'test') { define('N', 'test'); define('U', 'tester'); }\n\
        elseif (file_exists('x')) { define('N', 'other'); define('U', 'others'); }\n\
        else { define('N', 'live'); define('U', 'owner'); }\n";
    let settings = read_text(source);
    let (names, users) = (settings.candidates("N"), settings.candidates("U"));
    assert_eq!(said(&names), ["test", "other", "live"]);
    let pairs: Vec<_> = names
        .iter()
        .flat_map(|name| users.iter().map(move |user| (name, user)))
        .filter(|(name, user)| name.conditions.and(&user.conditions).is_some())
        .map(|(name, user)| said(&[name.clone(), user.clone()]).join("/"))
        .collect();
    assert_eq!(pairs, ["test/tester", "other/others", "live/owner"]);
}

#[test]
fn a_later_value_stands_where_it_was_set_and_the_earlier_elsewhere() {
    for (written, expected) in [
        ("$x = 'a'; $x = 'b';", &["b"][..]),
        ("$x = 'a'; if (f()) { $x = 'b'; }", &["a", "b"]),
        ("$x = 'a'; if (f()) { $x = 'b'; } else { $x = 'c'; }", &["b", "c"]),
        ("if (f()) { $x = 'b'; } $x = 'c';", &["c"]),
        ("if (f()) { $x = 'b'; $x = 'c'; }", &["c"]),
        ("$x = getenv('X') ?: 'b';", &["2: it comes from the environment of the web server", "b"]),
        ("$x = f() ? 'a' : 'b';", &["a", "b"]),
        (
            "switch (f()) { case 1: $x = 'a'; break; case 2: $x = 'b'; break; default: $x = 'c'; }",
            &["a", "b", "c"],
        ),
        ("$x = 'a'; $x .= 'b';", &["ab"]),
        ("$x = 'a'; $x ??= 'b';", &["a"]),
        ("$x ??= 'b';", &["b"]),
        ("$y = $x = 'b';", &["b"]),
        ("try { $x = 'a'; } catch (E $e) { $x = 'b'; }", &["a", "b"]),
        ("$GLOBALS['x'] = 'b';", &["b"]),
    ] {
        assert_eq!(values(&format!("<?php\n{written}"), "$x"), expected, "{written}");
    }
}

#[test]
fn arrays_are_built_in_every_way() {
    for written in [
        "$d['default']['default'] = ['database' => 'shop', 'port' => 3306,];",
        "$d['default']['default'] = array('database' => 'shop');",
        "$d = array('default' => array('default' => array('database' => 'shop')));",
        "$d['default']['default'] = ['database' => 'no']; $d['default']['default']['database'] = 'shop';",
        "$d = []; $d['default']['default']['database'] = 'sh' . 'op';",
    ] {
        let settings = read_text(&format!("<?php\n{written}"));
        let target = get_each(&get_each(&settings.candidates("$d"), "default"), "default");
        assert_eq!(said(&get_each(&target, "database")), ["shop"], "{written}");
    }
    // What a key that is not known may have set is not believed.
    let settings = read_text("<?php return ['a' => 'b', ...$more];");
    let array = settings.candidates("return");
    assert_eq!(said(&get_each(&array, "a")), ["b"]);
    assert_eq!(said(&get_each(&array, "c")), [format!("1: {}", reason::COMPUTED)]);
}

#[test]
fn a_file_that_breaks_off_is_believed_up_to_there() {
    let settings = read_text("<?php\ndefine('A', 'whole');\ndefine('B', 'cut");
    assert_eq!(said(&settings.candidates("A")), ["whole"]);
    assert!(settings.candidates("B").iter().all(|candidate| candidate.value.to_text().is_none()));
    assert_eq!(settings.broken_line, Some(3));
}

#[test]
fn a_file_in_an_old_encoding_is_read_where_it_is_plain() {
    let settings =
        read(b"<?php // cl\xe9\ndefine('A', 'plain'); define('B', 'cl\xe9');", "/x", None).unwrap();
    assert_eq!(said(&settings.candidates("A")), ["plain"]);
    assert_eq!(said(&settings.candidates("B")), [format!("2: {}", reason::NOT_TEXT)]);
}

/// Each of these once took a parser of something down, or an hour. A test that hangs is stopped by its runner.
#[test]
fn nothing_that_is_nested_or_repeated_ends_or_holds_up_the_program() {
    let repeated = |text: &str, bytes: usize| text.repeat(bytes / text.len());
    let size = (256 << 10) - 64;
    let doubling = "$a=['x'];".to_owned() + &"$a=[$a,$a];".repeat(200) + "define('X', $a[0]);";
    let growing = "$a='0123456789abcdef';".to_owned() + &"$a=$a.$a;".repeat(200) + "define('X', $a);";
    let forks = "if(f()){$a=1;}else{$a=2;}".repeat(10_000);
    let setting = "$a['x']=1;".to_owned() + &(0..15_000).map(|n| format!("$a[{n}]=1;")).collect::<String>();
    for source in [
        repeated("[", size),
        repeated("(", size),
        repeated("{", size),
        repeated("array(", size),
        "$x=".to_owned() + &repeated("'a'.", size) + "'a';",
        "$x=".to_owned() + &repeated("!", size) + "1;",
        "$x".to_owned() + &repeated("[1]", size) + "=1;",
        "$x=$y".to_owned() + &repeated("->a()", size) + ";",
        "$x=".to_owned() + &repeated("a?:", size) + "1;",
        "$x=".to_owned() + &repeated("a??", size) + "1;",
        repeated("if(1)", size),
        repeated("if(f()){", size),
        repeated("<<<A\n", 500),
        repeated("<", size),
        repeated("\"{$a", size),
        repeated("/**", size),
        repeated("/** */", size),
        repeated("'", size),
        repeated("\"$a[", size),
        repeated("?><?php ", size),
        repeated("\u{0}", size),
        "$x=\"".to_owned() + &repeated("{$a}", size) + "\";",
        doubling,
        growing,
        forks,
        setting,
    ] {
        // Refusing is as good as reading.
        let _ = read(format!("<?php {source}").as_bytes(), "/x", None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes, "/x", None).is_ok());
        prop_assert!(read(&[b"<?php ", bytes.as_slice()].concat(), "/x", None).is_ok());
    }

    #[test]
    fn any_tokens_in_any_order_are_read(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "define(", "'X'", ",", ")", ";", "$a", "=", "[", "]", "=>", "if", "(", "{", "}", "else", "\"", "$",
                "${", "{$", "<<<A\n", "A;\n", "?>", "<?php ", "/*", "*/", "//", "\n", "\\", "array(", "return", "??",
                "?", ":", ".", "class", "JConfig", "public", "const", "function", "fn", "\u{e9}", "'", "->", "::",
                "foreach", "as", "switch", "case", "1", "&", "...", "namespace", "use", "static", "match", "#[",
                "list(", "unset(", "__DIR__", "dirname(", "!", "defined(", "||", "eval(", "\u{0}", "`", "0x", "1e",
            ]),
            0..120,
        ),
    ) {
        let source = format!("<?php {}", tokens.concat());
        prop_assert!(read(source.as_bytes(), "/x", None).is_ok());
    }
}

/// Cut off anywhere, a configuration says less and never something else.
#[test]
fn a_configuration_cut_off_anywhere_says_nothing_else() {
    let whole = "<?php\ndefine( 'X', 'na\\'me' ); $p = \"pa\\\"ss\"; $d['a']['b'] = array('k' => 'v', 'l' => \"w\");\n";
    for length in 0..whole.len() {
        let settings = read_text(&whole[..length]);
        let check = |candidates: Candidates, expected: &str| {
            for text in candidates.iter().filter_map(|candidate| candidate.value.to_text()) {
                assert_eq!(text.as_ref(), expected, "cut at {length}");
            }
        };
        check(settings.candidates("X"), "na'me");
        check(settings.candidates("$p"), "pa\"ss");
        check(get_each(&get_each(&get_each(&settings.candidates("$d"), "a"), "b"), "k"), "v");
    }
}
