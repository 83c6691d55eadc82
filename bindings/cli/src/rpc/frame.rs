//! JSON-RPC 2.0 framing: one object a line, in and out. Pure: bytes to requests, answers to lines.

use crate::out::encode;
use dunnock_core::{Error, ErrorKind};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, BufRead};
use zeroize::Zeroizing;

/// The longest line that is taken, in bytes without its end.
pub(crate) const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// What the next line of the input is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A line, without its end. It may hold a password.
    Line(Zeroizing<Vec<u8>>),
    /// A line over the limit; it was passed over.
    TooLong,
    /// There are no more.
    End,
}

/// A request that is well formed.
#[derive(Debug)]
pub(crate) struct Request {
    /// None: a notification, which gets no answer.
    pub(crate) id: Option<Value>,
    /// The method's name.
    pub(crate) method: String,
    /// An object; empty where the request had none.
    pub(crate) params: Value,
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Fault {
    code: i32,
    message: String,
    error: Error,
}

/// A line that is no request, and the id to answer under.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// The request's id where it could be read, else null.
    pub(crate) id: Value,
    /// Why.
    pub(crate) fault: Fault,
}

impl Fault {
    /// -32700: the line is not JSON.
    fn parse(subject: &str) -> Self {
        Fault::protocol(-32700, "the line is not JSON", subject)
    }

    /// -32600: JSON, but not a request.
    fn request(subject: &str) -> Self {
        Fault::protocol(-32600, "this is not a JSON-RPC 2.0 request", subject)
    }

    /// -32601: the contract knows no such method.
    pub(crate) fn method(name: &str) -> Self {
        Fault::protocol(-32601, "there is no such method", name)
    }

    /// -32602: the parameters are not those of the method.
    pub(crate) fn params(subject: impl Into<String>) -> Self {
        Fault::protocol(-32602, "the parameters are not those of the method", subject)
    }

    fn protocol(code: i32, message: &str, subject: impl Into<String>) -> Self {
        Fault { code, message: message.to_owned(), error: Error::about(ErrorKind::InvalidInput, subject) }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let code = match error.kind {
            ErrorKind::InvalidInput | ErrorKind::InvalidJid => -32602,
            ErrorKind::Internal | ErrorKind::Crashed => -32603,
            _ => -32000,
        };
        Fault { code, message: error.kind.cause().to_owned(), error }
    }
}

impl From<ErrorKind> for Fault {
    fn from(kind: ErrorKind) -> Self {
        Error::from(kind).into()
    }
}

/// Reads a line of at most `limit` bytes. What is longer is read to its end and forgotten.
pub(crate) fn next_line(reader: &mut impl BufRead, limit: usize) -> io::Result<Incoming> {
    let mut line = Zeroizing::new(Vec::new());
    let mut too_long = false;
    let mut any = false;
    loop {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            break;
        }
        any = true;
        let end = available.iter().position(|&byte| byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        if too_long || line.len() + part.len() > limit {
            too_long = true;
            line.clear();
        } else {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(match (any, too_long) {
        (false, _) => Incoming::End,
        (true, true) => Incoming::TooLong,
        (true, false) => Incoming::Line(line),
    })
}

/// The answer to a line over the limit.
pub(crate) fn too_long() -> Rejected {
    let subject = format!("a line may have at most {LONGEST_LINE} bytes");
    Rejected { id: Value::Null, fault: Fault::request(&subject) }
}

/// Reads a request. Blank lines are none and no error.
pub(crate) fn parse(line: &[u8]) -> Result<Option<Request>, Rejected> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let rejected = |id: Value, fault| Err(Rejected { id, fault });
    let mut object = match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => object,
        Ok(Value::Array(_)) => {
            return rejected(Value::Null, Fault::request("batches are not taken; send one request a line"));
        }
        Ok(_) => return rejected(Value::Null, Fault::request("a request is an object")),
        // The parser's own words may quote the line; where it stopped is enough.
        Err(error) => return rejected(Value::Null, Fault::parse(&format!("column {}", error.column()))),
    };
    let id = object.remove("id");
    if !matches!(id, None | Some(Value::Null | Value::String(_) | Value::Number(_))) {
        return rejected(Value::Null, Fault::request("id is a string or a number"));
    }
    // To a line that is no request at all there is an answer even without an id, as the specification's examples have it.
    let known = id.clone().unwrap_or(Value::Null);
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return rejected(known, Fault::request("jsonrpc must be \"2.0\""));
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return rejected(known, Fault::request("method must be a string"));
    };
    match object.remove("params") {
        None => Ok(Some(Request { id, method, params: json!({}) })),
        Some(params @ Value::Object(_)) => Ok(Some(Request { id, method, params })),
        Some(_) => rejected(known, Fault::params("params is an object, with each parameter by its name")),
    }
}

