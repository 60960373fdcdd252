//! The comments of a header.

/// The paragraphs and commands of a comment, each on one line.
pub fn paragraphs(comment: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in comment.lines() {
        let line = line.trim().trim_start_matches('*').trim();
        if line.is_empty() || line.starts_with('@') {
            parts.push(String::new());
        }
        let part = parts.last_mut().unwrap();
        *part += if part.is_empty() { "" } else { " " };
        *part += line;
    }
    parts.retain(|part| !part.is_empty());
    parts
}
