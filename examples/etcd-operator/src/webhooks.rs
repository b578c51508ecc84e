//! The three webhooks, on one HTTPS server: `/default`, `/validate` and `/convert`. And `/readyz`, for the kubelet.

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

/// What the server answers. It is served when callers can call, so whoever is answered knows that it is ready.
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

/// Of the spec alone: whatever else the object holds stays as it is.
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

/// That `new` be stored under this name, in the place of `old` if there is one.
struct Asked<'a> {
    name: &'a str,
    old: Option<&'a EtcdSpec>,
    new: &'a EtcdSpec,
}

/// What is asked for, read here and not by the framework: what cannot be read is refused in a sentence, like anything else.
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
    // Of one that was stored before there was this check, and cannot be read, nothing can be said but that it goes.
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
