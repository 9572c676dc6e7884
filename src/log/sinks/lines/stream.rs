//! A bounded buffer between those who log and the terminal, pipe or file behind it.
//!
//! A pipe that nobody reads, a terminal that is stopped or a disk that hangs makes every writer wait. So nobody writes but
//! one thread of the stream's own: [`Stream::push`] puts lines into a buffer and returns. Lines that do not fit, and lines
//! that could not be written, are counted, and the next line that gets through follows a notice of how many.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::format::{Format, line};
use crate::config::Invalid;
use crate::log::record::OWN_TARGET;
use crate::log::{Level, Record, Value};

/// How many bytes of lines may wait unless something else is asked for: as much as the records that are buffered for loggers
/// usually take.
pub(in crate::log::sinks) const DEFAULT_BUFFER: usize = 4 * 1024 * 1024;

/// The least that may be asked for.
const LEAST_BUFFER: usize = 4096;

/// How many bytes are written at once at most, whole lines; a pipe takes that many in one piece, so that lines of several
/// processes do not mix.
const CHUNK: usize = 4096;

/// How long the writer waits before it tries an output again that is set not to block and is full.
const RETRY_WAIT: Duration = Duration::from_millis(10);

/// A buffer that has grown beyond this is given back when it has been written.
const MAX_SPARE: usize = 64 * 1024;

/// One output, with its buffer and its thread.
pub(in crate::log::sinks) struct Stream {
    thread: &'static str,
    /// What notices call it.
    name: String,
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Something has been written.
    written: Condvar,
}

struct State {
    waiting: Vec<u8>,
    /// Bytes and lines that wait or are being written.
    pending: usize,
    pending_lines: u64,
    /// Bytes that were taken, and bytes that are done with.
    taken: u64,
    done: u64,
    /// Lines that are lost, and those of them that no notice has reported.
    lost: u64,
    unreported: u64,
    /// Whether the last write succeeded.
    healthy: bool,
    /// The format of the last lines, which the notice has too.
    format: Format,
    /// Where to write; gone once the thread has it.
    output: Option<Output>,
    /// Whether the thread was started.
    started: bool,
    /// Nothing is taken any more.
    ended: bool,
}

/// Where the bytes go.
struct Output {
    to: Box<dyn Write + Send>,
    /// A write failed in the middle of a line.
    torn: bool,
}

impl Stream {
    /// A stream that writes to `to`, which notices call `name`; its thread starts with the first line.
    pub fn new(thread: &'static str, name: impl Into<String>, to: impl Write + Send + 'static) -> Arc<Self> {
        let state = State {
            waiting: Vec::new(),
            pending: 0,
            pending_lines: 0,
            taken: 0,
            done: 0,
            lost: 0,
            unreported: 0,
            healthy: true,
            format: Format::Text,
            output: Some(Output { to: Box::new(to), torn: false }),
            started: false,
            ended: false,
        };
        let (filled, written) = (Condvar::new(), Condvar::new());
        Arc::new(Self { thread, name: name.into(), state: Mutex::new(state), filled, written })
    }

    /// Takes whole lines, each with its line end, if not more than `limit` bytes wait with them; else counts them as
    /// lost. A text that alone is longer than `limit` is taken when nothing waits.
    pub fn push(self: &Arc<Self>, lines: &[u8], limit: usize, format: Format) {
        let mut state = self.lock();
        state.format = format;
        let notice = if state.unreported > 0 && state.healthy { self.notice(&state) } else { Vec::new() };
        let size = notice.len() + lines.len();
        if state.ended || (state.pending > 0 && state.pending.saturating_add(size) > limit) {
            return state.lose(count(lines));
        }
        if !notice.is_empty() {
            state.unreported = 0;
            state.put(&notice);
        }
        state.put(lines);
        self.start(&mut state);
        self.filled.notify_one();
    }

