//! Ten manifests of about a megabyte, each heavy in one way.

use std::fmt::Write;

/// How long each is, in bytes.
const SIZE: usize = 1_000_000;

/// The manifests by name.
pub fn manifests() -> Vec<(&'static str, String)> {
    vec![
        ("one component, `after` of every component, repeated", repeated_after()),
        ("every component after every component", each(|at| (null(at), "after = ['*:*:*:*:*']".to_owned()))),
        ("unknown keys in one section", one(|text, at| text.push_str(&format!("key{at} = 1\n")))),
        ("unknown keys in many sections", each(|at| (null(at), "levle = 1\nprot = 2".to_owned()))),
        ("a list of wrong items", list()),
        ("unknown references", one(|text, at| text.push_str(&format!("references.r{at} = '*:*:*:*:*'\n")))),
        ("references to nobody", each(|at| (bridge(at), format!("references.source = 'a:b:c:d{at}:1'")))),
        ("syntax errors on every line", one(|text, _| text.push_str("= [\n"))),
        ("one descriptor again and again", each(|_| (null(0), String::new()))),
        (
            "wildcard references to everybody",
            each(|at| {
                (format!("pip-services:connection:mqtt:c{at}:1.0"), "connection.host = 'h'\nreferences.credentials = '*:*:*:*:*'\nreferences.discovery = '*:*:*:*:*'".to_owned())
            }),
        ),
    ]
}

/// One component that names the same wildcard as often as fits.
pub fn repeated_after() -> String {
    let mut text = String::new();
    for at in 1..8000 {
        let _ = writeln!(text, "[[component]]\ndescriptor = '{}'", null(at));
    }
    let _ = write!(text, "[[component]]\ndescriptor = 'pip-services:credential-store:env:a:1.0'\nafter = [");
    while text.len() < SIZE {
        text.push_str("'*:*:*:*:*', ");
    }
    text.push_str("]\n");
    text
}

fn null(at: usize) -> String {
    format!("pip-services:logger:null:n{at}:1.0")
}

fn bridge(at: usize) -> String {
    format!("pip-services:bridge:message-queue:b{at}:1.0")
}

/// Sections, each with a descriptor and further lines.
fn each(section: impl Fn(usize) -> (String, String)) -> String {
    let mut text = String::new();
    for at in 0.. {
        if text.len() >= SIZE {
            break;
        }
        let (descriptor, lines) = section(at);
        let _ = writeln!(text, "[[component]]\ndescriptor = '{descriptor}'\n{lines}");
    }
    text
}

/// One section with many lines.
fn one(line: impl Fn(&mut String, usize)) -> String {
    let mut text = format!("[[component]]\ndescriptor = '{}'\n", null(0));
    for at in 0.. {
        if text.len() >= SIZE {
            break;
        }
        line(&mut text, at);
    }
    text
}

fn list() -> String {
    let mut text =
        String::from("[[component]]\ndescriptor = 'pip-services:connection:mqtt:a:1.0'\nconnections = [");
    while text.len() < SIZE {
        text.push_str("{ uri = 'x' }, ");
    }
    text.push_str("]\n");
    text
}
