//! Line charts as SVG text: no script, no file beside it. Colours are classes, so that the page can give them for a
//! light and for a dark background; each point has a `<title>`, which browsers show when it is pointed at.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 48.0;

/// How numbers lie on an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// Each step a factor.
    Log,
    /// Percentiles: each step ten times rarer (50, 90, 99, 99.9 …).
    Percentile,
}

/// A line.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    pub name: String,
    /// Its colour: the class `s<colour>`.
    pub colour: usize,
    pub points: Vec<(f64, f64)>,
}

/// A stretch of the horizontal axis that is marked.
#[derive(Clone, PartialEq, Debug)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    pub label: String,
}

/// A chart.
#[derive(Clone, PartialEq, Debug)]
pub struct Chart {
    pub title: String,
    pub x: (String, Scale),
    pub y: (String, Scale),
    pub series: Vec<Series>,
    pub bands: Vec<Band>,
    /// Numbers that the vertical axis reaches, whatever the series hold: so that charts can be compared.
    pub frame: Vec<f64>,
}

/// One axis: which numbers, and where they lie between 0 and 1.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64>) -> Axis {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.map(|v| position(scale, v)).filter(|v| v.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if scale == Scale::Linear {
            low = low.min(0.0);
            high += (high - low) * 0.05;
        }
        if high - low < 1e-9 {
            high = low + 1.0;
        }
        Axis { scale, low, high }
    }

    fn place(&self, value: f64) -> f64 {
        ((position(self.scale, value) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Numbers for the grid.
    fn ticks(&self) -> Vec<f64> {
        let inside = |v: &f64| {
            let p = position(self.scale, *v);
            p >= self.low - 1e-9 && p <= self.high + 1e-9
        };
        match self.scale {
            Scale::Percentile => {
                [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999].into_iter().filter(inside).collect()
            }
            Scale::Log => {
                let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
                let steps: &[f64] = if last - first > 3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let all = (first..=last).flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)));
                all.filter(inside).collect()
            }
            Scale::Linear => {
                let rough = (self.high - self.low) / 6.0;
                let unit = 10f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * unit).into_iter().find(|s| *s >= rough);
                let step = step.unwrap_or(unit);
                let first = (self.low / step).ceil();
                (0..20).map(|i| (first + f64::from(i)) * step).filter(inside).collect()
            }
        }
    }
}

fn position(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => value.max(1e-9).log10(),
        Scale::Percentile => -(1.0 - (value / 100.0).min(0.999_999)).log10(),
    }
}

/// A number with as many digits as tell something.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_string(),
        1e6.. => trimmed(value / 1e6) + " M",
        1e4.. => trimmed(value / 1e3) + " k",
        _ => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// Text for HTML and SVG.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Chart {
    /// The SVG element.
    #[must_use]
    pub fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|s| &s.points);
        let x = Axis::new(self.x.1, points().map(|p| p.0));
        let y = Axis::new(self.y.1, points().map(|p| p.1).chain(self.frame.iter().copied()));
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\">\n<text class=\"title\" x=\"{LEFT}\" y=\"18\">{0}</text>\n",
            escape(&self.title)
        );
        self.bands(&mut out, &x);
        self.grid(&mut out, &x, &y);
        self.series.iter().for_each(|series| line(&mut out, series, &x, &y));
        out + "</svg>\n"
    }

    // Writing to a string cannot fail, here and below.
    fn bands(&self, out: &mut String, x: &Axis) {
        for (i, band) in self.bands.iter().enumerate() {
            let (from, to) = (across(x.place(band.from)), across(x.place(band.to)));
            let (width, height) = ((to - from).max(1.0), HEIGHT - TOP - BOTTOM);
            let (at, anchor) = if from > WIDTH * 0.75 { (from - 3.0, "end") } else { (to + 3.0, "start") };
            let _ = writeln!(
                out,
                "<g><rect class=\"band\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"/>\
                 <text class=\"mark\" x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{}</text></g>",
                TOP + 12.0 + 12.0 * (i % 4) as f64,
                escape(&band.label)
            );
        }
    }

    /// A few numbers on a logarithmic axis are its ticks themselves.
    fn across_ticks(&self, x: &Axis) -> Vec<f64> {
        let mut own: Vec<_> = self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)).collect();
        own.sort_by(f64::total_cmp);
        own.dedup();
        if x.scale == Scale::Log && own.len() <= 8 { own } else { x.ticks() }
    }

    fn grid(&self, out: &mut String, x: &Axis, y: &Axis) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in y.ticks() {
            let at = up(y.place(tick));
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                short(tick)
            );
        }
        for tick in self.across_ticks(x) {
            let at = across(x.place(tick));
            let anchor = if at > right - 20.0 { "end" } else { "middle" };
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{}</text>",
                bottom + 16.0,
                if x.scale == Scale::Percentile { format!("{tick} %") } else { short(tick) }
            );
        }
        let (middle, half) = (f64::midpoint(LEFT, right), f64::midpoint(TOP, bottom));
        let _ = writeln!(
            out,
            "<text class=\"axis\" x=\"{middle}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>\n\
             <text class=\"axis\" transform=\"translate(14 {half}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 12.0,
            escape(&self.x.0),
            escape(&self.y.0)
        );
    }
}

