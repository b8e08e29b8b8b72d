//! What a search looks into: a circle or a box, how far places are from its centre, and which cells of the
//! grid cover it.
//!
//! The cover is the cell of the centre and its eight neighbours, of a size that the shape's extent asks
//! for: the nine cells are nine ranges of scores. Cells that the shape's bounding box does not reach are left
//! out. Distances are great-circle ones on a sphere (haversine), whose radius is the quadratic mean of
//! the WGS 84 ellipsoid's. Every step follows Redis's in its order of operations: replies show the last digits.

use super::hash::{Area, Cell, Point, STEPS};

const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
/// Half the extent of the Mercator projection.
const MERCATOR_MAX_M: f64 = 20_037_726.37;
const RADIANS: f64 = std::f64::consts::PI / 180.0;

/// What is within.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Extent {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// A circle or box around a place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Shape {
    pub centre: Point,
    /// In the unit of the client.
    pub extent: Extent,
    /// Metres of that unit.
    pub unit: f64,
}

/// Metres between two places.
pub(super) fn distance(a: Point, b: Point) -> f64 {
    let across = ((b.longitude * RADIANS - a.longitude * RADIANS) / 2.0).sin();
    if across == 0.0 {
        return latitude_distance(a.latitude, b.latitude);
    }
    let (from, to) = (a.latitude * RADIANS, b.latitude * RADIANS);
    let along = ((to - from) / 2.0).sin();
    let h = along * along + from.cos() * to.cos() * across * across;
    2.0 * EARTH_RADIUS_M * h.sqrt().asin()
}

/// Metres between two parallels.
fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS_M * (b * RADIANS - a * RADIANS).abs()
}

impl Shape {
    /// Metres from the centre to a place that is within.
    pub fn distance_within(&self, place: Point) -> Option<f64> {
        match self.extent {
            Extent::Circle { radius } => {
                let metres = distance(self.centre, place);
                (metres <= radius * self.unit).then_some(metres)
            }
            Extent::Box { width, height } => {
                let (width, height) = (width * self.unit, height * self.unit);
                if latitude_distance(place.latitude, self.centre.latitude) > height / 2.0 {
                    return None;
                }
                // How far east or west is measured along the place's own parallel.
                let beside = Point { longitude: self.centre.longitude, latitude: place.latitude };
                if distance(place, beside) > width / 2.0 {
                    return None;
                }
                Some(distance(self.centre, place))
            }
        }
    }

    /// What the shape fits into, degrees. A parallel is shorter the nearer it is to a pole, so that the widest
    /// side is the one away from the equator.
    fn bounds(&self) -> Area {
        let (width, height) = match self.extent {
            Extent::Circle { radius } => (self.unit * radius, self.unit * radius),
            Extent::Box { width, height } => (self.unit * (width / 2.0), self.unit * (height / 2.0)),
        };
        let Point { longitude, latitude } = self.centre;
        let up = height / EARTH_RADIUS_M / RADIANS;
        let side = if latitude < 0.0 { latitude - up } else { latitude + up };
        let aside = width / EARTH_RADIUS_M / (side * RADIANS).cos() / RADIANS;
        Area { west: longitude - aside, east: longitude + aside, south: latitude - up, north: latitude + up }
    }

    /// Metres from the centre to the farthest point.
    fn reach(&self) -> f64 {
        let reach = match self.extent {
            Extent::Circle { radius } => radius,
            Extent::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        reach * self.unit
    }

    /// The cells to be searched, the centre's first. Those that are the same around the globe come once.
    pub fn cover(&self) -> Vec<Cell> {
        let bounds = self.bounds();
        let mut steps = steps_for(self.reach(), self.centre.latitude);
        if steps > 1 && !reaches(Cell::of(self.centre, steps), bounds) {
            steps -= 1;
        }
        let cell = Cell::of(self.centre, steps);
        let area = cell.area();
        let is_needed = |east: i32, north: i32| {
            steps < 2
                || !(north < 0 && area.south < bounds.south
                    || north > 0 && area.north > bounds.north
                    || east < 0 && area.west < bounds.west
                    || east > 0 && area.east > bounds.east)
        };
        const AROUND: [(i32, i32); 8] =
            [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let mut cells = vec![cell];
        for (east, north) in AROUND.into_iter().filter(|&(east, north)| is_needed(east, north)) {
            let next = cell.neighbour(east, north);
            if cells.len() == 1 || cells.last() != Some(&next) {
                cells.push(next);
            }
        }
        cells
    }
}

/// Whether the neighbours of a cell go as far as `bounds` on all sides.
fn reaches(cell: Cell, bounds: Area) -> bool {
    cell.neighbour(0, 1).area().north >= bounds.north
        && cell.neighbour(0, -1).area().south <= bounds.south
        && cell.neighbour(1, 0).area().east >= bounds.east
        && cell.neighbour(-1, 0).area().west <= bounds.west
}

/// How fine a grid is for nine cells of it to cover so many metres around a place.
fn steps_for(mut metres: f64, latitude: f64) -> u32 {
    if metres == 0.0 {
        return STEPS;
    }
    let mut steps = 1i32;
    while metres < MERCATOR_MAX_M {
        metres *= 2.0;
        steps += 1;
    }
    steps -= 2; // so that the range is covered wherever in its cell the centre is
    // Cells are narrow near the poles.
    steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    steps.clamp(1, STEPS as i32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn palermo_to_catania() {
        let palermo = Point { longitude: 13.361_389_338_970_184, latitude: 38.115_556_395_496_3 };
        let catania = Point { longitude: 15.087_267_458_438_873, latitude: 37.502_668_423_331_62 };
        assert!((distance(palermo, catania) - 166_274.151_562).abs() < 1e-4);
        let north = Point { latitude: 39.0, ..palermo };
        assert_eq!(distance(palermo, north), latitude_distance(palermo.latitude, 39.0));
    }

    proptest! {
        /// Away from the edges of the map, whatever is within the shape is in a cell of its cover.
        #[test]
        fn the_cover_covers(
            longitude in -90.0..90.0, latitude in -60.0..60.0, radius in 1.0..1_000_000.0,
            east in -1.0..1.0, north in -1.0..1.0, boxed: bool,
        ) {
            let centre = Point { longitude, latitude };
            let extent = if boxed {
                Extent::Box { width: radius, height: radius / 2.0 }
            } else {
                Extent::Circle { radius }
            };
            let shape = Shape { centre, extent, unit: 1.0 };
            let bounds = shape.bounds();
            let place = Point {
                longitude: longitude + east * (bounds.east - longitude),
                latitude: latitude + north * (bounds.north - latitude),
            };
            let score = super::super::hash::score(place);
            let covered = shape.cover().iter().any(|cell| {
                let (min, max) = cell.scores();
                min <= score && score < max
            });
            prop_assert!(covered || shape.distance_within(place).is_none());
        }
    }
}