    /// Waits until all that was taken is written, until `until` at most; returns how many lines are not.
    pub fn flush(self: &Arc<Self>, until: Instant) -> u64 {
        let mut state = self.lock();
        self.start(&mut state);
        if !state.started
            && let Some(mut output) = state.output.take()
        {
            // Nothing waits, or the system refuses a thread. Nothing else runs then that could be kept waiting.
            let batch = std::mem::take(&mut state.waiting);
            drop(state);
            self.write(&mut output, &batch);
            state = self.lock();
            state.output = Some(output);
        }
        let taken = state.taken;
        while state.done < taken {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return state.pending_lines;
            }
            state = self.written.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        0
    }

    /// Takes nothing any more. Its thread writes what was taken and ends.
    pub fn end(&self) {
        self.lock().ended = true;
        self.filled.notify_one();
    }

    /// How many lines did not get through, those that wait not among them.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread if it does not run and something waits. Where the system refuses it, the next call tries again.
    fn start(self: &Arc<Self>, state: &mut State) {
        if state.waiting.is_empty() || state.started {
            return;
        }
        let (stream, thread) = (Arc::clone(self), std::thread::Builder::new().name(self.thread.to_owned()));
        state.started = thread.spawn(move || stream.run()).is_ok();
    }

    /// The writer, until the stream has ended.
    fn run(&self) {
        let Some(mut output) = self.lock().output.take() else { return };
        let mut batch = Vec::new();
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                if state.unreported > 0 && state.healthy {
                    let notice = self.notice(&state);
                    state.unreported = 0;
                    state.put(&notice);
                } else if state.ended {
                    return;
                } else {
                    state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
            std::mem::swap(&mut batch, &mut state.waiting);
            drop(state);
            self.write(&mut output, &batch);
            batch.clear();
            batch.shrink_to(MAX_SPARE);
        }
    }

    /// Writes in chunks of whole lines, and takes each off what waits.
    fn write(&self, output: &mut Output, batch: &[u8]) {
        let mut rest = batch;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(chunk(rest));
            let result = output.write(chunk);
            rest = after;
            let mut state = self.lock();
            let lines = count(chunk);
            state.pending -= chunk.len();
            state.pending_lines -= lines;
            state.done += chunk.len() as u64;
            state.healthy = result.is_ok();
            if result.is_err() {
                state.lose(lines);
            }
            drop(state);
            self.written.notify_all();
        }
    }

    fn notice(&self, state: &State) -> Vec<u8> {
        let message =
            format!("{} lines were dropped, since {} did not take them", state.unreported, self.name);
        let fields = [("dropped", Value::U64(state.unreported)), ("dropped_in_all", Value::U64(state.lost))];
        let record = Record::new(Level::Warn, &message).with_target(OWN_TARGET).with_fields(&fields);
        line(state.format, &record, "", false)
    }
}

impl State {
    fn put(&mut self, lines: &[u8]) {
        self.waiting.extend_from_slice(lines);
        self.pending += lines.len();
        self.pending_lines += count(lines);
        self.taken += lines.len() as u64;
    }

    fn lose(&mut self, lines: u64) {
        self.lost += lines;
        self.unreported += lines;
    }
}

impl Output {
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        if self.torn {
            // What was begun must not run into what comes now.
            self.all(b"\n")?;
            self.torn = false;
        }
        self.all(chunk)
    }

    fn all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let result = match self.to.write(rest) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(size) => {
                    rest = rest.get(size..).unwrap_or_default();
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(RETRY_WAIT);
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if result.is_err() {
                self.torn |= rest.len() < bytes.len();
                return result;
            }
        }
        self.to.flush()
    }
}

/// How many bytes from the start of `lines` are whole lines and at most [`CHUNK`], or are one line.
fn chunk(lines: &[u8]) -> usize {
    let ends = |from: &[u8], last: bool| {
        let is_end = |byte: &u8| *byte == b'\n';
        if last { from.iter().rposition(is_end) } else { from.iter().position(is_end) }
    };
    let short = lines.get(..CHUNK).unwrap_or(lines);
    ends(short, true).or_else(|| ends(lines, false)).map_or(lines.len(), |end| end + 1)
}

/// What is wrong with the key `buffer` of a sink.
pub(in crate::log::sinks) fn too_small(buffer: usize) -> Option<Invalid> {
    (buffer < LEAST_BUFFER).then(|| Invalid::new("buffer", "is too small; at least 4096 bytes"))
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
