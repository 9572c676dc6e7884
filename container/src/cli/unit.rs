//! `unit`: a unit of systemd for a service.

mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use wirework::text::escape;

use super::deployment::{Deployable, Deployment, refused, whole};
use super::needs::{Needs, seconds};
use super::output::{answer, complain};
use crate::program::Program;
use text::{UnitText, setting, word};

/// Folders that the unit gives the service in place of those of the system.
const HIDDEN: [&str; 2] = ["/tmp", "/var/tmp"];

/// Folders that the unit hides unless something of the service lies there.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// Where a service writes, and the setting that makes a folder there and lets it.
const WRITABLE: [(&str, &str); 5] = [
    ("StateDirectory", "/var/lib"),
    ("CacheDirectory", "/var/cache"),
    ("LogsDirectory", "/var/log"),
    ("RuntimeDirectory", "/run"),
    ("RuntimeDirectory", "/var/run"),
];

/// What others keep in `/run`.
const NOT_OF_SERVICES: [&str; 3] = ["credentials", "secrets", "user"];

/// Prints a unit of systemd that runs the service
#[derive(Args)]
#[command(
    after_help = "Example: unit -c /etc/telemetry/service.toml --binary /usr/local/bin/telemetry\n         \
                        > /etc/systemd/system/telemetry.service"
)]
pub(super) struct Unit {
    #[command(flatten)]
    deployment: Deployment,
    /// The program that systemd starts [default: this one]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The folder that the manifest, and what is beside it, will be in when the service starts [default: the one it is in]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The user that it runs as [default: one that systemd makes for it]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

impl Unit {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        match self.unit(program) {
            Ok(text) => answer(&text, ExitCode::SUCCESS),
            Err(code) => code,
        }
    }

    fn unit(&self, program: &Program) -> Result<String, ExitCode> {
        if let Some(user) = self.user.as_deref().filter(|user| !is_user(user)) {
            return Err(refused(
                &format!("`{user}` is no name of a user"),
                "a name has letters, digits, `_`, `-` and `.`, and begins with a letter or `_`",
            ));
        }
        let service = self.deployment.read(program)?;
        let binary = match &self.binary {
            Some(binary) => whole(binary)?,
            None => std::env::current_exe().map_err(|_| {
                refused("the program does not know its own path", "name it by `--binary FILE`")
            })?,
        };
        let place = Place::of(&service, self.folder.as_deref())?;
        let needs = Needs::of(service.checked.plan());
        let start = start_line(&binary, &service, &needs, &place)?;
        let files = service.manifests.iter().chain(&service.parameter_files).map(PathBuf::as_path);
        let mut files: Vec<_> = files.chain(needs.paths()).map(|file| place.of_file(file)).collect();
        files.push(binary);
        let mut unit = UnitText::default();
        head(&mut unit, &service);
        for file in files.iter().filter(|file| is_in(file, &HIDDEN)) {
            unit.comment(&format!(
                "WRONG: {} is not there for a service, which has a /tmp of its own.",
                file.display()
            ));
        }
        unwritable(&mut unit, &service, &needs, &place);
        run(&mut unit, &service, &needs, (&start, &place))?;
        self.rights(&mut unit, &needs);
        credentials(&mut unit, &service, &needs, &place)?;
        sandbox(&mut unit, &needs, files.iter().any(|file| is_in(file, &HOMES)));
        unit.section("Install");
        unit.set("WantedBy", "multi-user.target");
        Ok(unit.finish())
    }

    /// As whom it runs, and where it may write.
    fn rights(&self, unit: &mut UnitText, needs: &Needs<'_>) {
        match &self.user {
            Some(user) => unit.set("User", user),
            None => unit.set("DynamicUser", "yes"),
        }
        unit.set("UMask", "0077");
        for (key, parent) in WRITABLE {
            let folders = needs.folders_in(parent).into_iter();
            let folders: Vec<_> = folders
                .filter(|folder| !NOT_OF_SERVICES.contains(&&**folder))
                .map(|folder| word(&folder))
                .collect();
            if !folders.is_empty() {
                unit.set(key, &folders.join(" "));
            }
        }
    }
}

