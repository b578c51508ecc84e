//! Foreign verifiers beside ours, over a generated matrix of chains and bundles.
