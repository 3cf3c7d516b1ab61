//! Which build of the program this is.

use std::sync::LazyLock;

/// The commit that it was built from, in short, `+` behind it where the sources had been changed since; `None` where the
/// build knew none.
pub const COMMIT: Option<&str> = option_env!("TILTMETER_COMMIT");

/// The commit's date, `2026-01-31`.
pub const DATE: Option<&str> = option_env!("TILTMETER_DATE");

/// Version, commit and date, as far as they are known: `0.1.0 (1a2b3c4d5e6f 2026-01-31)`.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let known: Vec<&str> = [COMMIT, DATE].into_iter().flatten().collect();
        match known.is_empty() {
            true => env!("CARGO_PKG_VERSION").to_owned(),
            false => format!("{} ({})", env!("CARGO_PKG_VERSION"), known.join(" ")),
        }
    });
    &VERSION
}
