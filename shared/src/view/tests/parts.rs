use super::*;

fn parts(head: &str, body: &[u8]) -> (Vec<Part>, u64, String) {
    let view = look(&[head], body);
    match view.content {
        Content::Multipart { parts, total, error } => (parts, total, error.unwrap_or_default()),
        other => panic!("{other:?}"),
    }
}

const HEAD: &str = "Content-Type: multipart/form-data; boundary=\"x y\"";

#[test]
fn have_names_files_and_content() {
    let body = b"preamble\r\n--x y\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nhello\r\n\
        --x y  \r\nContent-Disposition: form-data; name=f; filename=\"C:\\dir\\q\\\"\\\\.png\"\r\n\
        Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\xff\r\n--x y\r\n\
        Content-Disposition: form-data; filename=a; filename*=utf-8'en'%e2%82%ac\r\n\
        Content-Type: application/json\r\n\r\n{\"n\":1.0}\r\n--x y\r\n\r\nbare\r\n\
        --x y--\r\nepilogue";
    let (parts, total, error) = parts(HEAD, body);
    assert_eq!((total, error.as_str()), (4, ""));
    let octets = |text: &str| Some(Octets::Text(text.into()));
    assert_eq!((&parts[0].name, parts[0].size, parts[0].sniffed), (&octets("a"), 5, true));
    assert_eq!(parts[1].filename, octets(r#"C:\dir\q"\.png"#));
    assert_eq!((&parts[1].content_type, parts[1].size), (&octets("image/png"), 9));
    let Content::Binary { looks_like, .. } = &parts[1].content else { panic!() };
    assert_eq!(looks_like.as_deref(), Some("image/png"));
    assert_eq!((&parts[2].name, &parts[2].filename), (&None, &octets("€")));
    assert!(matches!(&parts[2].content, Content::Json { text, .. } if text.contains("1.0")));
    assert!(parts[3].headers.is_empty());
    assert!(matches!(&parts[3].content, Content::Text { text, .. } if text == "bare"));
}

#[test]
fn end_at_their_boundary_and_nowhere_else() {
    let head = "Content-Type: multipart/mixed; boundary=b";
    let content = |body: &[u8]| {
        let (parts, _, error) = parts(head, body);
        let text = |part: &Part| match &part.content {
            Content::Empty => String::new(),
            Content::Text { text, .. } => text.clone(),
            other => panic!("{other:?}"),
        };
        (parts.iter().map(text).collect::<Vec<_>>(), error)
    };
    let clean = |want: &[&str]| (want.iter().map(|&t| t.to_owned()).collect(), String::new());
    assert_eq!(
        content(b"--b\r\n\r\nx--b\r\n --b\r\n--bc\r\n--b- \r\n--b--"),
        clean(&["x--b\r\n --b\r\n--bc\r\n--b- "])
    );
    assert_eq!(content(b"--b\n\nlf\n--b--\n"), clean(&["lf"]));
    assert_eq!(content(b"--b\r\n--b\r\n\r\n\r\n--b--"), clean(&["", ""]));
    assert_eq!(content(b"--b--"), clean(&[]));
    assert_eq!(content(b"--b\r\n\r\na\r\n--b--\r\n--b\r\n\r\nhidden\r\n--b--"), clean(&["a"]));
    let (cut, error) = content(b"--b\r\n\r\na\r\n--b\r\n\r\nrest");
    assert_eq!(cut, ["a", "rest"]);
    assert!(error.contains("cut off"), "{error}");
    assert!(content(b"nothing").1.contains("not in the body"));
    for head in ["multipart/form-data", "multipart/mixed; boundary=", "multipart/x; boundary=\"\""]
    {
        let (found, _, error) = parts(&format!("Content-Type: {head}"), b"--\r\n\r\na\r\n----");
        assert!(found.is_empty() && error.contains("no boundary"), "{head}: {error}");
    }
}

#[test]
fn are_counted_beyond_the_limit() {
    let body = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n".repeat(10_000);
    let (parts, total, _) = parts("Content-Type: multipart/form-data; boundary=b", &body);
    assert_eq!((parts.len(), total), (1_000, 10_000));
    assert!(parts.iter().all(|part| part.size == 1));
}

#[test]
fn within_parts_are_text() {
    let inner = "--i\r\n\r\nx\r\n--i--";
    let body = format!("--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n{inner}\r\n--b--");
    let (parts, ..) = parts("Content-Type: multipart/mixed; boundary=b", body.as_bytes());
    assert!(matches!(&parts[0].content, Content::Text { text, .. } if text == inner));
}
