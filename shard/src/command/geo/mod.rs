//! Places on the globe. A place is a member of a sorted set whose score is its geohash of 52 bits, so that
//! places that are near each other are, mostly, near each other in the order of scores.
//!
//! | file     | what                                                                           |
//! |----------|--------------------------------------------------------------------------------|
//! | `hash`   | coordinates to 52 bits and back, cells and their neighbours                    |
//! | `shape`  | distances, the circle and the box, the cells that cover them                   |
//! | `text`   | coordinates and distances as Redis prints them                                 |
//! | `places` | GEOADD GEOPOS GEODIST GEOHASH                                                  |
//! | `query`  | the options of all searches                                                    |
//! | `search` | GEOSEARCH GEOSEARCHSTORE, GEORADIUS GEORADIUSBYMEMBER and their _RO forms      |

mod hash;
pub(super) mod places;
mod query;
pub(super) mod search;
mod shape;
#[cfg(test)]
mod tests;
mod text;

use super::Refused;
use super::zset::float;
use hash::{LATITUDE_MAX, LONGITUDE_MAX, Point};

const NO_UNIT: &str = "ERR unsupported unit provided. please use M, KM, FT, MI";

/// Metres of a unit of length.
fn metres(unit: &[u8]) -> Result<f64, Refused> {
    const UNITS: [(&[u8], f64); 4] = [(b"m", 1.0), (b"km", 1000.0), (b"ft", 0.3048), (b"mi", 1609.34)];
    let named = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name));
    Ok(named.map(|(_, metres)| *metres).ok_or(NO_UNIT)?)
}

/// Coordinates as a client writes them.
fn point(longitude: &[u8], latitude: &[u8]) -> Result<Point, Refused> {
    let point = Point { longitude: float(longitude)?, latitude: float(latitude)? };
    if point.longitude.abs() > LONGITUDE_MAX || point.latitude.abs() > LATITUDE_MAX {
        let Point { longitude, latitude } = point;
        return Err(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}").into());
    }
    Ok(point)
}
