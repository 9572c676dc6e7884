//! Reads metrics as Prometheus does, and is strict where Prometheus forgives.

use std::collections::{BTreeMap, HashSet};

/// The samples of a scrape: `name{labels}` as written, and the value.
#[derive(Debug, Default, PartialEq)]
pub struct Scrape {
    pub samples: BTreeMap<String, f64>,
    /// The type of each family.
    pub types: BTreeMap<String, String>,
}

impl Scrape {
    /// The value of a sample.
    pub fn value(&self, sample: &str) -> Option<f64> {
        self.samples.get(sample).copied()
    }

    /// The samples whose name begins so.
    pub fn of(&self, start: &str) -> Vec<&str> {
        self.samples.keys().map(String::as_str).filter(|sample| sample.starts_with(start)).collect()
    }
}

/// Reads a whole scrape; fails the test at the first line that is wrong.
pub fn parse(text: &str, open_metrics: bool) -> Scrape {
    assert!(text.ends_with('\n'), "the last line does not end");
    let mut lines: Vec<_> = text.strip_suffix('\n').unwrap_or_default().split('\n').collect();
    if open_metrics {
        assert_eq!(lines.pop(), Some("# EOF"));
    }
    let (mut scrape, mut family, mut helped) =
        (Scrape::default(), (String::new(), String::new()), HashSet::new());
    for line in lines {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
            assert!(!text.is_empty() && helped.insert(name.to_owned()), "helped twice, or not: {line}");
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, of) = of.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            assert!(helped.contains(name), "without help: {line}");
            let known = ["counter", "gauge", "histogram", "summary"].contains(&of);
            let before = scrape.types.insert(name.to_owned(), of.to_owned());
            assert!(known && before.is_none(), "a type twice, or none: {line}");
            family = (name.to_owned(), of.to_owned());
        } else {
            let (sample, value) = sample(line);
            let name = sample.split('{').next().unwrap_or_default();
            assert!(belongs(name, &family, open_metrics), "{line} is not of {family:?}");
            assert!(scrape.samples.insert(sample.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    assert_histograms(&scrape);
    scrape
}

/// Whether a sample may stand below the type of a family.
fn belongs(sample: &str, (family, of): &(String, String), open_metrics: bool) -> bool {
    let Some(suffix) = sample.strip_prefix(family.as_str()) else { return false };
    match of.as_str() {
        "counter" if open_metrics => suffix == "_total",
        "counter" => suffix.is_empty() && family.ends_with("_total"),
        "gauge" => suffix.is_empty(),
        "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
        _ => ["_sum", "_count"].contains(&suffix),
    }
}

/// `name{labels}` and the value of a line.
fn sample(line: &str) -> (&str, f64) {
    let name = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(line.len());
    assert!(line.starts_with(|c: char| c.is_ascii_lowercase()), "no name: {line}");
    let end = if line[name..].starts_with('{') { name + labels(&line[name..]) } else { name };
    let value = line[end..].strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line}"));
    assert!(!value.contains(' '), "more than a value: {line}");
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    (&line[..end], value)
}

/// How long the labels are with which a text begins, braces included.
fn labels(text: &str) -> usize {
    let (mut at, mut names) = (1, HashSet::new());
    loop {
        let name = text[at..].find('=').map_or("", |end| &text[at..at + end]);
        let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(valid && names.insert(name), "label `{name}` in {text}");
        at += name.len() + 1;
        assert!(text[at..].starts_with('"'), "no quote: {text}");
        at += 1 + quoted(&text[at + 1..]);
        match text[at..].chars().next() {
            Some(',') => at += 1,
            Some('}') => return at + 1,
            other => panic!("{other:?} behind a label: {text}"),
        }
    }
}

/// How long a value is with the quote behind it.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (escaped, character) {
            (true, '\\' | '"' | 'n') => escaped = false,
            (true, other) => panic!("\\{other} in {text}"),
            (false, '\\') => escaped = true,
            (false, '"') => return at + 1,
            (false, _) => {}
        }
    }
    panic!("no end of a label: {text}");
}

/// The buckets of a histogram never fall, and the last has all.
fn assert_histograms(scrape: &Scrape) {
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for (sample, count) in &scrape.samples {
        let Some((name, rest)) = sample.split_once("_bucket{") else { continue };
        if scrape.types.get(name).is_none_or(|of| of != "histogram") {
            continue;
        }
        // The bound is the last label; one that is a value of another label begins with an escaped quote.
        let (labels, bound) = rest.rsplit_once("le=\"").unwrap_or_else(|| panic!("no bound: {sample}"));
        let bound = bound.trim_end_matches("\"}").parse().unwrap_or_else(|_| panic!("no bound: {sample}"));
        let labels = labels.trim_end_matches(',');
        let all =
            if labels.is_empty() { format!("{name}_count") } else { format!("{name}_count{{{labels}}}") };
        series.entry(all).or_default().push((bound, *count));
    }
    for (all, mut buckets) in series {
        buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        assert!(buckets.is_sorted_by(|(_, a), (_, b)| a <= b), "{all}: {buckets:?}");
        assert_eq!(buckets.last(), scrape.value(&all).map(|count| (f64::INFINITY, count)).as_ref(), "{all}");
    }
}
