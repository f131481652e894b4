//! Colours that readers with any colour vision can tell apart.

/// Missing values.
pub const MISSING: &str = "#c4c4c4";

/// Categories. The first six are those of Okabe and Ito (2008) that show on white; each further
/// one is the colour farthest from all before it (OKLab distance, the least over normal,
/// protanopic and deuteranopic vision after Machado et al. 2009) among those of middling
/// lightness and chroma.
const CATEGORIES: [&str; 40] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#882255", "#332288",
    "#6ee6a0", "#785000", "#8278e6", "#96b482", "#bec8f0", "#785a82", "#d2d232", "#643caa",
    "#b44650", "#005078", "#e6a0b4", "#508282", "#821e0a", "#007850", "#8c8246", "#0ac8c8",
    "#8c96c8", "#b4963c", "#78c85a", "#5a64d2", "#a05a14", "#5a82be", "#6496fa", "#3c5032",
    "#82328c", "#8cdcc8", "#14a0aa", "#9650a0", "#c8be82", "#c8786e", "#dc96fa", "#966ea0",
];

/// Viridis (van der Walt and Smith), evenly spaced.
const VIRIDIS: [[u8; 3]; 10] = [
    [0x44, 0x01, 0x54],
    [0x48, 0x28, 0x78],
    [0x3e, 0x49, 0x89],
    [0x31, 0x68, 0x8e],
    [0x26, 0x82, 0x8e],
    [0x1f, 0x9e, 0x89],
    [0x35, 0xb7, 0x79],
    [0x6e, 0xce, 0x58],
    [0xb5, 0xde, 0x2b],
    [0xfd, 0xe7, 0x25],
];

/// One hue, from nearly white to deep.
const BLUES: [[u8; 3]; 5] = [
    [0xee, 0xf2, 0xf7],
    [0xb5, 0xcd, 0xe4],
    [0x6b, 0xa3, 0xce],
    [0x22, 0x6f, 0xae],
    [0x08, 0x30, 0x6b],
];

/// The colour of a category, as `#rrggbb`. After 40 categories the colours repeat.
///
/// ```
/// use cellweave::plot::palette;
/// assert_eq!(palette::category(0), "#0072b2");
/// assert_eq!(palette::category(40), palette::category(0));
/// ```
pub fn category(index: usize) -> &'static str {
    CATEGORIES[index % CATEGORIES.len()]
}

/// The viridis colour of a share in 0..=1 (clamped), as `#rrggbb`.
pub fn viridis(share: f64) -> String {
    interpolate(&VIRIDIS, share)
}

/// The colour of a share in 0..=1 (clamped) on a scale of one hue, as `#rrggbb`.
pub fn blues(share: f64) -> String {
    interpolate(&BLUES, share)
}

fn interpolate(anchors: &[[u8; 3]], share: f64) -> String {
    let steps = anchors.len() - 1;
    let share = if share.is_nan() {
        0.0
    } else {
        share.clamp(0.0, 1.0)
    };
    let position = share * steps as f64;
    let lower = (position as usize).min(steps - 1);
    let t = position - lower as f64;
    let mix = |k: usize| {
        let (a, b) = (
            f64::from(anchors[lower][k]),
            f64::from(anchors[lower + 1][k]),
        );
        (a + t * (b - a)).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rgb = [f64; 3];

    fn linear(hex: &str) -> Rgb {
        [1, 3, 5].map(|i| {
            let c = f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap()) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    fn times(m: &[Rgb; 3], v: Rgb) -> Rgb {
        m.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
    }

    /// OKLab (Ottosson 2020) of linear RGB.
    fn oklab(rgb: Rgb) -> Rgb {
        let lms = times(
            &[
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ],
            rgb.map(|v| v.clamp(0.0, 1.0)),
        );
        times(
            &[
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ],
            lms.map(f64::cbrt),
        )
    }

    /// Smallest distance between the first `n` colours as seen through `vision`.
    fn closest(n: usize, vision: &[Rgb; 3]) -> f64 {
        let labs: Vec<Rgb> = (0..n)
            .map(|i| oklab(times(vision, linear(category(i)))))
            .collect();
        let mut least = f64::INFINITY;
        for i in 0..n {
            for j in 0..i {
                let d: f64 = labs[i]
                    .iter()
                    .zip(labs[j])
                    .map(|(a, b)| (a - b).powi(2))
                    .sum();
                least = least.min(d.sqrt());
            }
        }
        least
    }

    #[test]
    fn categories_differ_for_every_vision() {
        let normal = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let protan = [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ];
        let deutan = [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ];
        // 0.02 is about the least difference that one can see.
        for (vision, ten, forty) in [
            (normal, 0.12, 0.07),
            (protan, 0.07, 0.04),
            (deutan, 0.07, 0.04),
        ] {
            assert!(closest(10, &vision) > ten, "{}", closest(10, &vision));
            assert!(closest(40, &vision) > forty, "{}", closest(40, &vision));
        }
    }

    #[test]
    fn scales_end_at_their_anchors() {
        assert_eq!(viridis(0.0), "#440154");
        assert_eq!(viridis(2.0), "#fde725");
        assert_eq!(viridis(f64::NAN), "#440154");
        assert_eq!(blues(1.0), "#08306b");
    }
}
