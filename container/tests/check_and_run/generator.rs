//! Manifests that are made up: of stock components, with options of all kinds, and references between them.

use std::fmt::Write;

use wirework::component::Registry;
use wirework::config::{KeyType, keys};

use crate::lines::{FLAGS, KINDS};

pub struct Random(u64);

impl Random {
    pub fn of(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 11) % limit.max(1) as u64) as usize
    }

    /// Whether something happens that does so once in so many cases.
    fn once_in(&mut self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    fn of_list<'l>(&mut self, list: &[&'l str]) -> &'l str {
        list[self.below(list.len())]
    }
}

const NAMES: [&str; 5] = ["default", "main", "source", "target", "other"];

/// A manifest of one to seven components. How many of its values are bad ones, and how many are taken from the schema, is drawn for
/// each manifest: there are careful ones and careless ones.
pub fn manifest(random: &mut Random, registry: &Registry, port: u16) -> String {
    let mut text = String::from("[service]\nname = 's'\n");
    // One bad line in so many.
    let careless = [12, 60, 400, usize::MAX][random.below(4)];
    let mut sections: Vec<(String, &str)> = Vec::new();
    // Whatever others ask for is there, most of the time.
    for kind in ["connection:mqtt", "discovery:memory", "credential-store:memory"] {
        if !random.once_in(4) {
            sections.push((format!("pip-services:{kind}:default:1.0"), kind));
        }
    }
    for _ in 0..=random.below(5) {
        let kind = kind(random);
        let descriptor = format!("pip-services:{kind}:{}:1.0", random.of_list(&NAMES));
        if !sections.iter().any(|(other, _)| *other == descriptor) {
            sections.push((descriptor, kind));
        }
    }
    let queues = |sections: &[(String, &str)]| {
        sections.iter().filter(|(_, kind)| kind.starts_with("message-queue")).count()
    };
    // A bridge has two queues, most of the time.
    let bridged = sections.iter().any(|(_, kind)| kind.starts_with("bridge"));
    for (kind, name) in [("message-queue:memory", "one"), ("message-queue:mqtt", "two")] {
        if bridged && queues(&sections) < 2 && !random.once_in(10) {
            sections.push((format!("pip-services:{kind}:{name}:1.0"), kind));
        }
    }
    for (descriptor, kind) in &sections {
        text.push_str(&section(random, registry, (descriptor, kind), &sections, careless));
    }
    text.replace("PORT", &port.to_string())
}

fn kind(random: &mut Random) -> &'static str {
    let mut at = random.below(KINDS.iter().map(|(_, weight, _)| weight).sum());
    for (kind, weight, _) in KINDS {
        match at.checked_sub(*weight) {
            Some(rest) => at = rest,
            None => return kind,
        }
    }
    KINDS[0].0
}

