//! Reads times in certificates as Go does.

use time::{Date, Month};

use crate::{
    asn1::{Malformed, Reader, tag},
    time::UnixTime,
};

/// Reads the next value, a `UTCTime` or a `GeneralizedTime`.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<UnixTime, Malformed> {
    let moment = if reader.is_next(tag::UTC_TIME) {
        let text = reader.read(tag::UTC_TIME)?.rest();
        // Go accepts a time without seconds, too.
        utc(text, true).or_else(|| utc(text, false))
    } else {
        general(reader.read(tag::GENERALIZED_TIME)?.rest())
    };
    moment.ok_or(Malformed)
}

/// Reads a `UTCTime`, of the years 1950 to 2049 (RFC 5280 §4.1.2.5.1).
fn utc(text: &[u8], has_seconds: bool) -> Option<UnixTime> {
    let mut text = Text(text);
    let year = i32::from(text.two_digits()?);
    text.moment(if year < 50 { 2000 } else { 1900 } + year, has_seconds)
}

fn general(text: &[u8]) -> Option<UnixTime> {
    let mut text = Text(text);
    let century = i32::from(text.two_digits()?);
    let year = century * 100 + i32::from(text.two_digits()?);
    text.moment(year, true)
}

struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn two_digits(&mut self) -> Option<u8> {
        let ([high, low], rest) = self.0.split_first_chunk()?;
        if !high.is_ascii_digit() || !low.is_ascii_digit() {
            return None;
        }
        self.0 = rest;
        Some((high - b'0') * 10 + (low - b'0'))
    }

    /// Reads everything after the year.
    fn moment(&mut self, year: i32, has_seconds: bool) -> Option<UnixTime> {
        let month = Month::try_from(self.two_digits()?).ok()?;
        let date = Date::from_calendar_date(year, month, self.two_digits()?).ok()?;
        let (hour, minute) = (self.two_digits()?, self.two_digits()?);
        let second = if has_seconds { self.two_digits()? } else { 0 };
        let time = time::Time::from_hms(hour, minute, second).ok()?;
        let east = self.zone()?;
        let local = date.with_time(time).assume_utc().unix_timestamp();
        Some(UnixTime::from_secs(local - east))
    }

    /// Reads the zone as seconds east of Greenwich: `Z`, or an offset that is not zero.
    fn zone(&mut self) -> Option<i64> {
        let (sign, rest) = self.0.split_first()?;
        self.0 = rest;
        let east = match sign {
            b'Z' => 0,
            b'+' | b'-' => {
                let (hours, minutes) = (self.two_digits()?, self.two_digits()?);
                let east = (i64::from(hours) * 60 + i64::from(minutes)) * 60;
                if hours > 24 || minutes > 59 || east == 0 {
                    return None;
                }
                if *sign == b'-' { -east } else { east }
            }
            _ => return None,
        };
        self.0.is_empty().then_some(east)
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn seconds(tag: u8, text: &str) -> Option<i64> {
        let mut der: Vec<u8> = vec![tag, u8::try_from(text.len()).unwrap()];
        der.extend(text.bytes());
        read(&mut Reader::new(&der)).ok().map(UnixTime::as_secs)
    }

    #[test]
    fn both_kinds_are_read_with_zone_and_century() {
        assert_eq!(seconds(0x17, "700101000000Z"), Some(0));
        assert_eq!(seconds(0x17, "7001010000Z"), Some(0));
        assert_eq!(seconds(0x17, "700101010000+0100"), Some(0));
        assert_eq!(seconds(0x17, "691231230000-0100"), Some(0));
        assert_eq!(seconds(0x17, "700101015900+0159"), Some(0));
        assert_eq!(seconds(0x17, "700102000000+2400"), Some(0));
        assert_eq!(seconds(0x17, "500101000000Z"), Some(-631_152_000));
        assert_eq!(seconds(0x17, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(seconds(0x18, "19700101000000Z"), Some(0));
        assert_eq!(seconds(0x18, "99991231235959Z"), Some(253_402_300_799));
    }

    #[test]
    fn what_go_would_not_write_is_not_read() {
        for text in [
            "",
            "700101000000",
            "7001010000Z0",
            "700101000060Z",
            "700132000000Z",
            "700229000000Z",
            "700101240000Z",
            "700101000000+0000",
            "700101000000+2500",
            "700101000000+0160",
            "700101000000.5Z",
            " 00101000000Z",
        ] {
            assert_eq!(seconds(0x17, text), None, "{text}");
        }
        assert_eq!(seconds(0x18, "197001010000Z"), None);
        assert_eq!(seconds(0x04, "700101000000Z"), None);
    }
}
