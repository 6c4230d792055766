//! What must hold of Barlow Twins, without reference numbers.

mod embeddings;
mod forms;
mod invariances;
mod naive;
mod seam;
