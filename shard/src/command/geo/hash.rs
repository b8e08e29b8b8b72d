//! Geohashes: the globe is halved again and again, by longitude and latitude in turn, and a place is the
//! sequence of halves that it is in.
//!
//! ```text
//!   26 steps:  lon lat lon lat ... lon lat       52 bits, which a double holds exactly
//!   a cell of n steps: the places whose first 2n bits are the cell's
//! ```
//! Longitudes go from -180 to 180, latitudes only to 85.05112878 north and south: where the Mercator
//! projection is a square (EPSG:3857). The text that GEOHASH answers is the common one, whose
//! latitudes go to 90, so a place is encoded again for it.

/// Halvings of each coordinate in a score.
pub(super) const STEPS: u32 = 26;
/// Degrees.
pub(super) const LONGITUDE_MAX: f64 = 180.0;
/// Degrees.
pub(super) const LATITUDE_MAX: f64 = 85.051_128_78;

/// Degrees.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

/// A cell of the grid of `steps` halvings: its column and row, counted from the south-west.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cell {
    pub column: u32,
    pub row: u32,
    pub steps: u32,
}

/// The borders of a cell, degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Area {
    pub west: f64,
    pub east: f64,
    pub south: f64,
    pub north: f64,
}

/// The bits of `n` with a zero before each.
fn spread(n: u32) -> u64 {
    const MASKS: [(u32, u64); 5] = [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ];
    MASKS.iter().fold(u64::from(n), |n, (shift, mask)| (n | n << shift) & mask)
}

/// Every other bit of `n`, from the lowest on.
fn gather(n: u64) -> u32 {
    const MASKS: [(u32, u64); 6] = [
        (0, 0x5555_5555_5555_5555),
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ];
    MASKS.iter().fold(n, |n, (shift, mask)| (n | n >> shift) & mask) as u32
}

/// In which of 2^`steps` equal parts of -`max` to `max` a coordinate is.
fn part(degrees: f64, max: f64, steps: u32) -> u32 {
    let share = (degrees + max) / (max + max);
    (share * (1u64 << steps) as f64) as u32
}

impl Cell {
    /// The cell that a place is in.
    pub fn of(point: Point, steps: u32) -> Self {
        Self {
            column: part(point.longitude, LONGITUDE_MAX, steps),
            row: part(point.latitude, LATITUDE_MAX, steps),
            steps,
        }
    }

    fn bits(self) -> u64 {
        spread(self.row) | spread(self.column) << 1
    }

    /// The least score of a place in this cell, and the least behind it.
    pub fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS - self.steps);
        ((self.bits() << shift) as f64, ((self.bits() + 1) << shift) as f64)
    }

    pub fn area(self) -> Area {
        let parts = (1u64 << self.steps) as f64;
        let border = |n: u32, max: f64| -max + f64::from(n) / parts * (max + max);
        Area {
            west: border(self.column, LONGITUDE_MAX),
            east: border(self.column.wrapping_add(1), LONGITUDE_MAX),
            south: border(self.row, LATITUDE_MAX),
            north: border(self.row.wrapping_add(1), LATITUDE_MAX),
        }
    }

    /// The cell so many columns east and rows north, each -1, 0 or 1, around the globe.
    pub fn neighbour(self, east: i32, north: i32) -> Self {
        let mask = (1u64 << self.steps) as u32 - 1;
        let moved = |n: u32, by: i32| if by == 0 { n } else { n.wrapping_add_signed(by) & mask };
        Self { column: moved(self.column, east), row: moved(self.row, north), steps: self.steps }
    }
}

/// The score of a place.
pub(super) fn score(point: Point) -> f64 {
    Cell::of(point, STEPS).bits() as f64
}

/// The place that a score stands for: the middle of its cell.
pub(super) fn place(score: f64) -> Point {
    let bits = score as u64;
    let cell = Cell { column: gather(bits >> 1), row: gather(bits), steps: STEPS };
    let Area { west, east, south, north } = cell.area();
    Point {
        longitude: ((west + east) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
        latitude: ((south + north) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
    }
}

/// The common geohash of a place, 11 characters; 52 bits fill ten of them, so the last is always 0.
pub(super) fn text(point: Point) -> [u8; 11] {
    const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let (column, row) = (part(point.longitude, 180.0, STEPS), part(point.latitude, 90.0, STEPS));
    let bits = spread(row) | spread(column) << 1;
    let mut text = [ALPHABET[0]; 11];
    for (at, character) in text.iter_mut().take(10).enumerate() {
        *character = ALPHABET[(bits >> (47 - 5 * at)) as usize & 31];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PALERMO: Point = Point { longitude: 13.361_389, latitude: 38.115_556 };

    #[test]
    fn palermo_has_the_score_that_redis_gives_it() {
        assert_eq!(score(PALERMO), 3_479_099_956_230_698.0);
        assert_eq!(&text(place(score(PALERMO))), b"sqc8b49rny0");
    }

    #[test]
    fn the_grid_is_round() {
        let cell = Cell { column: 0, row: 3, steps: 2 };
        assert_eq!(cell.neighbour(-1, 1), Cell { column: 3, row: 0, steps: 2 });
        assert_eq!(cell.neighbour(1, 0), Cell { column: 1, row: 3, steps: 2 });
        assert_eq!(cell.neighbour(0, -1), Cell { column: 0, row: 2, steps: 2 });
    }

    proptest! {
        #[test]
        fn bits_are_interleaved_and_back(n: u32, m: u32) {
            let both = spread(n) | spread(m) << 1;
            prop_assert_eq!((gather(both), gather(both >> 1)), (n, m));
        }

        #[test]
        fn a_place_is_within_its_cell(longitude in -180.0..180.0, latitude in -85.0..85.0, steps in 1u32..26) {
            let point = Point { longitude, latitude };
            let (score, cell) = (score(point), Cell::of(point, steps));
            let (min, max) = cell.scores();
            prop_assert!(min <= score && score < max);
            let area = cell.area();
            prop_assert!(area.west <= longitude && longitude <= area.east);
            prop_assert!(area.south <= latitude && latitude <= area.north);
            let back = place(score);
            prop_assert!((back.longitude - longitude).abs() < 1e-5 && (back.latitude - latitude).abs() < 1e-5);
            prop_assert_eq!(super::score(back), score);
        }
    }
}