/// Where files will be that are in or below the folder of the manifest now.
struct Place {
    from: PathBuf,
    to: PathBuf,
}

impl Place {
    fn of(service: &Deployable, folder: Option<&Path>) -> Result<Self, ExitCode> {
        let first = service.manifests.first().map(PathBuf::as_path).unwrap_or(Path::new("/"));
        let from = if first.is_dir() { first } else { first.parent().unwrap_or(first) };
        let to = folder.map_or_else(|| Ok(from.to_owned()), whole)?;
        Ok(Self { from: from.to_owned(), to })
    }

    fn of_file(&self, file: &Path) -> PathBuf {
        match file.strip_prefix(&self.from) {
            // Without a `/` at its end.
            Ok(inside) if inside == Path::new("") => self.to.clone(),
            Ok(inside) => self.to.join(inside),
            Err(_) => file.to_owned(),
        }
    }
}

/// Says which files the service is to make where it may not write.
fn unwritable(unit: &mut UnitText, service: &Deployable, needs: &Needs<'_>, place: &Place) {
    let made = needs.made().iter().map(|file| place.of_file(file));
    for file in made.filter(|file| !is_in(file, &HIDDEN) && !is_writable(file)) {
        let name = file.file_name().unwrap_or_default();
        let better = Path::new("/var/lib").join(&service.name).join(name);
        let told = format!(
            "the service may not write {}; it has folders of its own, such as for {}",
            file.display(),
            better.display()
        );
        unit.comment(&format!("WRONG: {told}."));
        complain(format_args!("warning: {}", escape(&told)));
    }
}

/// Whether a file lies in a folder that the unit makes for the service.
fn is_writable(file: &Path) -> bool {
    let folder_in = |(_, parent): &(&str, &str)| {
        let mut parts =
            file.strip_prefix(parent).ok()?.components().filter_map(|part| part.as_os_str().to_str());
        let (first, _) = (parts.next()?, parts.next()?);
        Some(!NOT_OF_SERVICES.contains(&first))
    };
    WRITABLE.iter().filter_map(folder_in).any(|is_own| is_own)
}

fn is_user(name: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_next = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.as_bytes().first().is_some_and(is_first) && name.bytes().all(is_next)
}

fn is_in(file: &Path, folders: &[&str]) -> bool {
    folders.iter().any(|folder| file.starts_with(folder))
}

fn head(unit: &mut UnitText, service: &Deployable) {
    let plan = service.checked.plan();
    unit.comment(&format!(
        "{}.service, made of its manifest by `unit`: make it anew when that changes.",
        service.name
    ));
    unit.section("Unit");
    unit.set("Description", &setting(plan.service.shown_description().unwrap_or(&service.name)));
    unit.set("Wants", "network-online.target");
    unit.set("After", "network-online.target");
    unit.comment("Five starts in five minutes that fail are the last.");
    unit.set("StartLimitIntervalSec", "5min");
    unit.set("StartLimitBurst", "5");
}

/// The command line, with the parameters that are given and no secret.
fn start_line(
    binary: &Path,
    service: &Deployable,
    needs: &Needs<'_>,
    place: &Place,
) -> Result<String, ExitCode> {
    let mut words = vec![path_word(binary)?, "run".to_owned()];
    for manifest in &service.manifests {
        words.extend(["-c".to_owned(), path_word(&place.of_file(manifest))?]);
    }
    let given = service.options.given();
    for name in needs.parameters() {
        if let Some(value) = given.get(name) {
            words.extend(["-p".to_owned(), word(&format!("{name}={value}"))]);
        }
    }
    Ok(words.join(" "))
}

/// A path as a text that a line of a unit can have.
fn path_text(path: &Path) -> Result<&str, ExitCode> {
    path.to_str().filter(|text| escape(text) == *text).ok_or_else(|| {
        let error = format!("the path `{}` is no UTF-8 text without control characters", path.display());
        refused(&error, "rename it: in a unit it would be taken for something else")
    })
}

fn path_word(path: &Path) -> Result<String, ExitCode> {
    path_text(path).map(word)
}

fn path_setting(path: &Path) -> Result<String, ExitCode> {
    path_text(path).map(|text| text.replace('%', "%%"))
}

