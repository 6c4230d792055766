//! What stands beside the trained network: predictors, averaged copies, groups of batch norm.

mod average;
mod groups;
mod predictor;
mod tiny;
