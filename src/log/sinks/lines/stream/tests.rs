use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::*;

/// How long a test waits for what must happen.
const LONG: Duration = Duration::from_secs(60);

/// An output whose every write waits for an answer: how much of it was written, or an error.
struct Gate {
    /// What somebody tries to write.
    tried: SyncSender<Vec<u8>>,
    answer: Receiver<io::Result<usize>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.tried.send(bytes.to_vec()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        self.answer.recv().map_err(gone)?
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Gated {
    stream: Arc<Stream>,
    tried: Receiver<Vec<u8>>,
    answer: SyncSender<io::Result<usize>>,
}

impl Gated {
    fn new() -> Self {
        let (tried, to_tried) = sync_channel(0);
        let (answer, to_answer) = sync_channel(1);
        let stream = Stream::new("stderr", "stderr", Gate { tried, answer: to_answer });
        Self { stream, tried: to_tried, answer }
    }

    fn push(&self, lines: &str, limit: usize) {
        self.stream.push(lines.as_bytes(), limit, Format::Text);
    }

    /// The next bytes that are to be written.
    fn next(&self) -> String {
        String::from_utf8(self.tried.recv_timeout(LONG).unwrap()).unwrap()
    }

    /// Lets the next write pass, and says what it wrote, a notice without its time.
    fn pass(&self) -> String {
        let text = self.next();
        self.answer.send(Ok(text.len())).unwrap();
        text
    }

    fn fail(&self, kind: io::ErrorKind) -> String {
        let text = self.next();
        self.answer.send(Err(kind.into())).unwrap();
        text
    }

    fn flushed(&self) -> u64 {
        self.stream.flush(Instant::now() + LONG)
    }
}

#[test]
fn a_blocked_output_keeps_nobody_waiting_and_the_lines_that_do_not_fit_are_counted() {
    let gated = Gated::new();
    gated.push("one\n", 12);
    let first = gated.next();
    // The writer waits now, for as long as it must.
    gated.push("two\n", 12);
    gated.push("six\n", 12);
    for _ in 0..1000 {
        gated.push("too much\n", 12);
    }
    gated.push("two\nlines\n", 12);
    assert_eq!((gated.stream.lost(), gated.stream.flush(Instant::now())), (1002, 3));
    gated.answer.send(Ok(first.len())).unwrap();
    assert_eq!(first, "one\n");
    assert_eq!(gated.pass(), "two\nsix\n");
    let notice = gated.pass();
    assert!(notice.contains(
        "WARN  wirework::log 1002 lines were dropped, since stderr did not take them \
         dropped=1002 dropped_in_all=1002\n"
    ));
    // Until it is written, the notice takes room too.
    assert_eq!(gated.flushed(), 0);
    gated.push("next\n", 12);
    assert_eq!((gated.pass(), gated.flushed()), ("next\n".to_owned(), 0));
}

#[test]
fn the_notice_stands_where_the_lines_are_missing_and_is_in_their_format() {
    let gated = Gated::new();
    gated.push("one\n", 300);
    let first = gated.next();
    gated.push(&format!("{}\n", "x".repeat(294)), 300);
    gated.stream.push(b"{}\n", 300, Format::Json);
    // There is room again before the writer has written all.
    gated.stream.push(b"{\"later\":1}\n", 3000, Format::Json);
    gated.answer.send(Ok(first.len())).unwrap();
    let text = gated.pass();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let notice: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!((&notice["fields"]["dropped"], &notice["level"]), (&1.into(), &"warn".into()));
    assert_eq!(lines[2], "{\"later\":1}");
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_told_of_when_one_can() {
    let gated = Gated::new();
    gated.push("one\n", 1000);
    assert_eq!(gated.fail(io::ErrorKind::StorageFull), "one\n");
    assert_eq!(gated.flushed(), 0, "it is done with, though lost");
    gated.push("two\n", 1000);
    assert_eq!(gated.pass(), "two\n");
    assert!(gated.pass().contains(" 1 lines were dropped"));
    assert_eq!(gated.stream.lost(), 1);
}

#[test]
fn a_line_that_was_begun_is_ended_before_the_next() {
    let gated = Gated::new();
    gated.push("begun\n", 1000);
    assert_eq!(gated.next(), "begun\n");
    gated.answer.send(Ok(2)).unwrap();
    assert_eq!(gated.fail(io::ErrorKind::StorageFull), "gun\n");
    gated.push("next\n", 1000);
    assert_eq!((gated.pass(), gated.pass()), ("\n".to_owned(), "next\n".to_owned()));
}

#[test]
fn an_output_that_does_not_block_is_tried_again() {
    let gated = Gated::new();
    gated.push("one\n", 1000);
    assert_eq!(gated.fail(io::ErrorKind::WouldBlock), "one\n");
    assert_eq!(gated.fail(io::ErrorKind::Interrupted), "one\n");
    assert_eq!(gated.pass(), "one\n");
    assert_eq!((gated.flushed(), gated.stream.lost()), (0, 0));
}

#[test]
fn chunks_are_whole_lines() {
    assert_eq!(chunk(b"a\nb\n"), 4);
    let long = [vec![b'x'; 5000], b"\nb\n".to_vec()].concat();
    assert_eq!(chunk(&long), 5001);
    let two = [vec![b'x'; 3000], b"\n".to_vec(), vec![b'y'; 3000], b"\n".to_vec()].concat();
    assert_eq!(chunk(&two), 3001);
    assert_eq!(chunk(b"no end"), 6);
}

#[test]
fn a_line_longer_than_the_buffer_is_taken_when_nothing_waits() {
    let gated = Gated::new();
    gated.push("a long line\n", 4);
    assert_eq!(gated.next(), "a long line\n");
    gated.push("b\n", 4);
    assert_eq!(gated.stream.lost(), 1);
}

#[test]
fn what_was_taken_before_the_end_is_written_and_nothing_after_it() {
    let gated = Gated::new();
    gated.push("one\n", 1000);
    let first = gated.next();
    gated.push("two\n", 1000);
    gated.stream.end();
    gated.push("late\n", 1000);
    gated.answer.send(Ok(first.len())).unwrap();
    assert_eq!(gated.pass(), "two\n");
    assert!(gated.pass().contains(" 1 lines were dropped"));
    assert_eq!(gated.flushed(), 0);
    // The thread has let go of what it writes to.
    assert!(gated.tried.recv_timeout(LONG).is_err());
}
