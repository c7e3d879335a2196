//! One record of CSV (RFC 4180) that stands in one line.

/// The cells, without their quotes.
pub(super) fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(cell) = cells.last_mut() else { break };
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_lose_their_quotes() {
        for (line, want) in [
            ("a,b", vec!["a", "b"]),
            ("\"a,b\",c", vec!["a,b", "c"]),
            ("\"say \"\"hi\"\"\",", vec!["say \"hi\"", ""]),
            ("", vec![""]),
            ("a\"b,c", vec!["a\"b", "c"]),
            ("\"open", vec!["open"]),
        ] {
            assert_eq!(super::cells(line), want, "{line}");
        }
    }
}
