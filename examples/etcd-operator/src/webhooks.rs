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

use serde_json::json;

use crate::{
    api::v1::{Etcd, EtcdSpec},
    convert::convert_all,
    defaults::fill_in,
    validate::violations,
};

/// What the server answers. It is served when callers can call, so whoever is answered knows that it is ready.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/default", post(default))
        .route("/validate", post(validate))
        .route("/convert", post(convert))
        .route("/readyz", get(async || "ok"))
}

async fn default(review: Json<AdmissionReview<Etcd>>) -> Json<AdmissionReview<DynamicObject>> {
    admission(review, |request, response| {
        let Some(etcd) = &request.object else {
            return response;
        };
        let mut filled = etcd.spec.clone();
        fill_in(&mut filled);
        match patch(&etcd.spec, &filled) {
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

async fn validate(review: Json<AdmissionReview<Etcd>>) -> Json<AdmissionReview<DynamicObject>> {
    admission(review, |request, response| {
        let Some(etcd) = &request.object else {
            return response;
        };
        let old = request.old_object.as_ref().map(|old| &old.spec);
        let wrong = violations(old, &etcd.spec);
        if wrong.is_empty() {
            response
        } else {
            response.deny(wrong.join("; "))
        }
    })
}

fn admission(
    Json(review): Json<AdmissionReview<Etcd>>,
    decide: impl FnOnce(&AdmissionRequest<Etcd>, AdmissionResponse) -> AdmissionResponse,
) -> Json<AdmissionReview<DynamicObject>> {
    let response = match TryInto::<AdmissionRequest<Etcd>>::try_into(review) {
        Ok(request) => decide(&request, AdmissionResponse::from(&request)),
        Err(error) => AdmissionResponse::invalid(error),
    };
    Json(response.into_review())
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
