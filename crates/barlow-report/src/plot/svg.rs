//! The few shapes that plots are made of.

use std::fmt::Write as _;

/// Which end of a text its place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    pub(super) colour: &'static str,
    pub(super) width_px: f64,
    /// Lengths of dashes and gaps as SVG has them; empty for none.
    pub(super) dashes: &'static str,
}

impl Stroke {
    pub(super) const fn plain(colour: &'static str, width_px: f64) -> Self {
        Self { colour, width_px, dashes: "" }
    }
}

/// A picture being drawn; places are pixels from the upper left corner.
#[derive(Debug)]
pub(super) struct Svg {
    size: [f64; 2],
    body: String,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let mut svg = Self { size: [width, height], body: String::new() };
        svg.rectangle([0.0, 0.0], [width, height], "#ffffff", 1.0);
        svg
    }

    fn element(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.body.write_fmt(arguments).expect("a string takes every text");
        self.body.push('\n');
    }

    pub(super) fn rectangle(&mut self, at: [f64; 2], size: [f64; 2], fill: &str, opacity: f64) {
        let ([x, y], [width, height]) = (at, size);
        self.element(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}" fill-opacity="{opacity}"/>"#
        ));
    }

    /// A line through several places.
    pub(super) fn line(&mut self, places: &[[f64; 2]], stroke: Stroke) {
        let points: Vec<String> = places.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let dashes = if stroke.dashes.is_empty() {
            String::new()
        } else {
            format!(r#" stroke-dasharray="{}""#, stroke.dashes)
        };
        self.element(format_args!(
            r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="{}"{dashes}/>"#,
            points.join(" "),
            stroke.colour,
            stroke.width_px
        ));
    }

    pub(super) fn circle(&mut self, [x, y]: [f64; 2], radius: f64, fill: &str, stroke: &str) {
        self.element(format_args!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{fill}" stroke="{stroke}"/>"#
        ));
    }

    /// A square on its corner.
    pub(super) fn diamond(&mut self, [x, y]: [f64; 2], radius: f64, fill: &str) {
        let (left, right, top, bottom) = (x - radius, x + radius, y - radius, y + radius);
        self.element(format_args!(
            r#"<path d="M{left:.1} {y:.1}L{x:.1} {top:.1}L{right:.1} {y:.1}L{x:.1} {bottom:.1}Z" fill="{fill}"/>"#
        ));
    }

    pub(super) fn cross(&mut self, [x, y]: [f64; 2], radius: f64, stroke: Stroke) {
        self.line(&[[x - radius, y - radius], [x + radius, y + radius]], stroke);
        self.line(&[[x - radius, y + radius], [x + radius, y - radius]], stroke);
    }

    /// A line of text on a base line.
    pub(super) fn text(
        &mut self,
        [x, y]: [f64; 2],
        size_px: f64,
        anchor: Anchor,
        colour: &str,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.element(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size_px}" text-anchor="{anchor}" fill="{colour}">{text}</text>"#
        ));
    }

    pub(super) fn finish(self) -> String {
        let [width, height] = self.size;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, sans-serif\">\n{}</svg>\n",
            self.body
        )
    }
}

/// A text as XML allows it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() || ['\u{fffe}', '\u{ffff}'].contains(&c) => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// How wide a text is at most: widths by kind of letter of the widest font that may
/// stand in for Helvetica.
pub(super) fn width_px(text: &str, size_px: f64) -> f64 {
    let of = |character: char| match character {
        'i' | 'j' | 'l' | 'f' | 't' | 'r' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '('
        | ')' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '%' => 0.98,
        'A'..='Z' => 0.75,
        c if c.is_ascii() => 0.63,
        _ => 0.9,
    };
    size_px * text.chars().map(of).sum::<f64>()
}

/// The text, or as much of its beginning as fits, and dots.
pub(super) fn shortened(text: &str, size_px: f64, most_px: f64) -> String {
    if width_px(text, size_px) <= most_px {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if width_px(&short, size_px) + 2.0 * size_px > most_px {
            break;
        }
    }
    short.trim_end().to_owned() + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_element() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text([0.0, 0.0], 12.0, Anchor::Start, "#000", "</text><script>&\u{1}");
        let text = svg.finish();
        assert!(text.contains("&lt;/text&gt;&lt;script&gt;&amp; </text>"), "{text}");
    }

    #[test]
    fn long_texts_are_cut_to_their_place() {
        let text = "a label that is much too long for its row";
        let short = shortened(text, 12.0, 100.0);
        assert!(short.ends_with("...") && width_px(&short, 12.0) <= 105.0, "{short}");
        assert_eq!(shortened("short", 12.0, 100.0), "short");
    }
}
