//! Values that the types themselves refuse, inside of what serde collects.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::serde_tests::read;

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read")]
struct Config {
    name: String,
    #[serde(flatten)]
    first: First,
    #[serde(flatten)]
    second: Second,
    tagged: Option<Tagged>,
    #[serde(default)]
    list: Vec<Tagged>,
    adjacent: Option<Adjacent>,
    any: Option<Any>,
    direct: Option<IpAddr>,
    direct_most: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read")]
struct First {
    host: String,
    letter: Option<char>,
    most: Option<u64>,
    count: Option<NonZeroU16>,
    wait: Option<Wait>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read")]
struct Second {
    address: IpAddr,
    even: Option<Even>,
    word: Option<Word>,
    hosts: Option<HashMap<IpAddr, String>>,
    ports: Option<BTreeMap<u16, String>>,
    inner: Option<Inner>,
    others: Option<Vec<IpAddr>>,
    #[serde(alias = "gate")]
    gateway: Option<IpAddr>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read")]
struct Inner {
    address: IpAddr,
    note: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Wait(#[expect(dead_code, reason = "only read")] Duration);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "u16")]
struct Even;

impl TryFrom<u16> for Even {
    type Error = String;
    fn try_from(number: u16) -> Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self) } else { Err(format!("{number} is odd")) }
    }
}

#[derive(Debug, JsonSchema)]
struct Word;

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match &*String::deserialize(deserializer)? {
            "word" => Ok(Self),
            _ => Err(serde::de::Error::custom("it has to be `word`")),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(dead_code, reason = "only read")]
enum Tagged {
    Tcp { address: IpAddr, count: NonZeroU16, word: Option<Word> },
    Unix { path: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "with", rename_all = "snake_case")]
#[expect(dead_code, reason = "only read")]
enum Adjacent {
    Tcp { address: IpAddr, count: NonZeroU16 },
    Unix { path: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only read")]
enum Any {
    Address(IpAddr),
    Named { address: IpAddr, count: NonZeroU16 },
}

const GOOD: &str = "name = 'n'\nhost = 'h'\naddress = '::1'\n";

#[test]
fn each_has_its_key_and_place_and_reason() {
    let good = [
        "count = 1\neven = 2\nword = 'word'",
        "letter = 'a'\nwait = '5s'",
        "gate = '::1'",
        "hosts = { '::1' = 'x' }",
        "ports = { 80 = 'http' }",
        "most = '18446744073709551615'\ndirect_most = '18446744073709551615'",
        "adjacent = { with = { address = '::1', count = 1 }, kind = 'tcp' }",
    ];
    let wrong: Vec<_> =
        good.iter().map(|more| read::<Config>(&format!("{GOOD}{more}"))).filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let all = [
        ("", "name = 'n'\nhost = 'h'\naddress = 'nope'"),
        ("", "host = 5\naddress = 'nope'\nevne = 2\ncount = 0\neven = 3\nword = 'x'\nlist = [5]"),
        (GOOD, "letter = 'ab'"),
        (GOOD, "most = 18446744073709551615"),
        (GOOD, "most = '18446744073709551616'"),
        (GOOD, "direct_most = 18446744073709551615\nmost = 5.5"),
        (GOOD, "wait = 'soon'"),
        (GOOD, "count = 0\neven = 3\nword = 'x'"),
        (GOOD, "hosts = { nope = 'x', '::1' = 5, '::2' = 'y' }"),
        (GOOD, "ports = { nope = 'x', 80 = 'y' }"),
        (GOOD, "inner = { address = 'nope', note = 'n' }"),
        (GOOD, "inner = { address = 'nope', note = 5 }\nothers = ['::1', 'nope', 'no']"),
        (GOOD, "gate = 'nope'"),
        (GOOD, "gate = '::1'\ngateway = '::1'"),
        (GOOD, "gate = '::1'\neven = 3\ngtae = 1"),
        (GOOD, "tagged = { kind = 'tcp', address = 'nope', count = 0, word = 'x' }"),
        (
            GOOD,
            "list = [{ kind = 'tcp', address = 'nope', count = 1 }, { kind = 'unix' }, { kind = 'tcp', address = '::1', count = 0 }]",
        ),
        (GOOD, "adjacent = { kind = 'tcp', with = { address = '::1' } }"),
        (GOOD, "adjacent = { with = { address = '::1' }, kind = 'tcp' }"),
        (GOOD, "adjacent = { kind = 'tcp', with = { address = 'nope', count = 0 } }"),
        (GOOD, "adjacent = { with = { address = 'nope', count = 0 }, kind = 'tcp' }"),
        (GOOD, "adjacent = { kind = 'tcp' }"),
        (GOOD, "adjacent = { with = { address = '::1' } }"),
        (GOOD, "any = 'nope'"),
        (GOOD, "any = { address = 'nope', count = 0 }"),
        (GOOD, "direct = 'nope'\naddress = 'twice'"),
        (GOOD, "direct = 'nope'\ntagged = { kind = 'tcp', address = 'nope', count = 1 }\neven = 1"),
    ];
    let told = |(before, text): &(&str, &str)| {
        let before = if text.contains("\naddress = 'twice'") { "name = 'n'\nhost = 'h'\n" } else { before };
        let said = match read::<Config>(&format!("{before}{text}")) {
            Ok(_) => "accepted".to_owned(),
            Err(said) => said.join("\n  "),
        };
        format!("{text}\n  {said}")
    };
    insta::assert_snapshot!(all.iter().map(told).collect::<Vec<_>>().join("\n\n"));
}
