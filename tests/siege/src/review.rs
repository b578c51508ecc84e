//! Admission reviews as bytes.

use serde_json::json;

/// A review whose answer is as long as its name.
pub(crate) fn named(uid: &str) -> Vec<u8> {
    with(uid, "")
}

/// A review of so many bytes, and a little more.
pub(crate) fn large(size: usize) -> Vec<u8> {
    with("large", &"a".repeat(size))
}

fn with(uid: &str, content: &str) -> Vec<u8> {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "large", "namespace": "called" },
        "data": { "content": content },
    });
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": { "group": "", "version": "v1", "kind": "ConfigMap" },
            "resource": { "group": "", "version": "v1", "resource": "configmaps" },
            "operation": "CREATE",
            "userInfo": { "username": "admin" },
            "object": object,
        },
    });
    review.to_string().into_bytes()
}

/// A whole request of HTTP/1 with this body.
pub(crate) fn http1(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /admit HTTP/1.1\r\nhost: guard\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
