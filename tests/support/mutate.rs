//! Fuzzing for a while on a stable toolchain: the committed corpus first, then what comes of it by small changes.
//!
//! The random numbers begin the same way each time; how far they get in the time is up to the machine. An input that
//! fails is written to a file, to become part of the corpus.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Calls the body for ten seconds, or `WIREWORK_FUZZ_SECONDS`.
pub fn for_ten_seconds(corpus: &str, body: fn(&[u8])) {
    let seconds = std::env::var("WIREWORK_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(10));
    let seeds = seeds(corpus);
    for seed in &seeds {
        attempt(corpus, seed, body);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut executions = seeds.len();
    while Instant::now() < end {
        for _ in 0..20 {
            let mut data = seeds[random.below(seeds.len())].clone();
            for _ in 0..=random.below(6) {
                change(&mut data, &seeds, &mut random);
            }
            attempt(corpus, &data, body);
            executions += 1;
        }
    }
    eprintln!("{corpus}: {executions} executions");
}

/// The committed inputs, in the order of their names.
fn seeds(corpus: &str) -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(corpus);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn attempt(corpus: &str, data: &[u8], body: fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(data))) {
        let file = std::env::temp_dir().join(format!("{corpus}-{}", std::process::id()));
        std::fs::write(&file, data).unwrap();
        eprintln!("failed on {}: {data:?}", file.display());
        resume_unwind(panic);
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// One small change: a byte, a bit, a part left out, repeated, or taken from elsewhere.
fn change(data: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(data.len() + 1);
    let end = (at + random.below(24)).min(data.len());
    match random.below(7) {
        0 if at < data.len() => data[at] = random.next() as u8,
        1 if at < data.len() => data[at] ^= 1 << random.below(8),
        2 => drop(data.drain(at..end)),
        3 => {
            let part = data[at..end].to_vec();
            let place = random.below(data.len() + 1);
            data.splice(place..place, part);
        }
        4 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            let part = other[from..(from + random.below(24)).min(other.len())].to_vec();
            data.splice(at..at, part);
        }
        5 => data.truncate(at),
        _ => data.insert(at, [0, 1, 2, 0x7f, 0x80, 0xff][random.below(6)]),
    }
}
