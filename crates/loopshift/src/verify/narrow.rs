//! Delta debugging: the smallest part of many things that is enough to make something fail.

/// The smallest part of `items` that still fails, where all of them together do: without any one of it, it would not. Or
/// the smallest part so far, with the error that stopped the search. Things that fail only together are found together.
///
/// # Errors
/// Those of `fails`.
pub fn smallest<E>(
    items: Vec<usize>,
    fails: &mut impl FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Vec<usize>, (Vec<usize>, E)> {
    let mut items = items;
    let mut parts = 2;
    while items.len() > 1 {
        parts = parts.min(items.len());
        match smaller(&items, parts, fails) {
            Ok(Some((part, next))) => (items, parts) = (part, next),
            Ok(None) if parts == items.len() => break,
            Ok(None) => parts *= 2,
            Err(error) => return Err((items, error)),
        }
    }
    Ok(items)
}

/// One of `parts` parts that fails, or what is left without one; and into how many parts to cut that.
fn smaller<E>(
    items: &[usize],
    parts: usize,
    fails: &mut impl FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Option<(Vec<usize>, usize)>, E> {
    let bounds: Vec<usize> = (0..=parts).map(|it| it * items.len() / parts).collect();
    for bound in bounds.windows(2) {
        let part = items[bound[0]..bound[1]].to_vec();
        if fails(&part)? {
            return Ok(Some((part, 2)));
        }
    }
    if parts == 2 {
        // Each half is what the other leaves.
        return Ok(None);
    }
    for bound in bounds.windows(2) {
        let rest = [&items[..bound[0]], &items[bound[1]..]].concat();
        if fails(&rest)? {
            return Ok(Some((rest, (parts - 1).max(2))));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn search(count: usize, wanted: &[usize]) -> (Vec<usize>, usize) {
        let mut runs = 0;
        let found = smallest::<()>((0..count).collect(), &mut |part| {
            runs += 1;
            Ok(wanted.iter().all(|it| part.contains(it)))
        });
        (found.expect("nothing stops it"), runs)
    }

    #[test]
    fn one_of_many_is_found_in_few_runs() {
        let (found, runs) = search(64, &[41]);
        assert_eq!(found, [41]);
        assert!(runs <= 12, "{runs}");
        assert_eq!(search(1, &[0]), (vec![0], 0));
    }

    #[test]
    fn what_stops_it_leaves_the_smallest_so_far() {
        let mut runs = 0;
        let stopped = smallest((0..8).collect(), &mut |part| {
            runs += 1;
            if runs > 2 {
                return Err("enough");
            }
            Ok(part.contains(&1))
        });
        assert_eq!(stopped, Err((vec![0, 1], "enough")));
    }

    proptest! {
        #[test]
        fn what_fails_together_is_found_together(
            count in 1usize..40,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        ) {
            let mut wanted: Vec<usize> = picks.iter().map(|it| it.index(count)).collect();
            wanted.sort_unstable();
            wanted.dedup();
            prop_assert_eq!(search(count, &wanted).0, wanted);
        }

        #[test]
        fn one_of_several_is_enough(
            count in 1usize..40,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        ) {
            let wanted: Vec<usize> = picks.iter().map(|it| it.index(count)).collect();
            let found = smallest::<()>((0..count).collect(), &mut |part| {
                Ok(part.iter().any(|it| wanted.contains(it)))
            }).expect("nothing stops it");
            prop_assert_eq!(found.len(), 1);
            prop_assert!(wanted.contains(&found[0]));
        }
    }
}