/// The line that answers a request.
pub(crate) fn answer(id: &Value, result: Result<Value, Fault>) -> String {
    let line = match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(Fault { code, message, error }) => json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": {
                "code": code,
                "message": message,
                "data": { "kind": error.kind.code(), "subject": error.subject, "remedy": error.kind.remedy() },
            },
        }),
    };
    encode(&line)
}

/// The line that tells of an event.
pub(crate) fn event(event: &impl Serialize) -> String {
    encode(&json!({ "jsonrpc": "2.0", "method": "event", "params": event }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> (Value, i32) {
        let rejected = parse(line.as_bytes()).unwrap_err();
        (rejected.id, rejected.fault.code)
    }

    #[test]
    fn a_request_needs_version_and_method() {
        let request = parse(br#"{"jsonrpc":"2.0","id":7,"method":"rpc.version"}"#).unwrap().unwrap();
        assert_eq!((request.id, request.method.as_str(), request.params), (Some(json!(7)), "rpc.version", json!({})));
        assert_eq!(code(r#"{"id":7,"method":"x"}"#), (json!(7), -32600));
        assert_eq!(code(r#"{"jsonrpc":"1.0","id":"a","method":"x"}"#), (json!("a"), -32600));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":7}"#), (json!(7), -32600));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":7,"method":1}"#), (json!(7), -32600));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":[1],"method":"x"}"#), (Value::Null, -32600));
    }

    #[test]
    fn what_is_not_json_is_a_parse_error_that_quotes_nothing() {
        for line in ["{", "hello", "{\"a\":}", "\u{0}", "{\"jsonrpc\":\"2.0\"} x"] {
            assert_eq!(code(line), (Value::Null, -32700), "{line:?}");
        }
        assert_eq!(parse(b"\xff\xfe").unwrap_err().fault.code, -32700);
        let deep = "[".repeat(100_000);
        assert_eq!(code(&deep), (Value::Null, -32700));
        let secret = parse(b"{\"password\":\"hunter2\" oops").unwrap_err();
        assert!(!answer(&secret.id, Err(secret.fault)).contains("hunter2"));
    }

    #[test]
    fn batches_and_positions_are_refused_clearly() {
        assert_eq!(code("[]"), (Value::Null, -32600));
        assert_eq!(code(r#"[{"jsonrpc":"2.0","id":1,"method":"rpc.version"}]"#), (Value::Null, -32600));
        assert_eq!(code("7"), (Value::Null, -32600));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#), (json!(1), -32602));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":null}"#), (json!(1), -32602));
    }

    #[test]
    fn blank_lines_are_passed_over_and_notifications_have_no_id() {
        assert!(parse(b" \t\r").unwrap().is_none());
        assert!(parse(br#"{"jsonrpc":"2.0","method":"x"}"#).unwrap().unwrap().id.is_none());
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over_to_its_end() {
        let mut input = io::BufReader::with_capacity(3, &b"12345678\n123456789\n\nlast"[..]);
        let mut next = || next_line(&mut input, 8).unwrap();
        let line = |text: &str| Incoming::Line(Zeroizing::new(text.as_bytes().to_vec()));
        assert_eq!(next(), line("12345678"));
        assert_eq!(next(), Incoming::TooLong);
        assert_eq!(next(), line(""));
        assert_eq!(next(), line("last"));
        assert_eq!(next(), Incoming::End);
    }

    #[test]
    fn errors_carry_kind_subject_and_remedy() {
        let fault = Fault::from(Error::about(ErrorKind::NoAccount, "j@a"));
        let value: Value = serde_json::from_str(&answer(&json!(1), Err(fault))).unwrap();
        assert_eq!(value["error"]["code"], -32000);
        assert_eq!(value["error"]["data"]["kind"], "no_account");
        assert_eq!(value["error"]["data"]["subject"], "j@a");
        assert_eq!(value["error"]["data"]["remedy"], ErrorKind::NoAccount.remedy());
    }
}