/// How it starts and ends.
fn run(
    unit: &mut UnitText,
    service: &Deployable,
    needs: &Needs<'_>,
    (start, place): (&str, &Place),
) -> Result<(), ExitCode> {
    unit.section("Service");
    unit.set("Type", "notify");
    unit.set("ExecStart", start);
    let given = service.options.given();
    let is_open = |name: &&str| !given.contains_key(name);
    let open: Vec<_> = needs.parameters().filter(is_open).collect();
    let secret: Vec<_> = needs.secrets().collect();
    for (what, names) in [("Parameters", open), ("Parameters that are secret", secret)] {
        if !names.is_empty() {
            unit.comment(&format!("{what}, one `NAME=value` a line of this file: {}", names.join(", ")));
        }
    }
    if service.parameter_files.is_empty() {
        unit.set("EnvironmentFile", &format!("-/etc/{}/parameters", service.name));
    }
    for file in &service.parameter_files {
        unit.set("EnvironmentFile", &path_setting(&place.of_file(file))?);
    }
    unit.set("Restart", "on-failure");
    unit.set("RestartSec", "2s");
    unit.comment("A manifest that is wrong stays wrong.");
    unit.set("RestartPreventExitStatus", "78");
    unit.comment("What ends a start by a signal is no failure.");
    unit.set("SuccessExitStatus", "143");
    unit.comment("For the first component; the service asks for more time with each that opens.");
    unit.set("TimeoutStartSec", &format!("{}s", seconds(needs.start_limit())));
    unit.comment("`service.drain_delay`, `service.timeout`, and 5 s.");
    unit.set("TimeoutStopSec", &format!("{}s", seconds(needs.stop_limit())));
    unit.set("WatchdogSec", "30s");
    Ok(())
}

/// The secrets that the manifest takes from files, which may be root's alone.
fn credentials(
    unit: &mut UnitText,
    service: &Deployable,
    needs: &Needs<'_>,
    place: &Place,
) -> Result<(), ExitCode> {
    let own = PathBuf::from(format!("/run/credentials/{}.service", service.name));
    for secret in needs.secret_files() {
        let file = place.of_file(&whole(&secret.path())?);
        let name = path_setting(Path::new(file.file_name().unwrap_or_default()))?;
        let source = if file.starts_with(&own) {
            format!("/etc/{}/{name}", service.name)
        } else {
            unit.comment(&format!(
                "Where root alone may read it, the manifest has to name ${{file:{}}}.",
                own.join(&name).display()
            ));
            path_setting(&file)?
        };
        unit.set("LoadCredential", &format!("{name}:{source}"));
    }
    Ok(())
}

/// What the service does not need, and so must not have.
fn sandbox(unit: &mut UnitText, needs: &Needs<'_>, at_home: bool) {
    let (is_privileged, is_networked) = (needs.has_privileged_port(), needs.is_networked());
    let port = if is_privileged { "CAP_NET_BIND_SERVICE" } else { "" };
    unit.set("CapabilityBoundingSet", port);
    unit.set("AmbientCapabilities", port);
    unit.set("RestrictAddressFamilies", if is_networked { "AF_UNIX AF_INET AF_INET6" } else { "AF_UNIX" });
    unit.set("PrivateNetwork", if is_networked { "no" } else { "yes" });
    // A capability within a user namespace of its own opens no port.
    unit.set("PrivateUsers", if is_privileged { "no" } else { "yes" });
    unit.set("ProtectHome", if at_home { "read-only" } else { "yes" });
    for (key, value) in [
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("PrivateMounts", "yes"),
        ("ProtectProc", "invisible"),
        ("ProtectClock", "yes"),
        ("ProtectControlGroups", "yes"),
        ("ProtectHostname", "yes"),
        ("ProtectKernelLogs", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("RestrictNamespaces", "yes"),
        ("RestrictRealtime", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("RemoveIPC", "yes"),
        ("LockPersonality", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("SystemCallArchitectures", "native"),
        ("SystemCallFilter", "@system-service"),
        ("SystemCallFilter", "~@privileged @resources"),
        ("SystemCallErrorNumber", "EPERM"),
    ] {
        unit.set(key, value);
    }
}
