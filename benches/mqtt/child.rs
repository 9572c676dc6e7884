//! One run of one client in a process of its own, so that the processor time is that client's alone.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::{RAW, RUMQTTC, WIREWORK, e2e, idle, latency, raw};

/// What a run is to do.
#[derive(Clone, Copy)]
pub struct Work {
    pub port: u16,
    pub qos: u8,
    pub size: usize,
    pub count: u32,
}

/// What it took.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Messages a second.
    pub rate: f64,
    /// Microseconds of processor time a message, of all threads.
    pub cpu: f64,
}

/// Starts this program as a child that does `role`, and reads the numbers that it prints.
pub fn spawn(role: &[String]) -> Vec<f64> {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .arg("--child")
        .args(role)
        .stderr(Stdio::inherit())
        .output()
        .expect("it can be started once more");
    assert!(output.status.success(), "the run `{}` failed", role.join(" "));
    let text = String::from_utf8(output.stdout).expect("numbers");
    text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

/// One run of `kind`, `publish` or `e2e`, by a client.
pub fn cost(kind: &str, client: &str, work: Work) -> Cost {
    let Work { port, qos, size, count } = work;
    let numbers = [u32::from(port), qos.into(), u32::try_from(size).expect("a small message"), count];
    let mut role = vec![kind.to_owned(), client.to_owned()];
    role.extend(numbers.map(|number| number.to_string()));
    match spawn(&role)[..] {
        [rate, cpu] => Cost { rate, cpu },
        _ => panic!("a run says two numbers"),
    }
}

/// Measures from `begin` to `end`.
pub struct Clock {
    wall: Instant,
    cpu: Duration,
}

impl Clock {
    pub fn begin() -> Self {
        Self { cpu: cpu(), wall: Instant::now() }
    }

    pub fn end(self, count: u32) -> Cost {
        let (wall, cpu) = (self.wall.elapsed(), cpu() - self.cpu);
        Cost { rate: f64::from(count) / wall.as_secs_f64(), cpu: cpu.as_secs_f64() * 1e6 / f64::from(count) }
    }
}

/// What all threads of this process have used.
fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.try_into().unwrap_or_default(), used.tv_nsec.try_into().unwrap_or_default())
}

/// The process side: does what it is told and prints numbers.
pub fn run(role: &[String]) {
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u32>().expect("a number");
    match role[..] {
        ["acker"] => idle::serve(),
        ["idle", port, count] => idle::hold(port.parse().expect("a port"), count.parse().expect("a number")),
        ["latency", client, port, qos, count] => {
            let times = block_on(latency::run(
                client.to_owned(),
                port.parse().expect("a port"),
                number(qos) as u8,
                number(count),
            ));
            println!("{} {}", times.0, times.1);
        }
        [kind, client, port, qos, size, count] => {
            let (qos, size) = (number(qos) as u8, number(size) as usize);
            let work = Work { port: port.parse().expect("a port"), qos, size, count: number(count) };
            let Cost { rate, cpu } = once(kind, client, work);
            println!("{rate} {cpu}");
        }
        _ => panic!("no run is called {role:?}"),
    }
}

fn once(kind: &str, client: &str, work: Work) -> Cost {
    match (kind, client) {
        ("publish", RAW) => raw::publish(work),
        ("publish", WIREWORK) => block_on(e2e::ours_publish(work)),
        ("publish", RUMQTTC) => block_on(e2e::theirs_publish(work)),
        ("e2e", RAW) => raw::through(work),
        ("e2e", WIREWORK) => block_on(e2e::ours_through(work)),
        ("e2e", RUMQTTC) => block_on(e2e::theirs_through(work)),
        _ => panic!("no run is called {kind} {client}"),
    }
}

/// On one thread: it is what rumqttc is quickest with, and enough for a connection.
fn block_on<T: Send + 'static>(run: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A task is woken with less ado than what `block_on` waits for itself.
    runtime.block_on(async { tokio::spawn(run).await }).expect("the run does not panic")
}
