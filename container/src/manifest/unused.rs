//! Parameters that are given but that the manifest never mentions: most likely a typo.

use std::collections::BTreeSet;

use wirework::config::{Problem, Problems, Span, code, nearest};
use wirework::text::escape;

use super::files::Files;
use super::parameters::Parameters;
use super::typo::is_typo;

/// With how many names a name is compared at most to find what was meant.
const MOST_COMPARED: usize = 1000;

/// Warns of every name that stands in no file as `${name}`, not even in a section that is not enabled.
pub fn warn_unused<'n>(names: impl IntoIterator<Item = &'n str>, files: &Files, problems: &mut Problems) {
    let mentioned: BTreeSet<&str> = files.iter().flat_map(|file| mentions(&file.text)).collect();
    for name in names {
        if mentioned.contains(name) {
            continue;
        }
        let near =
            (mentioned.len() <= MOST_COMPARED).then(|| nearest(name, mentioned.iter().copied())).flatten();
        let message = format!("parameter `{name}` is given, but the manifest does not use it");
        let problem = Problem::warning(code::UNUSED_PARAMETER, Span::default(), message);
        problems.push(match near {
            Some(near) => problem.with_guess(near),
            None => problem,
        });
    }
}

/// Warns of every name of a file of parameters that no manifest mentions and that is, but for a typing error, one that is mentioned and
/// given nowhere. Such a file may be for other programs too, so that a name alone means nothing.
pub fn warn_misspelt(parameters: &Parameters, files: &Files, problems: &mut Problems) {
    let mentioned: BTreeSet<&str> = files.iter().flat_map(|file| mentions(&file.text)).collect();
    let mut filed: Vec<_> = parameters.filed().filter(|(name, _)| !mentioned.contains(name)).collect();
    filed.sort_unstable();
    let open: Vec<_> = mentioned.into_iter().filter(|name| !parameters.is_given(name)).collect();
    if filed.len().saturating_mul(open.len()) > MOST_COMPARED * MOST_COMPARED {
        return;
    }
    for (name, file) in filed {
        let Some(meant) = open.iter().find(|meant| is_typo(name, meant)) else { continue };
        let file = escape(&file.display().to_string()).into_owned();
        let message = format!("`{file}` gives the parameter `{name}`, which the manifest does not use");
        let problem = Problem::warning(code::UNUSED_PARAMETER, Span::default(), message);
        problems.push(problem.with_guess(*meant));
    }
}

/// The names that follow `${` in a string.
fn mentions(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(names: &[&str], text: &str) -> Vec<String> {
        let (mut files, mut problems) = (Files::default(), Problems::new());
        files.add("m.toml", text.to_owned()).unwrap();
        warn_unused(names.iter().copied(), &files, &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_typo_is_suggested_and_a_mention_is_enough() {
        let text = "port = \"${MQTT_PORT:-1883}\"\n[[component]]\nenabled = false\nlevel = \"a ${LEVEL}\"";
        assert!(warnings(&["MQTT_PORT", "LEVEL"], text).is_empty());
        assert_eq!(
            warnings(&["MQTT_PROT", "LEVE"], text),
            [
                "parameter `MQTT_PROT` is given, but the manifest does not use it; did you mean `MQTT_PORT`?",
                "parameter `LEVE` is given, but the manifest does not use it; did you mean `LEVEL`?"
            ]
        );
    }
}
