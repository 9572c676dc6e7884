//! Passwords that discovery leads to a server without TLS, as far as that is known before there is one.
//!
//! The section with the password names a key; the section of a discovery service, a file or the environment says what is found
//! under it.

use wirework::component::{DiscoveredServers, Flow, StaticAnswers};
use wirework::config::{Problem, Problems, Span, code};
use wirework::connect::ConnectionParams;

use super::lists::others;
use super::planned::Planned;
use super::queue_flows::flows;

/// How many look-ups are made at most.
const ASKED: usize = 1_000_000;

/// Warns of each key under which a server without TLS is found for a password.
pub(super) fn check_passwords(components: &[Planned], problems: &mut Problems) {
    let mut asked = 0;
    for (asker, planned) in (0..).zip(components) {
        for flow in flows(planned) {
            let Flow::DiscoveredServers(sought) = flow else { continue };
            let mut services =
                services(components, (asker, planned), sought).inspect(|_| asked += 1).take(ASKED);
            let leaks = services.find(|(_, answers)| leads_to_plain(answers, sought));
            problems.extend(leaks.map(|(on, answers)| warning(planned, sought, on, answers)));
            if asked > ASKED {
                let message = "there are too many discovery keys and services for all of them to be checked for passwords in clear";
                problems.push(Problem::warning("PASSWORDS_NOT_CHECKED", Span::default(), message));
                return;
            }
        }
    }
}

/// The discovery services that are asked, as far as it is known what they answer.
fn services<'a>(
    components: &'a [Planned],
    (asker, planned): (u32, &'a Planned),
    sought: &'a DiscoveredServers,
) -> impl Iterator<Item = (&'a Planned, &'a StaticAnswers<ConnectionParams>)> {
    let wanted = planned.known.iter().flat_map(|known| &known.references);
    let asked = wanted.zip(&planned.references).filter(|(wanted, _)| wanted.reference.field == sought.field);
    let positions = asked.flat_map(move |(_, resolved)| others(&resolved.list, asker));
    let services = positions.filter_map(move |position| components.get(position as usize));
    services.flat_map(|service| {
        flows(service).iter().filter_map(move |flow| match flow {
            Flow::Connections(answers) => Some((service, answers)),
            _ => None,
        })
    })
}

fn leads_to_plain(answers: &StaticAnswers<ConnectionParams>, sought: &DiscoveredServers) -> bool {
    let found = answers.find(&sought.name).and_then(Result::ok).unwrap_or_default();
    found.iter().any(|server| sought.is_in_clear(server))
}

fn warning(
    planned: &Planned,
    sought: &DiscoveredServers,
    on: &Planned,
    answers: &StaticAnswers<ConnectionParams>,
) -> Problem {
    let place = |planned: &Planned, key: &str| {
        planned.entry.table.find(key).map_or(planned.entry.span, |node| node.span)
    };
    let message = format!(
        "`{}` leads to a server that is reached without TLS: the password crosses the network in clear; use a protocol with \
         TLS, such as `mqtts`",
        sought.key
    );
    Problem::warning(code::PASSWORD_UNPROTECTED, place(planned, &sought.key), message)
        .with_related(place(on, &answers.place(&sought.name)), "the server is listed here")
}
