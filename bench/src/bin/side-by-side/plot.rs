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
    let seconds = lanes.iter().map(|lane| lane.refused.len()).max();
    let seconds = seconds.unwrap_or_default().max(1);
    let below = lanes.len() * (HEIGHT + GAP);
    let mut lines = vec![
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">",
            LEFT + WIDTH + 20,
            below + 50
        ),
        "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>".to_owned(),
    ];
    for (index, lane) in lanes.iter().enumerate() {
        lines.extend(drawn(lane, seconds, (index + 1) * (HEIGHT + GAP)));
    }
    lines.extend((0..=seconds).step_by(60).map(|second| {
        format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{} min</text>",
            LEFT + second * WIDTH / seconds,
            below + 18,
            second / 60
        )
    }));
    lines.push(format!(
        "<text x=\"{LEFT}\" y=\"{}\">calls refused in each second; dashed: another CA begins to sign</text>",
        below + 36
    ));
    lines.push("</svg>\n".to_owned());
    lines.join("\n")
}

/// One lane, above `bottom`.
fn drawn(lane: &Drawn<'_>, seconds: usize, bottom: usize) -> Vec<String> {
    let (top, sum) = (bottom - HEIGHT, lane.refused.iter().sum::<u64>());
    let mut lines = vec![format!(
        "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}: {sum} calls refused</text>",
        top - 12,
        lane.name
    )];
    for (y, label) in [(bottom, 0), (top, lane.per_second)] {
        lines.push(format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}/s</text>",
            LEFT - 8,
            y + 4
        ));
    }
    for rotation in lane.rotations {
        let x = LEFT + rotation * WIDTH / seconds;
        lines.push(format!(
            "<path d=\"M{x} {top}V{bottom}\" stroke=\"#888\" stroke-dasharray=\"3 3\"><title>another CA signs</title></path>"
        ));
    }
    if sum > 0 {
        let bars = bars(lane, seconds, bottom);
        lines.push(format!("<path d=\"{bars}\" fill=\"#c0392b\"/>"));
    }
    lines.push(format!(
        "<path d=\"M{LEFT} {bottom}h{WIDTH}\" stroke=\"#000\"/>"
    ));
    lines
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_in_which_all_were_refused_is_as_high_as_the_lane() {
        let lane = |refused| Drawn {
            name: "lane",
            per_second: 50,
            refused,
            rotations: &[1],
        };
        let drawn = svg(&[lane(&[0, 0]), lane(&[0, 50])]);
        assert!(drawn.contains(&format!("v-{HEIGHT}h")), "{drawn}");
        assert!(drawn.contains("lane: 0 calls") && drawn.contains("lane: 50 calls"));
        assert_eq!(drawn.matches("#c0392b").count(), 1, "{drawn}");
        assert_eq!(drawn.matches("stroke-dasharray").count(), 2, "{drawn}");
    }
}