fn section(
    random: &mut Random,
    registry: &Registry,
    (descriptor, kind): (&str, &str),
    all: &[(String, &str)],
    careless: usize,
) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: String| {
        let clashes = |other: &str| {
            other == key || other.starts_with(&format!("{key}.")) || key.starts_with(&format!("{other}."))
        };
        if !lines.iter().any(|(other, _)| clashes(other)) {
            lines.push((key.to_owned(), value));
        }
    };
    let own = KINDS.iter().find(|(name, ..)| *name == kind).map_or(&[][..], |(_, _, own)| own);
    // What a section of this kind is hardly ever without.
    match kind {
        "connection:mqtt" if random.once_in(3) => add("connection.discovery_key", "'mqtt'".into()),
        "connection:mqtt" if !random.once_in(20) => add("connection.host", "'127.0.0.1'".into()),
        "discovery:memory" | "discovery:file" | "credential-store:memory" | "credential-store:file" => {
            let (key, good, _) = own[0][0];
            add(key, good[0].to_owned());
        }
        "broker:mqtt" => add("port", "0".into()),
        "message-queue:mqtt" if !random.once_in(4) => add("options.qos", "1".into()),
        _ => {}
    }
    for _ in 0..random.below(4) {
        if own.is_empty() {
            break;
        }
        let list = own[random.below(own.len())];
        let (key, good, bad) = list[random.below(list.len())];
        let values = if random.once_in(careless) { bad } else { good };
        add(key, random.of_list(values).to_owned());
    }
    if random.once_in(5) {
        from_schema(random, registry, descriptor, &mut add);
    }
    let wires = wires(random, registry, descriptor, all, careless);
    let mut text = format!("\n[[component]]\ndescriptor = '{descriptor}'\n");
    for (key, value) in lines.into_iter().chain(wires) {
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

/// Values of the type of a key, of all sizes.
fn sizes(types: &[KeyType]) -> Vec<String> {
    let values: &[&str] = match types {
        [KeyType::Boolean] => FLAGS,
        [KeyType::Time] => &["0", "1", "'100d'", "'36500d'", "3153600000000"],
        [KeyType::String { format: None } | KeyType::Path] => {
            &["''", "'a'", "'a/b'", "'é'", "\"\\u0000\"", "\"\\u0007\"", "'$SYS/x'", "LONG"]
        }
        [KeyType::Integer(_), ..] => &[
            "0",
            "1",
            "2",
            "3",
            "1023",
            "65535",
            "65536",
            "4294967295",
            "2305843009213693951",
            "9223372036854775807",
        ],
        [KeyType::List(Some(items)), ..] if items.iter().all(KeyType::holds_string) => {
            &["[]", "['a']", "['', 'a/b']"]
        }
        [KeyType::Value(_), ..] => return types.iter().map(ToString::to_string).collect(),
        _ => &["{}"],
    };
    let long = format!("'{}'", "x".repeat(70_000));
    values.iter().map(|value| value.replace("LONG", &long)).collect()
}

/// A key out of the schema with a value of its type, of whatever size.
fn from_schema(
    random: &mut Random,
    registry: &Registry,
    descriptor: &str,
    add: &mut impl FnMut(&str, String),
) {
    let Some(factory) = factory(registry, descriptor) else { return };
    let keys = keys(&factory.factory().schema());
    let keys: Vec<_> = keys.into_iter().filter(|key| !key.path.contains(['*', '<'])).collect();
    if let Some(key) = keys.get(random.below(keys.len())) {
        let mut sizes = sizes(&key.types);
        add(&key.path, sizes.swap_remove(random.below(sizes.len())));
    }
}

/// Every key of every stock component with values of all sizes, in a section that is sound without it.
pub fn extremes(registry: &Registry, port: u16) -> Vec<String> {
    let mut all = Vec::new();
    for (kind, ..) in KINDS {
        let descriptor = format!("pip-services:{kind}:default:1.0");
        let Some(factory) = factory(registry, &descriptor) else { continue };
        let (around, lines): (&str, &[&str]) = match *kind {
            "connection:mqtt" => ("", &["connection.host = '127.0.0.1'"]),
            "message-queue:mqtt" => (SHARED, &["options.qos = 1", "options.autosubscribe = true"]),
            "queue-factory:mqtt" => (SHARED, &[]),
            "bridge:message-queue" => (QUEUES, &[]),
            "discovery:file" => ("", &["path = 'good.toml'"]),
            "credential-store:file" => ("", &["path = 'secrets'"]),
            "broker:mqtt" => ("", &["port = 0"]),
            _ => ("", &[]),
        };
        let keys = keys(&factory.factory().schema());
        for key in keys.into_iter().filter(|key| !key.path.contains(['*', '<'])) {
            let own = format!("{} ", key.path);
            let lines: Vec<_> = lines.iter().copied().filter(|line| !line.starts_with(&own)).collect();
            for value in sizes(&key.types) {
                let section = format!("[[component]]\ndescriptor = '{descriptor}'\n{}\n", lines.join("\n"));
                all.push(
                    format!("{section}{} = {value}\n{around}", key.path).replace("PORT", &port.to_string()),
                );
            }
        }
    }
    all
}

const SHARED: &str =
    "[[component]]\ndescriptor = 'pip-services:connection:mqtt:shared:1.0'\nconnection.host = '127.0.0.1'\n";
const QUEUES: &str = "[[component]]\ndescriptor = 'pip-services:message-queue:memory:source:1.0'\n\
    [[component]]\ndescriptor = 'pip-services:message-queue:memory:target:1.0'\n";

/// What the section says of its references and of itself.
fn wires(
    random: &mut Random,
    registry: &Registry,
    descriptor: &str,
    all: &[(String, &str)],
    careless: usize,
) -> Vec<(String, String)> {
    let mut wires = Vec::new();
    for reference in factory(registry, descriptor).map_or(&[][..], |factory| factory.factory().references()) {
        let is_end = ["source", "target"].contains(&reference.field);
        // Of several connections one has to be chosen.
        let several = reference.field == "connection"
            && all.iter().filter(|(_, kind)| *kind == "connection:mqtt").count() > 1;
        let chosen = is_end || several || random.once_in(careless.min(30));
        let wanted =
            if is_end { "message-queue" } else { reference.pattern.split(':').nth(1).unwrap_or("*") };
        let mut fits: Vec<_> =
            all.iter().filter(|(other, _)| other.split(':').nth(1) == Some(wanted)).collect();
        if random.once_in(careless) {
            fits = all.iter().collect();
        }
        // Into the queue that it comes from is a circle.
        let taken =
            |other: &str| wires.iter().any(|(_, wired): &(String, String)| wired.trim_matches('\'') == other);
        if is_end && fits.len() > 1 && !random.once_in(careless) {
            fits.retain(|(other, _)| !taken(other));
        }
        if chosen && !fits.is_empty() {
            let (pattern, _) = fits[random.below(fits.len())];
            wires.push((format!("references.{}", reference.field), format!("'{pattern}'")));
        }
    }
    if random.once_in(15) {
        wires.push(("enabled".to_owned(), random.of_list(&["false", "true", "'${ON:-true}'"]).to_owned()));
    }
    if random.once_in(40) {
        wires.push(("timeout".to_owned(), random.of_list(&["'5s'", "'1h'", "0"]).to_owned()));
    }
    wires
}

fn factory<'r>(registry: &'r Registry, descriptor: &str) -> Option<&'r wirework::component::Registered> {
    match registry.find(&descriptor.parse().ok()?) {
        wirework::component::Lookup::One(at) => registry.all().get(at).map(|registered| &**registered),
        _ => None,
    }
}
