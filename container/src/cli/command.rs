//! The command line as a whole: which sub-command, and what is said where it cannot be understood.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use wirework::config::nearest;
use wirework::text::escape;

use super::argument::is_manifest;
use super::exit::EXIT_USAGE;
use super::output::written;
#[cfg(feature = "top")]
use super::top;
use super::{
    check, components, convert, describe, explain, graph, kubernetes, print, run, schema, unit, width,
};
#[cfg(feature = "admin")]
use super::{drain, log_level, restart, status, stop};
use crate::plan::Binary;
use crate::program::Program;

#[derive(Parser)]
#[command(
    // Also in a service's own binary: the version is that of the container.
    name = "wirework",
    version,
    max_term_width = width::COLUMNS,
    about = "Checks and runs a service: a TOML manifest of components",
    after_help = "Exit codes: 0 fine or stopped by a signal, 1 failed, 2 bad usage, 78 bad or missing manifest, \
                  130 ended at once by a second Ctrl-C; \
                  128 + N stopped by signal N before it was ready."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Run),
    Check(check::Check),
    Convert(convert::Convert),
    Graph(graph::Graph),
    Components(components::Components),
    Describe(describe::Describe),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Print(print::Print),
    Unit(unit::Unit),
    Kubernetes(kubernetes::Kubernetes),
    #[cfg(feature = "admin")]
    Status(status::Status),
    #[cfg(feature = "top")]
    Top(top::Top),
    #[cfg(feature = "admin")]
    LogLevel(log_level::LogLevel),
    #[cfg(feature = "admin")]
    Restart(restart::Restart),
    #[cfg(feature = "admin")]
    Drain(drain::Drain),
    #[cfg(feature = "admin")]
    Stop(stop::Stop),
}

impl Command {
    fn main(&self, program: &Program) -> ExitCode {
        match self {
            Self::Run(run) => run.main(program),
            Self::Check(check) => check.main(program),
            Self::Convert(convert) => convert.main(program),
            Self::Graph(graph) => graph.main(program),
            Self::Components(components) => components.main(program),
            Self::Describe(describe) => describe.main(program),
            Self::Explain(explain) => explain.main(program),
            Self::Schema(schema) => schema.main(program),
            Self::Print(print) => print.main(program),
            Self::Unit(unit) => unit.main(program),
            Self::Kubernetes(kubernetes) => kubernetes.main(program),
            #[cfg(feature = "admin")]
            Self::Status(status) => status.main(program),
            #[cfg(feature = "top")]
            Self::Top(top) => top.main(program),
            #[cfg(feature = "admin")]
            Self::LogLevel(log_level) => log_level.main(program),
            #[cfg(feature = "admin")]
            Self::Restart(restart) => restart.main(program),
            #[cfg(feature = "admin")]
            Self::Drain(drain) => drain.main(program),
            #[cfg(feature = "admin")]
            Self::Stop(stop) => stop.main(program),
        }
    }
}

/// Reads a command line and does what it says.
pub fn main(program: &Program, mut args: Vec<OsString>) -> ExitCode {
    let mut command = Cli::command();
    if let Some(manifest) = program.default_manifest() {
        let manifest = manifest.display().to_string();
        command =
            command.about(format!("Checks and runs this service; its manifest is {}", escape(&manifest)));
    }
    if program.binary() == Binary::Own {
        let note = "Without a command it does `run` and takes the same options.";
        let codes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        command = command.after_help(format!("{note}\n\n{codes}"));
        if args.get(1).is_some_and(|first| is_of_run(&command, first)) {
            args.insert(1, "run".into());
        }
    }
    if let Some(version) = program.version_text() {
        // clap would call every binary `wirework` here.
        let binary = args.first().map(Path::new).and_then(Path::file_stem);
        let name = escape(&binary.unwrap_or_default().to_string_lossy()).into_owned();
        command = command.version(version).display_name(name);
    }
    let cli = match parse(&mut command, &args) {
        Ok(cli) => cli,
        Err(mut error) => {
            suggest(&mut error, &command, &args);
            let code = if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
            return written(error.print(), code);
        }
    };
    match cli.command {
        Some(command) => command.main(program),
        None if program.default_manifest().is_some() => run::Run::default().main(program),
        None => written(command.print_long_help(), ExitCode::from(EXIT_USAGE)),
    }
}

/// Whether a command line that begins so has left `run` out: by an option of it, or the manifest.
fn is_of_run(command: &clap::Command, first: &OsStr) -> bool {
    let text = first.to_string_lossy();
    let is_own = ["-h", "--help", "-V", "--version", "--"].contains(&&*text);
    let is_command = text == "help" || command.get_subcommands().any(|one| one.get_name() == text);
    !is_own && !is_command && (text.starts_with('-') || is_manifest(first))
}

/// Improves what clap suggests: of the sub-commands the nearest alone, no `--` before an option that there is not, and the
/// sub-command that is left out.
fn suggest(error: &mut clap::Error, command: &clap::Command, args: &[OsString]) {
    let first = args.get(1);
    let is_left_out = first.is_some_and(|first| is_of_run(command, first));
    let is_unknown = matches!(error.kind(), ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument);
    let tip = |error: &mut clap::Error, text: String| {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![text.into()]));
    };
    if is_unknown && is_left_out {
        error.remove(ContextKind::SuggestedSubcommand);
        let manifest = first.filter(|first| is_manifest(first)).map(|first| first.to_string_lossy());
        let manifest = manifest.as_deref().unwrap_or("…");
        let (run, check) = (format!("wirework run {manifest}"), format!("wirework check {manifest}"));
        tip(error, format!("a sub-command comes first: '{}' or '{}'", escape(&run), escape(&check)));
    } else if error.kind() == ErrorKind::InvalidSubcommand {
        let name = first.map(|first| first.to_string_lossy()).unwrap_or_default();
        let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        error.remove(ContextKind::SuggestedSubcommand);
        let near = nearest(&name, names.iter().copied());
        match near {
            Some(near) => tip(error, format!("did you mean '{near}'?")),
            None => tip(error, format!("the commands are {}", names.join(", "))),
        }
    } else if error.kind() == ErrorKind::UnknownArgument && error.get(ContextKind::SuggestedArg).is_none() {
        error.remove(ContextKind::Suggested);
    }
}

/// Reads a command line. An error shows what is wrong in it, so that where it holds control characters it is read once more
/// with those written out, for the error's text.
fn parse(command: &mut clap::Command, args: &[OsString]) -> Result<Cli, clap::Error> {
    // By reference, so that the command learns the binary's name, which the help without arguments shows.
    let mut read = |args: Vec<OsString>| {
        command.try_get_matches_from_mut(args).and_then(|matches| Cli::from_arg_matches(&matches))
    };
    let error = match read(args.to_vec()) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    let shown = args.iter().map(|arg| escape(&arg.to_string_lossy()).into_owned().into());
    Err(read(shown.collect()).err().unwrap_or(error))
}
