//! The terminal: a screen of its own while it lasts, and the one from before after it.

use std::io::{self, Stdout, Write};
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};

use super::table::{Order, Table};

/// The screen; left when it is dropped.
pub(super) struct Screen {
    out: Stdout,
    order: Order,
    /// How many rows are above the first that is shown.
    above: usize,
}

/// What a key asks for.
enum KeyAction {
    End,
    /// Draw again, from what is known.
    Draw,
    /// Ask the service again.
    Again,
    Nothing,
}

impl Screen {
    pub fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        let mut screen = Self { out: io::stdout(), order: Order::default(), above: 0 };
        execute!(screen.out, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    pub fn order(&self) -> Order {
        self.order
    }

    /// Shows a table for so long; returns whether to go on.
    pub fn show(&mut self, table: &Table, time: Duration) -> io::Result<bool> {
        let until = Instant::now() + time;
        self.draw(table)?;
        while poll(until.saturating_duration_since(Instant::now()))? {
            match self.key_action(&read()?, table) {
                KeyAction::End => return Ok(false),
                KeyAction::Draw => self.draw(table)?,
                KeyAction::Again => return Ok(true),
                KeyAction::Nothing => {}
            }
        }
        Ok(true)
    }

    fn key_action(&mut self, event: &Event, table: &Table) -> KeyAction {
        let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else {
            return if matches!(event, Event::Resize(..)) { KeyAction::Draw } else { KeyAction::Nothing };
        };
        if *kind == KeyEventKind::Release {
            return KeyAction::Nothing;
        }
        let page = self.page(table);
        self.above = match code {
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => return KeyAction::End,
            KeyCode::Char('q') | KeyCode::Esc => return KeyAction::End,
            KeyCode::Char('s') => {
                self.order = if self.order == Order::Manifest { Order::Busiest } else { Order::Manifest };
                return KeyAction::Again;
            }
            KeyCode::Up => self.above.saturating_sub(1),
            KeyCode::Down => self.above.saturating_add(1),
            KeyCode::PageUp => self.above.saturating_sub(page),
            KeyCode::PageDown => self.above.saturating_add(page),
            KeyCode::Home => 0,
            KeyCode::End => table.rows.len(),
            _ => return KeyAction::Nothing,
        };
        KeyAction::Draw
    }

    /// How many rows there is room for.
    fn page(&self, table: &Table) -> usize {
        let (_, lines) = size().unwrap_or((80, 24));
        usize::from(lines).saturating_sub(table.head.len() + 2).max(1)
    }

    fn draw(&mut self, table: &Table) -> io::Result<()> {
        let (columns, _) = size().unwrap_or((80, 24));
        let cut = |line: &str| line.chars().take(usize::from(columns)).collect::<String>();
        self.above = self.above.min(table.rows.len().saturating_sub(self.page(table)));
        let (above, page) = (self.above, self.page(table));
        queue!(self.out, MoveTo(0, 0), Clear(ClearType::All))?;
        for line in table.head.iter().map(String::as_str).chain([""]) {
            queue!(self.out, Print(cut(line)), Print("\r\n"))?;
        }
        queue!(
            self.out,
            SetAttribute(Attribute::Reverse),
            Print(cut(table.headings)),
            SetAttribute(Attribute::Reset)
        )?;
        for line in table.rows.iter().skip(above).take(page.saturating_sub(1)) {
            queue!(self.out, Print("\r\n"), Print(cut(line)))?;
        }
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = execute!(self.out, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}
