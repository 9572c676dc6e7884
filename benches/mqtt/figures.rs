//! Figures, what they must reach, and how both are shown.

use std::fmt::Write;

/// What several runs gave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub three_quarters: f64,
    pub high: f64,
}

impl Spread {
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (sorted.len().max(1) - 1) as f64;
            sorted.get(place.round() as usize).copied().unwrap_or(f64::NAN)
        };
        Self { low: at(0.0), median: at(0.5), three_quarters: at(0.75), high: at(1.0) }
    }
}

/// One bar of the picture, one cell of the table.
pub struct Figure {
    pub client: &'static str,
    pub spread: Spread,
}

/// One line of a table: the same work done by several clients.
pub struct Case {
    pub name: String,
    pub figures: Vec<Figure>,
}

/// One table, one part of the picture.
pub struct Group {
    pub title: &'static str,
    pub unit: &'static str,
    /// How many decimals say something.
    pub decimals: usize,
    pub cases: Vec<Case>,
}

/// What has to be reached, and what was.
pub struct Target {
    pub what: String,
    pub wanted: String,
    pub reached: String,
    pub met: bool,
}

#[derive(Default)]
pub struct Report {
    pub groups: Vec<Group>,
    pub targets: Vec<Target>,
    /// What could not be measured, and why.
    pub missing: Vec<String>,
}

impl Report {
    pub fn at_least(&mut self, what: impl Into<String>, wanted: f64, reached: Spread, decimals: usize) {
        self.target(what.into(), "≥", wanted, reached, decimals, reached.median >= wanted);
    }

    pub fn at_most(&mut self, what: impl Into<String>, wanted: f64, reached: Spread, decimals: usize) {
        self.target(what.into(), "≤", wanted, reached, decimals, reached.median <= wanted);
    }

    fn target(&mut self, what: String, sign: &str, wanted: f64, reached: Spread, decimals: usize, met: bool) {
        let wanted = format!("{sign} {}", number(wanted, decimals));
        self.targets.push(Target { what, wanted, reached: cell(reached, decimals), met });
    }

    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for group in &self.groups {
            table(group, &mut text);
        }
        if !self.targets.is_empty() {
            text.push_str("| to be reached | wanted | reached | |\n|---|---|---|---|\n");
        }
        for Target { what, wanted, reached, met } in &self.targets {
            let met = if *met { "yes" } else { "**no**" };
            let _ = writeln!(text, "| {what} | {wanted} | {reached} | {met} |");
        }
        for missing in &self.missing {
            let _ = writeln!(text, "\nNOT MEASURED: {missing}");
        }
        text
    }
}

fn table(group: &Group, text: &mut String) {
    let mut clients: Vec<&str> = Vec::new();
    for figure in group.cases.iter().flat_map(|case| &case.figures) {
        if !clients.contains(&figure.client) {
            clients.push(figure.client);
        }
    }
    let _ = writeln!(text, "| {}, {} | {} |", group.title, group.unit, clients.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(clients.len()));
    for case in &group.cases {
        let _ = write!(text, "| {} |", case.name);
        for client in &clients {
            let figure = case.figures.iter().find(|figure| figure.client == *client);
            let cell = figure.map_or_else(|| "–".to_owned(), |figure| cell(figure.spread, group.decimals));
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text.push('\n');
}

/// Median, and from what to what the runs went.
fn cell(spread: Spread, decimals: usize) -> String {
    let [low, median, high] = [spread.low, spread.median, spread.high].map(|value| number(value, decimals));
    if low == high { median } else { format!("{median} ({low} to {high})") }
}

/// With a comma between thousands.
pub fn number(value: f64, decimals: usize) -> String {
    let plain = format!("{value:.decimals$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0
            && (whole.len() - index).is_multiple_of(3)
            && digit.is_ascii_digit()
            && !grouped.ends_with('-')
        {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}
