//! Requests that mean no good, over a raw socket. The hub answers the next one after each.

use std::io::Write;

use super::socket::{connect, exchange, good, head, hub, one_answer, rest};
use super::{KEY, platform, request};

#[test]
fn deep_nesting_is_no_json_to_the_hub() {
    let platform = platform();
    let depth = 1000;
    let body = format!(
        r#"{{"sku":"S-1","x":{}{}}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    );
    platform.refuse(
        request("POST", "product", "", &body),
        400,
        "recursion limit",
    );
}

#[test]
fn nul_in_a_text_is_kept_where_it_names_nothing() {
    let platform = platform();
    let body = r#"{"sku":"S-1","ean":"a\u0000b"}"#;
    platform.accept("POST", "product", "", body);
    assert!(platform.dump().contains(body));
    let raw = "{\"sku\":\"S-2\",\"ean\":\"a\0b\"}";
    platform.refuse(request("POST", "product", "", raw), 400, "not JSON");
    let latin_1 = http::Request::from_parts(
        request("POST", "product", "", "").into_parts().0,
        bytes::Bytes::from_static(b"{\"sku\":\"\xe9\"}"),
    );
    platform.refuse(latin_1, 400, "not JSON");
}

#[test]
fn two_keys_are_no_key() {
    let platform = platform();
    let twice = request(
        "POST",
        "product",
        &format!("Auth-Token: {KEY}"),
        r#"{"sku":"S-1"}"#,
    );
    platform.refuse(twice, 401, "wrong");
}

#[test]
fn every_key_that_comes_is_hidden() {
    let headers = "Auth-Token: SECRET-1\nAuth-Token: SECRET-2";
    let (mut head, _) = request("POST", "product", headers, "").into_parts();
    platform().admit(&mut head).unwrap_err();
    let shown = format!("{head:?}");
    assert!(!shown.contains("SECRET"), "{shown}");
}

#[tokio::test]
async fn line_breaks_in_an_id_smuggle_nothing() {
    let hub = hub().await;
    let before = hub.dump();
    let body = r#"{"sku":"S-1"}"#;
    let ids = [
        // A second header, of which the first is not the hub's key either.
        ("a\r\nAuth-Token: other", "401"),
        ("a\r\nEntity-Token: token-note", "400"),
        // Folded onto a second line, a lone line break, NUL: no HTTP.
        ("a\r\n b", "400"),
        ("a\rb", "400"),
        ("a\0b", "400"),
    ];
    for (id, status) in ids {
        let head = format!(
            "POST /api/realtime HTTP/1.1\r\nHost: hub\r\nAuth-Token: {KEY}\r\nEntity-Token: token-product\r\n\
             Entity-Id: {id}\r\nConnection: close\r\nContent-Length: 13\r\n\r\n"
        );
        let answer = exchange(&hub, &(head + body));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{id:?}: {answer}"
        );
        assert!(!answer.contains(KEY));
        assert_eq!(hub.dump(), before, "{id:?}");
    }
    good(&hub, "S-1");
}

#[tokio::test]
async fn a_body_of_11_mib_is_refused_and_its_sender_can_read_why() {
    let hub = hub().await;
    let body = vec![b' '; 11 << 20];
    for (key, status) in [(KEY, "413"), ("wrong", "401")] {
        // With its length stated, the whole body already on its way.
        let mut stream = connect(&hub);
        let head = head(
            "POST",
            &format!("Content-Length: {}\nConnection: close", body.len()),
        );
        stream.write_all(head.replace(KEY, key).as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
        let answer = rest(&mut stream);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    // In chunks and without an end, so that only counting while it comes finds it.
    let mut stream = connect(&hub);
    stream
        .write_all(head("POST", "Transfer-Encoding: chunked").as_bytes())
        .unwrap();
    for chunk in body.chunks(1 << 20) {
        stream
            .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
            .unwrap();
        stream.write_all(chunk).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    let answer = one_answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    good(&hub, "S-1");
}

#[tokio::test]
async fn what_is_no_http_ends_its_connection_only() {
    let hub = hub().await;
    for garbage in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        exchange(&hub, garbage);
    }
    let many = (0..2000).fold(String::new(), |all, index| all + &format!("X-{index}: 1\n"));
    let answer = exchange(&hub, &head("POST", &many));
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    good(&hub, "S-1");
}
