//! Whether words stand on a page, however the page spells their signs.

/// Whether `words` stand in `page`. Entities and typographic quotes are what the words meant by them.
pub(super) fn stands_in(words: &str, page: &str) -> bool {
    let words = plain(words);
    !words.is_empty() && plain(page).contains(&words)
}

/// Entities resolved, quotes and dashes made plain, spaces made one.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        // Twice, because what is stored with an entity is shown with its `&` as one.
        match entity(rest) {
            Some((sign, bytes)) => {
                plain.push(sign);
                rest = &rest[bytes..];
                if sign == '&' {
                    let doubled = format!("&{}", rest.get(..rest.len().min(12)).unwrap_or_default());
                    if let Some((sign, bytes)) = entity(&doubled) {
                        plain.pop();
                        plain.push(sign);
                        rest = &rest[bytes - 1..];
                    }
                }
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    let signs = plain.chars().map(|sign| match sign {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{2032}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' => '-',
        sign if sign.is_whitespace() || sign == '\u{a0}' => ' ',
        sign => sign,
    });
    let text: String = signs.collect();
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The sign of an entity at the beginning, and how long that is.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let sign = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" | "mdash" => '-',
        "lsquo" | "rsquo" => '\'',
        "ldquo" | "rdquo" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((sign, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_they_are_spelt() {
        for (words, page) in [
            ("Corner Bakery", "<title>Corner\n Bakery</title>"),
            ("Joe's Tools & Toys", "<h1>Joe&#8217;s Tools &amp; Toys</h1>"),
            ("Joe&#039;s Tools &amp; Toys", "<h1>Joe\u{2019}s Tools &#038; Toys</h1>"),
            ("A &amp;amp; B", "A &amp; B"),
            ("Garage \u{c9}mile", "Garage &#xC9;mile"),
        ] {
            assert!(stands_in(words, page), "{words:?} in {page:?}: {:?} {:?}", plain(words), plain(page));
        }
        for (words, page) in [("Corner Bakery", "Corner Garage"), ("", "anything"), ("  ", "a b"), ("a", "&")]
        {
            assert!(!stands_in(words, page), "{words:?} in {page:?}");
        }
    }
}
