//! The list of rooms in `docs/architecture.md`: a table whose rows are a room, its folders or files, and the rooms that it may use.

use std::collections::BTreeMap;

pub struct Map {
    /// The beginning of a path, and the room that it leads to; the longest one decides.
    paths: Vec<(String, String)>,
    allowed: BTreeMap<String, Vec<String>>,
}

impl Map {
    /// Reads the tables that begin with `| Room | Files | May use |`.
    pub fn read(page: &str) -> Result<Self, String> {
        let mut map = Map { paths: Vec::new(), allowed: BTreeMap::new() };
        let mut inside = false;
        for line in page.lines() {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            match cells[..] {
                ["Room", "Files", "May use"] => inside = true,
                [room, files, uses] if inside && !room.starts_with("--") => map.add(room, files, uses),
                [_, _, _] => {}
                _ => inside = false,
            }
        }
        let rooms = map.allowed.keys().cloned().collect::<Vec<_>>();
        let unknown = map.allowed.values().flatten().find(|used| !rooms.contains(used));
        unknown.map_or(Ok(()), |room| Err(format!("{room} is named in `May use` and has no row")))?;
        Ok(map)
    }

    fn add(&mut self, room: &str, files: &str, uses: &str) {
        let words = |cell: &str| -> Vec<String> {
            cell.split(',')
                .map(|word| word.trim().trim_matches('`').to_owned())
                .filter(|word| !word.is_empty())
                .collect()
        };
        self.paths.extend(words(files).into_iter().map(|path| (path, room.to_owned())));
        self.allowed.insert(room.to_owned(), words(uses));
    }

    /// The room of a file.
    pub fn room(&self, file: &str) -> Option<&str> {
        let within =
            |path: &str| file == path || file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        let found = self.paths.iter().filter(|(path, _)| within(path)).max_by_key(|(path, _)| path.len());
        found.map(|(_, room)| room.as_str())
    }

    pub fn allows(&self, from: &str, to: &str) -> bool {
        self.allowed.get(from).is_some_and(|uses| uses.iter().any(|used| used == to))
    }

    pub fn arrows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.allowed.iter().flat_map(|(from, uses)| uses.iter().map(move |to| (from.as_str(), to.as_str())))
    }
}
