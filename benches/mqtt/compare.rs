//! Publishing to mosquitto, and from one connection through it to another, beside what raw sockets reach.

use super::broker::Mosquitto;
use super::child::{self, Cost, Work};
use super::figures::{Case, Figure, Group, Report, Spread};
use super::{Effort, RAW, RUMQTTC, WIREWORK};

const CLIENTS: [&str; 3] = [RAW, WIREWORK, RUMQTTC];

pub fn measure(report: &mut Report, effort: Effort) {
    let Some(broker) = Mosquitto::start(false) else {
        report.missing.push("against mosquitto, which is not installed".to_owned());
        return;
    };
    let group = |title, unit, decimals| Group { title, unit, decimals, cases: Vec::new() };
    let mut rates = group("With mosquitto", "thousand messages a second", 1);
    let mut shares = group("With mosquitto, share of what raw sockets reach", "median of pairs", 2);
    let mut cpu = group("Processor time of the client, with mosquitto", "µs a message", 2);
    for (kind, name) in [("publish", "publishing"), ("e2e", "end to end")] {
        for (qos, size) in [(0, 100), (0, 1024), (1, 100), (1, 1024)] {
            let name = format!("{name}, QoS {qos}, {size} bytes");
            // About a second for each run.
            let count = effort.messages(match (kind, qos) {
                ("publish", 0) => 400_000,
                ("publish", _) => 200_000,
                _ => 100_000,
            });
            let work = Work { port: broker.port, qos, size, count };
            let runs = interleaved(kind, &name, work, effort.runs(9));
            add(report, &name, &runs, [&mut rates, &mut shares, &mut cpu]);
        }
    }
    report.groups.extend([rates, shares, cpu]);
}

/// By client, in the order of [`CLIENTS`]. Each begins a round once in three, so that none always follows the same one.
fn interleaved(kind: &str, name: &str, work: Work, runs: usize) -> [Vec<Cost>; 3] {
    let mut costs: [Vec<Cost>; 3] = Default::default();
    for run in 0..runs {
        super::progress(name, run, runs);
        for turn in 0..CLIENTS.len() {
            let client = (run + turn) % CLIENTS.len();
            costs[client].push(child::cost(kind, CLIENTS[client], work));
        }
    }
    costs
}

fn add(report: &mut Report, name: &str, runs: &[Vec<Cost>; 3], groups: [&mut Group; 3]) {
    let spread = |client: usize, of: &dyn Fn(&Cost) -> f64| {
        Spread::of(&runs[client].iter().map(of).collect::<Vec<_>>())
    };
    let share = |client: usize| {
        let pairs = runs[client].iter().zip(&runs[0]);
        Spread::of(&pairs.map(|(ours, raw)| ours.rate / raw.rate).collect::<Vec<_>>())
    };
    let case = |clients: &[usize], of: &dyn Fn(usize) -> Spread| Case {
        name: name.to_owned(),
        figures: clients.iter().map(|at| Figure { client: CLIENTS[*at], spread: of(*at) }).collect(),
    };
    let [rates, shares, cpu] = groups;
    rates.cases.push(case(&[0, 1, 2], &|client| spread(client, &|cost| cost.rate / 1000.0)));
    shares.cases.push(case(&[1, 2], &share));
    cpu.cases.push(case(&[0, 1, 2], &|client| spread(client, &|cost| cost.cpu)));
    let wanted = if name.starts_with("publishing") { 0.90 } else { 0.80 };
    report.at_least(format!("{name}: share of raw sockets"), wanted, share(1), 2);
    let times = runs[1].iter().zip(&runs[2]).map(|(ours, theirs)| ours.cpu / theirs.cpu).collect::<Vec<_>>();
    let wanted = if name.contains("QoS 1") { 0.5 } else { 1.0 };
    report.at_most(format!("{name}: processor time, times rumqttc's"), wanted, Spread::of(&times), 2);
}
