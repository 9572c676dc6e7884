//! The figures as bars, in SVG that reads in light and in dark mode.

use std::fmt::Write;

use super::figures::{Case, Group, number};
use super::{PAHO, RAW, RUMQTTC, WIREWORK};

const WIDTH: f64 = 860.0;
/// Where bars begin, and how long the longest is.
const LEFT: f64 = 250.0;
const LONGEST: f64 = 450.0;
const BAR: f64 = 13.0;
const STYLE: &str = "\
    text{font:12px system-ui,sans-serif;fill:#24292f}\
    .title{font-weight:600;font-size:14px}.value{font-size:11px}\
    .run{stroke:#24292f;stroke-width:1;opacity:.7}.ground{fill:#fff}\
    .wirework{fill:#0969da}.rumqttc{fill:#c9510c}.raw{fill:#8c959f}.paho{fill:#8250df}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.run{stroke:#e6edf3}.ground{fill:#0d1117}\
    .wirework{fill:#4c9aff}.rumqttc{fill:#f0883e}.raw{fill:#7d8590}.paho{fill:#bc8cff}}";

/// The picture of these groups; `about` is one line on where they were measured.
pub fn draw(groups: &[&Group], about: &str) -> String {
    let mut body = String::new();
    let mut y = 24.0;
    let mut x = 16.0;
    for client in [WIREWORK, RUMQTTC, RAW, PAHO] {
        let _ = write!(
            body,
            r#"<rect class="{}" x="{x}" y="{}" width="12" height="12" rx="2"/><text x="{}" y="{y}">{client}</text>"#,
            class(client),
            y - 10.5,
            x + 17.0,
        );
        x += 110.0;
    }
    y += 18.0;
    let _ = write!(
        body,
        r#"<text class="value" x="16" y="{y}">Medians; the thin line goes from the lowest run to the highest. {about}</text>"#,
        about = escaped(about)
    );
    for group in groups {
        y = group_of(group, y + 34.0, &mut body);
    }
    let height = y + 14.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"MQTT benchmark\">\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n{body}</svg>\n"
    )
}

fn group_of(group: &Group, mut y: f64, body: &mut String) -> f64 {
    let _ = writeln!(
        body,
        r#"<text class="title" x="16" y="{y}">{}, {}</text>"#,
        escaped(group.title),
        escaped(group.unit)
    );
    y += 10.0;
    let all = group.cases.iter().flat_map(|case| &case.figures);
    let most = all.map(|figure| figure.spread.high).fold(f64::MIN_POSITIVE, f64::max);
    for case in &group.cases {
        y = case_of(case, group.decimals, LONGEST / most, y + 5.0, body);
    }
    y
}

fn case_of(case: &Case, decimals: usize, scale: f64, mut y: f64, body: &mut String) -> f64 {
    let middle = y + BAR * case.figures.len() as f64 / 2.0 + 4.0;
    let _ = writeln!(
        body,
        r#"<text x="{}" y="{middle}" text-anchor="end">{}</text>"#,
        LEFT - 8.0,
        escaped(&case.name)
    );
    for figure in &case.figures {
        let [low, median, high] = [figure.spread.low, figure.spread.median, figure.spread.high]
            .map(|value| (value * scale).max(0.0));
        let (line, text) = (y + (BAR - 1.0) / 2.0, y + BAR - 3.0);
        let _ = writeln!(
            body,
            r#"<rect class="{}" x="{LEFT}" y="{y}" width="{median:.1}" height="{}"/><line class="run" x1="{:.1}" y1="{line}" x2="{:.1}" y2="{line}"/><text class="value" x="{:.1}" y="{text}">{}</text>"#,
            class(figure.client),
            BAR - 1.0,
            LEFT + low,
            LEFT + high,
            LEFT + high + 6.0,
            number(figure.spread.median, decimals)
        );
        y += BAR;
    }
    y
}

fn class(client: &str) -> &'static str {
    match client {
        WIREWORK => "wirework",
        RUMQTTC => "rumqttc",
        PAHO => "paho",
        _ => "raw",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
