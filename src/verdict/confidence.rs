//! From the raw score of the weighing to a confidence that means what it says.

/// Raw score -> share of right verdicts, counted on replies that are no rule's example (see `docs/calibration.md`).
/// Between two rows the line is straight. Both columns rise, so the order of verdicts stays.
const TABLE: &[(f64, f64)] = &[
    (0.00, 0.00),
    (0.20, 0.15),
    (0.45, 0.50),
    (0.55, 0.65),
    (0.65, 0.72),
    (0.70, 0.80),
    (0.75, 0.90),
    (0.85, 0.96),
    (1.00, 0.99),
];

/// The confidence of a verdict whose weighing ended with this score, both 0..1.
pub(crate) fn of_score(score: f64) -> f64 {
    let score = score.clamp(0.0, 1.0);
    let row = TABLE
        .partition_point(|(raw, _)| *raw <= score)
        .clamp(1, TABLE.len() - 1);
    let ((x0, y0), (x1, y1)) = (TABLE[row - 1], TABLE[row]);
    y0 + (y1 - y0) * (score - x0) / (x1 - x0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_rises_and_meets_its_table() {
        assert!(TABLE.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
        for (raw, share) in TABLE {
            assert!((of_score(*raw) - share).abs() < 1e-9, "{raw}");
        }
        assert!((of_score(0.8) - 0.93).abs() < 1e-9);
        assert_eq!(of_score(7.0), 0.99);
        assert_eq!(of_score(-1.0), 0.0);
    }
}
