//! Natural order: `image 9` before `image 10`, folders before what their names begin.

use std::cmp::Ordering;

/// Compares paths by the names along them, each in natural order.
pub(super) fn compare_paths<'a>(
    mut a: impl Iterator<Item = &'a [u8]>,
    mut b: impl Iterator<Item = &'a [u8]>,
) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let order = compare(a, b);
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

/// Compares names: runs of digits by their value, everything else by its bytes. Names that differ
/// only in leading zeros go by their bytes, so equal means identical.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let order = match (rest_a, rest_b) {
            ([], []) => return a.cmp(b),
            ([first_a, ..], [first_b, ..])
                if first_a.is_ascii_digit() && first_b.is_ascii_digit() =>
            {
                let (number_a, number_b) = (digits(&mut rest_a), digits(&mut rest_b));
                number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b))
            }
            ([first_a, tail_a @ ..], [first_b, tail_b @ ..]) => {
                (rest_a, rest_b) = (tail_a, tail_b);
                first_a.cmp(first_b)
            }
            _ => rest_a.len().cmp(&rest_b.len()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the leading run of digits off `rest` and gives it without leading zeros.
fn digits<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (number, tail) = rest.split_at(end);
    *rest = tail;
    let zeros = number.iter().position(|&digit| digit != b'0').unwrap_or(number.len());
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_value() {
        let sorted = ["", "a", "a1", "a02", "a2", "a10", "a10b", "a18446744073709551616", "b", "é"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a:?} and {b:?}");
            }
        }
    }
}
