//! The three webhooks, on one HTTPS server: `/default`, `/validate` and `/convert`. And `/readyz`, for the kubelet.

use std::error::Error;

use axum::{
    Json, Router,
    routing::{get, post},
};
use kube::core::{
    DynamicObject, Status,
    admission::{AdmissionRequest, AdmissionResponse, AdmissionReview},
    conversion::{ConversionRequest, ConversionResponse, ConversionReview},
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
    admission(review, |_, new, response| {
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
    admission(review, |old, new, response| {
        let wrong = violations(old, new);
        if wrong.is_empty() {
            response
        } else {
            response.deny(wrong.join("; "))
        }
    })
}

/// What is asked for, read here and not by the framework: what cannot be read is refused in a sentence, like anything else.
fn admission(
    Json(review): Json<Review>,
    decide: impl FnOnce(Option<&EtcdSpec>, &EtcdSpec, AdmissionResponse) -> AdmissionResponse,
) -> Json<Review> {
    let request: AdmissionRequest<DynamicObject> = match review.try_into() {
        Ok(request) => request,
        Err(error) => return Json(AdmissionResponse::invalid(error).into_review()),
    };
    let response = AdmissionResponse::from(&request);
    let response = match (
        spec(request.old_object.as_ref()),
        spec(request.object.as_ref()),
    ) {
        (Ok(old), Ok(Some(new))) => decide(old.as_ref(), &new, response),
        // Of one that was stored before there was this check nothing can be said but that it goes.
        (Err(_), Ok(Some(new))) => decide(None, &new, response),
        (_, Ok(None)) => response,
        (_, Err(error)) => response.deny(format!("spec: {error}")),
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
