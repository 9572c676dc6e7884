//! What a run leaves behind: the tables in docs/performance.md, and the picture beside it.

use std::fs;
use std::path::Path;

use super::figures::Report;
use super::picture;

const BEGIN: &str = "<!-- mqtt benchmark: written by `cargo bench --bench mqtt` -->";
const PICTURE: &str = "![The figures below as bars](docs/mqtt-benchmark.svg)";
const END: &str = "<!-- end of the mqtt benchmark -->";

pub fn write(report: &Report) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Absolute rates of the broker say more about the broker.
    let groups: Vec<_> = report.groups.iter().filter(|group| group.title != "With mosquitto").collect();
    let docs = root.join("docs");
    fs::create_dir_all(&docs).expect("docs/ can be made");
    fs::write(docs.join("mqtt-benchmark.svg"), picture::draw(&groups, &machine()))
        .expect("docs/ can be written");
    let page = root.join("docs/performance.md");
    let text = fs::read_to_string(&page).expect("docs/performance.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("docs/performance.md has the mark of this benchmark");
    let (_, after) = rest.split_once(END).expect("docs/performance.md has the second mark of this benchmark");
    let tables = report.markdown();
    let text = format!("{before}{BEGIN}\n{PICTURE}\n\n{}\n\n{}\n{END}{after}", machine(), tables.trim_end());
    fs::write(&page, text).expect("docs/performance.md can be written");
    eprintln!("written: docs/performance.md, docs/mqtt-benchmark.svg");
}

/// Where this was measured, in one line.
fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let name = named.and_then(|line| line.split(':').nth(1)).map_or("an unknown processor", str::trim);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Measured on {cores} cores of {name}, Linux {}.", kernel.trim())
}
