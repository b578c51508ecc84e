//! Refused calls over time, a lane above the other, as SVG.

use std::fmt::Write;

/// What one lane shows.
pub(crate) struct Drawn<'a> {
    pub(crate) name: &'a str,
    /// Calls in a second: the height of a lane.
    pub(crate) per_second: u32,
    pub(crate) refused: &'a [u64],
    /// In which seconds.
    pub(crate) rotations: &'a [usize],
}

const LEFT: usize = 60;
const WIDTH: usize = 780;
const HEIGHT: usize = 100;
const GAP: usize = 50;

/// An image of all lanes on one axis of time.
pub(crate) fn svg(lanes: &[Drawn<'_>]) -> String {
    let seconds = lanes
        .iter()
        .map(|lane| lane.refused.len())
        .max()
        .unwrap_or_default()
        .max(1);
    let below = lanes.len() * (HEIGHT + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        LEFT + WIDTH + 20,
        below + 50,
    );
    let mut line = |text: String| {
        svg.push_str(&text);
        svg.push('\n');
    };
    for (index, lane) in lanes.iter().enumerate() {
        let bottom = (index + 1) * (HEIGHT + GAP);
        let sum: u64 = lane.refused.iter().sum();
        line(format!(
            "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}: {sum} calls refused</text>",
            bottom - HEIGHT - 12,
            lane.name
        ));
        for (height, label) in [(0, 0), (HEIGHT, lane.per_second)] {
            line(format!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}/s</text>",
                LEFT - 8,
                bottom - height + 4
            ));
        }
        for rotation in lane.rotations {
            let x = LEFT + rotation * WIDTH / seconds;
            line(format!(
                "<path d=\"M{x} {}V{bottom}\" stroke=\"#888\" stroke-dasharray=\"3 3\"><title>another CA signs</title></path>",
                bottom - HEIGHT
            ));
        }
        if sum > 0 {
            let bars = bars(lane, seconds, bottom);
            line(format!("<path d=\"{bars}\" fill=\"#c0392b\"/>"));
        }
        line(format!(
            "<path d=\"M{LEFT} {bottom}h{WIDTH}\" stroke=\"#000\"/>"
        ));
    }
    for minute in (0..=seconds).step_by(60) {
        line(format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{} min</text>",
            LEFT + minute * WIDTH / seconds,
            below + 18,
            minute / 60
        ));
    }
    line(format!(
        "<text x=\"{LEFT}\" y=\"{}\">calls refused in each second; dashed: another CA begins to sign</text>",
        below + 36
    ));
    svg.push_str("</svg>\n");
    svg
}

/// A bar for each second in which calls were refused, full height if all were.
fn bars(lane: &Drawn<'_>, seconds: usize, bottom: usize) -> String {
    let mut path = String::new();
    for (second, refused) in lane
        .refused
        .iter()
        .enumerate()
        .filter(|(_, refused)| **refused > 0)
    {
        let left = LEFT + second * WIDTH / seconds;
        let width = (LEFT + (second + 1) * WIDTH / seconds - left).max(1);
        let share =
            refused * u64::try_from(HEIGHT).unwrap_or(u64::MAX) / u64::from(lane.per_second);
        let height = share.clamp(1, 100);
        // Writing into a string does not fail.
        let _written = write!(path, "M{left} {bottom}v-{height}h{width}v{height}z");
    }
    path
}
