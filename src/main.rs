use std::process::ExitCode;

fn main() -> ExitCode {
    tiltmeter::cli::main()
}
