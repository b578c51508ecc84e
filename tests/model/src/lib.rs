//! A model checker over the real decision and step.