fn across(part: f64) -> f64 {
    LEFT + part * (WIDTH - LEFT - RIGHT)
}

fn up(part: f64) -> f64 {
    HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
}

fn line(out: &mut String, series: &Series, x: &Axis, y: &Axis) {
    let points: Vec<_> = series.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
    let place = |p: &(f64, f64)| (across(x.place(p.0)), up(y.place(p.1)));
    let path: Vec<_> = points.iter().map(|p| place(p)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(out, "<polyline class=\"line s{}\" points=\"{}\"/>", series.colour, path.join(" "));
    if points.len() > 60 {
        return; // Too many to point at.
    }
    for point in points {
        let (at_x, at_y) = place(point);
        let _ = writeln!(
            out,
            "<circle class=\"dot s{}\" cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"3\"><title>{}: {} at {}</title></circle>",
            series.colour,
            escape(&series.name),
            short(point.1),
            short(point.0)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(scale: Scale, points: Vec<(f64, f64)>) -> String {
        let series = vec![Series { name: "a<b".to_string(), colour: 1, points }];
        let bands = vec![Band { from: 1.0, to: 2.0, label: "BGSAVE".to_string() }];
        Chart {
            title: "t & u".to_string(),
            x: ("x".into(), scale),
            y: ("y".into(), Scale::Linear),
            series,
            bands,
            frame: Vec::new(),
        }
        .svg()
    }

    #[test]
    fn points_lie_within_the_frame_and_text_is_escaped() {
        let svg = chart(Scale::Log, vec![(1.0, 0.0), (16.0, 5.0), (64.0, 10.0)]);
        assert!(svg.contains("t &amp; u") && svg.contains("a&lt;b: 5 at 16") && svg.contains("BGSAVE"));
        let line = svg.split("points=\"").nth(1).and_then(|s| s.split('"').next()).expect("a line");
        let places: Vec<f64> = line.split([' ', ',']).map(|n| n.parse().expect("a number")).collect();
        assert_eq!(places.len(), 6);
        assert!(places.iter().step_by(2).all(|x| (LEFT..=WIDTH - RIGHT).contains(x)));
        assert_eq!((places[0], places[1]), (LEFT, HEIGHT - BOTTOM));
    }

    #[test]
    fn nothing_and_single_points_are_charts_too() {
        for scale in [Scale::Linear, Scale::Log, Scale::Percentile] {
            assert!(chart(scale, vec![]).ends_with("</svg>\n"));
            assert!(!chart(scale, vec![(5.0, f64::NAN), (5.0, 1.0)]).contains("NaN"));
        }
    }

    #[test]
    fn numbers_are_short() {
        let found = [0.1234, 1.5, 12.34, 1234.0, 25_000.0, 2_500_000.0, f64::NAN].map(short);
        assert_eq!(found, ["0.123", "1.5", "12.3", "1234", "25 k", "2.5 M", "–"]);
    }

    #[test]
    fn percentiles_are_spread_by_rarity() {
        let axis = Axis::new(Scale::Percentile, [0.0, 99.99].into_iter());
        assert!((axis.place(99.0) - 0.5).abs() < 1e-9);
        assert_eq!(axis.ticks(), [0.0, 50.0, 90.0, 99.0, 99.9, 99.99]);
    }
}
