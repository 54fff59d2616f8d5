//! The `meridian` command.

fn main() -> std::process::ExitCode {
    meridian_cli::main()
}
