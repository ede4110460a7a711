//! Factor and offset without rounding noise: 42 × 0.1 is 4.2, not 4.2000000000000002.
//!
//! Profiles write decimal factors, which binary floating point cannot hold. A factor `p / 10^k` and an offset
//! `q / 10^k` are therefore kept as whole numbers, and the value is `(raw × p + q) / 10^k`: for whole raw numbers the
//! products are exact, and the one division rounds once, to the number nearest to the decimal a person would write.

/// Most decimal places looked for in factor and offset. Beyond them the plain product is used.
const PLACES_MAX: i32 = 9;

/// Largest whole numerator kept: leaves 20 bits of raw range exact in any case.
const NUMERATOR_MAX: f64 = 8_589_934_592.0;

/// `(raw × num + add) / den`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linear {
    num: f64,
    add: f64,
    den: f64,
}

impl Linear {
    /// Leaves the value as it is.
    pub(crate) const ONE: Self = Self { num: 1.0, add: 0.0, den: 1.0 };

    /// `raw × scale + offset`.
    pub(crate) fn new(scale: f64, offset: f64) -> Self {
        for places in 0..=PLACES_MAX {
            let den = 10.0_f64.powi(places);
            let (num, add) = ((scale * den).round(), (offset * den).round());
            let fits = num.abs() <= NUMERATOR_MAX && add.abs() <= NUMERATOR_MAX;
            if fits && same(num / den, scale) && same(add / den, offset) {
                return Self { num, add, den };
            }
        }
        Self { num: scale, add: offset, den: 1.0 }
    }

    /// A power of ten, as SunSpec's scale factor registers hold it. `None` outside ±10, the range of that standard.
    pub(crate) fn power_of_ten(exponent: f64) -> Option<Self> {
        if exponent.fract() != 0.0 || exponent.abs() > 10.0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within ±10")]
        let power = 10.0_f64.powi(exponent.abs() as i32);
        Some(if exponent < 0.0 { Self { den: power, ..Self::ONE } } else { Self { num: power, ..Self::ONE } })
    }

    /// The engineering value. A negative zero comes out as zero.
    #[inline]
    pub(crate) fn apply(self, raw: f64) -> f64 {
        let value = raw * self.num + self.add;
        // The division costs most of the line on a small core, and most points need none.
        if self.den > 1.0 { value / self.den } else { value }
    }
}

/// Bitwise the same number; the question is "the very same constant", not "close".
fn same(a: f64, b: f64) -> bool {
    (a + 0.0).to_bits() == (b + 0.0).to_bits()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_come_out_as_written() {
        for (scale, offset, raw, expect) in [
            (0.1, 0.0, 42.0, 4.2),
            (0.1, 0.0, 3.0, 0.3),
            (0.01, -50.0, 7315.0, 23.15),
            (25.4, 0.0, 0.1, 2.54),
            (0.025, 0.0, 3.0, 0.075),
            (0.0001, 0.0, 1.0, 0.0001),
            (-1.0, 0.0, 0.0, 0.0),
            (1.0, -273.15, 300.0, 26.85),
            (1000.0, 0.0, 12.5, 12500.0),
        ] {
            let got = Linear::new(scale, offset).apply(raw);
            assert_eq!(got.to_bits(), f64::to_bits(expect), "{raw} x {scale} + {offset} = {got}");
        }
    }

    #[test]
    fn a_factor_without_short_decimals_is_the_plain_product() {
        let third = 1.0 / 3.0;
        assert_eq!(Linear::new(third, 0.0).apply(2.0).to_bits(), (2.0 * third).to_bits());
    }

    #[test]
    fn powers_of_ten() {
        assert_eq!(Linear::power_of_ten(-2.0).map(|l| l.apply(1234.0)), Some(12.34));
        assert_eq!(Linear::power_of_ten(3.0).map(|l| l.apply(5.0)), Some(5000.0));
        assert_eq!(Linear::power_of_ten(0.5), None);
        assert_eq!(Linear::power_of_ten(-32768.0), None);
    }

    proptest! {
        #[test]
        fn it_is_the_decimal_nearest(raw in any::<i32>(), num in -999_999_i64..1_000_000, places in 0..7_u32) {
            let scale: f64 = format!("{num}e-{places}").parse().unwrap();
            let exact = format!("{}e-{places}", i64::from(raw) * num);
            prop_assert_eq!(Linear::new(scale, 0.0).apply(f64::from(raw)).to_bits(), exact.parse::<f64>().unwrap().to_bits());
        }
    }
}
