//! Commands as a person would type them.

use std::ffi::OsStr;

/// A word as a shell takes it.
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let text = word.as_ref().to_string_lossy().into_owned();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The command with these arguments.
pub fn command(arguments: &[String]) -> String {
    std::iter::once("tiltmeter".to_owned()).chain(arguments.iter().map(quoted)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        let words = ["sweep", "--run", "my run", "it's", ""].map(str::to_owned);
        assert_eq!(command(&words), r"tiltmeter sweep --run 'my run' 'it'\''s' ''");
    }
}
