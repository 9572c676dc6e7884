//! The stock discovery services and credential stores as a container finds them.

use crate::component::{Lookup, Registry};
use crate::config::{Problems, Section, Span, parse_toml};

#[test]
fn all_are_registered_and_read_their_sections() {
    let registry = Registry::linked().unwrap();
    for (kind, capability, text) in [
        (
            "discovery:memory",
            "Discovery",
            "connections.k = { host = 'h' }\nconnections.l = [{ uri = 'mqtt://h' }]",
        ),
        ("discovery:env", "Discovery", ""),
        ("discovery:file", "Discovery", "path = 'connections.toml'"),
        ("credential-store:memory", "CredentialStore", "credentials.k = { user = 'ann', pass = 'p' }"),
        ("credential-store:env", "CredentialStore", ""),
        ("credential-store:file", "CredentialStore", "path = '/run/secrets'\nstrict = true"),
    ] {
        let descriptor = format!("pip-services:{kind}:default:1.0").parse().unwrap();
        let Lookup::One(index) = registry.find(&descriptor) else { panic!("{kind} is not registered once") };
        let factory = registry.all()[index].factory();
        assert!(factory.offers().iter().any(|offer| offer.name() == capability), "{kind}");
        let mut problems = Problems::new();
        let table = parse_toml(text, 0, &mut problems);
        let section = Section { descriptor: &descriptor, table: &table, span: Span::default() };
        assert!(factory.parse(&section, &mut problems).is_some(), "{kind}: {problems:?}");
    }
}
