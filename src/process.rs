//! What the process takes of the machine, as `/proc` of Linux says it.

use std::fs;
use std::sync::OnceLock;

/// The clock ticks of a second in `/proc`: `USER_HZ`, which is 100 on every architecture that Rust has a standard library for.
const TICKS_PER_SECOND: f64 = 100.0;

/// What this process takes; what `/proc` does not say, or says on no other system than Linux, is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ProcessUsage {
    /// CPU time in user and system mode, in seconds.
    pub cpu_seconds: Option<f64>,
    /// How many threads it has.
    pub threads: Option<u64>,
    /// Its virtual memory, in bytes.
    pub virtual_bytes: Option<u64>,
    /// Its resident memory, in bytes.
    pub resident_bytes: Option<u64>,
    /// When it was started, in seconds since 1970.
    pub started: Option<f64>,
    /// How many file descriptors are open.
    pub open_files: Option<usize>,
    /// How many may be open; infinite without a limit.
    pub max_open_files: Option<f64>,
}

impl ProcessUsage {
    /// Asks the system. It reads five files of `/proc`.
    #[must_use]
    pub fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        let stat = read("/proc/self/stat").as_deref().and_then(Stat::parse);
        // One of them is that of the folder itself.
        let open_files = fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1));
        Self {
            cpu_seconds: stat.map(|stat| stat.cpu),
            threads: stat.map(|stat| stat.threads),
            virtual_bytes: stat.map(|stat| stat.virtual_bytes),
            started: stat.as_ref().and_then(started),
            resident_bytes: read("/proc/self/status").as_deref().and_then(resident_bytes),
            open_files,
            max_open_files: read("/proc/self/limits").as_deref().and_then(max_open_files),
        }
    }
}

/// What is taken from `/proc/self/stat`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    /// Seconds in user and system mode.
    cpu: f64,
    threads: u64,
    virtual_bytes: u64,
    /// Seconds between the start of the system and that of the process.
    start: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program is in parentheses, and may have any character, `)` and spaces too.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        // Numbered as in proc(5), where the state behind the name is field 3.
        let field = |number: usize| fields.get(number.checked_sub(3)?);
        let whole = |number| field(number)?.parse::<u64>().ok();
        let seconds = |number| Some(field(number)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
        Some(Self {
            cpu: seconds(14)? + seconds(15)?,
            threads: whole(20)?,
            virtual_bytes: whole(23)?,
            start: seconds(22)?,
        })
    }
}

/// When the process was started, in seconds since 1970. Read once, so that a clock that is set does not move it.
fn started(stat: &Stat) -> Option<f64> {
    static STARTED: OnceLock<Option<f64>> = OnceLock::new();
    *STARTED.get_or_init(|| Some(system_start(&fs::read_to_string("/proc/stat").ok()?)? + stat.start))
}

fn system_start(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn resident_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn max_open_files(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        soft => soft.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_it_is_written() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 12345 1048576 321 18446744073709551615";
        let expected = Stat { cpu: 3.0, threads: 9, virtual_bytes: 1_048_576, start: 123.45 };
        assert_eq!(Stat::parse(stat), Some(expected));
        for bad in ["", "7 (a) S 1", "7 (a) S a b c d e f g h i j k l m n o p q r s t u v w x y z"] {
            assert_eq!(Stat::parse(bad), None, "{bad}");
        }
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2_097_152));
        assert_eq!(resident_bytes("VmRSS:\t18446744073709551615 kB\n"), None);
        assert_eq!(system_start("cpu 1 2\nbtime 1700000000\n"), Some(1.7e9));
        let limits =
            |soft| max_open_files(&format!("Limit  Soft\nMax open files            {soft}   4096  files\n"));
        assert_eq!((limits("1024"), limits("unlimited")), (Some(1024.0), Some(f64::INFINITY)));
    }
}
