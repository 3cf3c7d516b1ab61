//! The emulated driver, made once.

use crate::common::skip;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// With this set, tests run on the machine's own GPU.
pub const REAL: &str = "TILTMETER_TEST_GPU";

/// Where the emulated driver is; where it cannot be made the test counts as ignored.
pub fn emulated() -> &'static Path {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match MADE.get_or_init(make) {
        Ok(dir) => dir,
        Err(why) => {
            assert!(std::env::var_os("TILTMETER_TEST_NEEDS_CUDA").is_none(), "{why}");
            skip(why)
        }
    }
}

fn make() -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("the emulated driver is for Linux on x86-64".into());
    }
    if Command::new("g++").arg("--version").output().is_err() {
        return Err("there is no g++ here to make the emulated driver with".into());
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake-cuda");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-cuda/build.sh");
    let done =
        Command::new("bash").arg(script).arg(&dir).output().map_err(|e| format!("there is no bash: {e}"))?;
    match done.status.success() {
        true => Ok(dir),
        false => panic!("the emulated driver cannot be made: {}", said(&done)),
    }
}

/// `command`, with the emulated driver in front of any other. What was found out about its kernels is found out once.
pub fn with<'c>(command: &'c mut Command, driver: &Path) -> &'c mut Command {
    command.env("LD_LIBRARY_PATH", driver).env("XDG_CACHE_HOME", driver.join("cache"))
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
