//! What a misspelt name was probably meant to be.

use strsim::normalized_damerau_levenshtein as similarity;

/// Below this likeness (1 is equal) a suggestion is more puzzling than helpful.
const THRESHOLD: f64 = 0.6;
/// A name without its section, or in another one, is worth slightly less than the full name.
const IN_ANOTHER_SECTION: f64 = 0.95;
/// The likeness of a word to a name that it is a part of (`batch` to `batch_size`).
const AS_A_PART: f64 = 0.65;

/// The name most like `typed`, if any is like it; the first of equals.
pub(crate) fn nearest<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let mut best = (THRESHOLD, None);
    for name in names {
        let likeness = likeness(&typed, name);
        if likeness > best.0 {
            best = (likeness, Some(name));
        }
    }
    best.1
}

fn likeness(typed: &str, name: &str) -> f64 {
    let (typed_leaf, leaf) = (leaf(typed), leaf(name));
    let is_part = typed_leaf.len() >= 3 && leaf.split('_').any(|word| word == typed_leaf);
    let part = if is_part { AS_A_PART } else { 0.0 };
    similarity(typed, name).max(IN_ANOTHER_SECTION * similarity(typed_leaf, leaf)).max(part)
}

fn leaf(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use barlow_objectives::Registry;

    use super::super::given::Origin;
    use super::super::problem::Problem;
    use super::super::vocabulary::Vocabulary;

    fn found(typed: &str) -> Option<String> {
        let vocabulary = Vocabulary::of(&Registry::default());
        match vocabulary.unknown(typed, String::new(), Origin::Set) {
            Problem::UnknownKey { nearest, .. } => nearest,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn slips_and_missing_sections_find_their_key() {
        for (typed, key) in [
            ("objective.lambd", "objective.lambda"),
            ("lambda", "objective.lambda"),
            ("train.epochs", "schedule.epochs"),
            ("optimiser.momentum", "optimizer.momentum"),
            ("train.batch", "train.batch_size"),
            ("views.b.solarise_probability", "views.b.solarize_probability"),
            ("Train.Seed", "train.seed"),
        ] {
            assert_eq!(found(typed).as_deref(), Some(key), "{typed}");
        }
    }

    #[test]
    fn what_is_like_nothing_finds_nothing() {
        assert_eq!(found("colour.of.the.moon"), None);
    }
}
