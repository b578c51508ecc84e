//! The three webhooks, on one HTTPS server: `/default`, `/validate` and `/convert`; and `/readyz`, for the kubelet.

use std::error::Error;

use axum::{
    Json, Router,
    routing::{get, post},
};
use kube::{
    ResourceExt,
    core::{
        DynamicObject, Status,
        admission::{AdmissionRequest, AdmissionResponse, AdmissionReview},
        conversion::{ConversionRequest, ConversionResponse, ConversionReview},
    },
};
use serde::Deserialize;
use serde_json::json;

use crate::{api::v1::EtcdSpec, convert::convert_all, defaults::fill_in, validate::violations};

/// Makes the server's router. The server starts when API servers can call it, so any answer of `/readyz` means ready.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/default", post(default))
        .route("/validate", post(validate))
        .route("/convert", post(convert))
        .route("/readyz", get(async || "ok"))
}

type Review = AdmissionReview<DynamicObject>;

async fn default(review: Json<Review>) -> Json<Review> {
    admission(review, |Asked { new, .. }, response| {
        let mut filled = new.clone();
        fill_in(&mut filled);
        match patch(new, &filled) {
            Ok(patch) => response
                .with_patch(patch)
                .unwrap_or_else(AdmissionResponse::invalid),
            Err(error) => response.deny(error),
        }
    })
}

/// Patches the spec alone: everything else of the object stays as it is.
fn patch(before: &EtcdSpec, after: &EtcdSpec) -> Result<json_patch::Patch, serde_json::Error> {
    let whole = |spec| serde_json::to_value(spec).map(|spec| json!({ "spec": spec }));
    Ok(json_patch::diff(&whole(before)?, &whole(after)?))
}

async fn validate(review: Json<Review>) -> Json<Review> {
    admission(review, |Asked { name, old, new }, response| {
        let wrong = violations(name, old, new);
        if wrong.is_empty() {
            response
        } else {
            response.deny(wrong.join("; "))
        }
    })
}

/// A request to store `new` under this name, in place of `old` if there is one.
struct Asked<'a> {
    name: &'a str,
    old: Option<&'a EtcdSpec>,
    new: &'a EtcdSpec,
}

/// Reads the request here and not by the framework, so that an unreadable object is refused in a sentence, like any
/// other.
fn admission(
    Json(review): Json<Review>,
    decide: impl FnOnce(Asked<'_>, AdmissionResponse) -> AdmissionResponse,
) -> Json<Review> {
    let request: AdmissionRequest<DynamicObject> = match review.try_into() {
        Ok(request) => request,
        Err(error) => return Json(AdmissionResponse::invalid(error).into_review()),
    };
    let response = AdmissionResponse::from(&request);
    let name = request.object.as_ref().map(ResourceExt::name_any);
    // An old object that was stored before this check, and cannot be read, does not matter: the new one replaces it.
    let old = spec(request.old_object.as_ref()).unwrap_or_default();
    let response = match spec(request.object.as_ref()) {
        Ok(Some(new)) => {
            let (name, old, new) = (&name.unwrap_or_default(), old.as_ref(), &new);
            decide(Asked { name, old, new }, response)
        }
        Ok(None) => response,
        Err(error) => response.deny(format!("spec: {error}")),
    };
    Json(response.into_review())
}

fn spec(object: Option<&DynamicObject>) -> Result<Option<EtcdSpec>, serde_json::Error> {
    let spec = object.and_then(|object| object.data.get("spec"));
    spec.map(EtcdSpec::deserialize).transpose()
}

async fn convert(Json(review): Json<ConversionReview>) -> Json<ConversionReview> {
    let response = match ConversionRequest::from_review(review) {
        Ok(request) => {
            let converted = convert_all(&request);
            let response = ConversionResponse::for_request(request);
            match converted {
                Ok(objects) => response.success(objects),
                Err(error) => response.failure(failure(&error)),
            }
        }
        Err(error) => ConversionResponse::invalid(failure(&error)),
    };
    Json(response.into_review())
}

fn failure(error: &dyn Error) -> Status {
    let cause = error.source().map(|cause| format!(": {cause}"));
    Status::failure(&format!("{error}{}", cause.unwrap_or_default()), "Invalid")
}
