//! What the program says at its start.

use std::fmt::Write as _;

use dsync_hub::Hub;

use super::KEY_VARIABLE;

pub(crate) fn text<'a>(
    hub: &Hub,
    generated: bool,
    entities: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut text = format!(
        "The hub runs; Ctrl-C stops it, and the records are gone then.\n\nrealtime URL: {}\n",
        hub.realtime_url()
    );
    if generated {
        // The one place that shows a key: nobody else knows this one.
        write!(
            text,
            "API key: generated; run this where the key is needed:\n\nexport {KEY_VARIABLE}={}\n",
            hub.auth_token().expose()
        )
    } else {
        writeln!(text, "API key: from {KEY_VARIABLE}")
    }
    .expect("a String takes any text");

    text.push_str("\nentities and their tokens:\n");
    let entities: Vec<_> = entities.collect();
    let width = entities.iter().map(|(name, _)| name.chars().count()).max();
    for (name, token) in entities {
        writeln!(text, "  {name:width$}  {token}", width = width.unwrap_or(0))
            .expect("a String takes any text");
    }
    let records = hub.realtime_url().replace("/api/realtime", "/hub/records");
    write!(
        text,
        "\nread the records:\n  curl -H \"Auth-Token: ${KEY_VARIABLE}\" {records}\n\n"
    )
    .expect("a String takes any text");
    text
}
