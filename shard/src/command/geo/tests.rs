//! Transcripts of redis-server 7.0.15, and searches against measuring every place.

use crate::command::geo::hash::{Point, place, score};
use crate::command::geo::shape::distance;
use crate::random::Random;
use crate::testing::Bed;
use std::collections::BTreeSet;

#[test]
fn places() {
    let mut bed = Bed::new();
    bed.replay(include_str!("../transcripts/geo.txt"));
    let mut bed = Bed::new();
    bed.shard.settings.thresholds.zset_max_listpack_entries = 0;
    bed.replay(include_str!("../transcripts/geo.txt"));
}

/// Away from the poles and the edge of the map, a search finds what is near and nothing else.
#[test]
fn a_search_finds_what_measuring_every_place_finds() {
    let mut bed = Bed::new();
    let mut random = Random::new(5);
    let mut draw = |span: f64| (random.unit() - 0.5) * span;
    let places: Vec<(String, Point)> = (0..2000)
        .map(|i| (format!("p{i}"), Point { longitude: draw(200.0), latitude: draw(120.0) }))
        .collect();
    for (name, Point { longitude, latitude }) in &places {
        bed.run(&["geoadd", "g", &longitude.to_string(), &latitude.to_string(), name]);
    }
    for round in 0..100 {
        let centre = Point { longitude: draw(180.0), latitude: draw(100.0) };
        let radius = 10.0 + 1000.0 * f64::from(round) / 50.0;
        let (x, y, r) = (centre.longitude.to_string(), centre.latitude.to_string(), radius.to_string());
        let reply = bed.run(&["geosearch", "g", "fromlonlat", &x, &y, "byradius", &r, "km"]);
        let found: BTreeSet<_> = reply.lines().filter(|line| line.starts_with('p')).collect();
        let near = |point: Point| distance(centre, place(score(point))) <= radius * 1000.0;
        let want: BTreeSet<_> = places.iter().filter(|(_, p)| near(*p)).map(|(name, _)| &name[..]).collect();
        // Redis does not look beyond the edge of a pole's cell, either: within 60 degrees nothing is lost.
        if centre.latitude.abs() + radius / 111.0 < 75.0 && centre.longitude.abs() < 80.0 {
            assert_eq!(found, want, "{centre:?} {radius}");
        }
        assert!(found.is_subset(&want));
    }
}

#[test]
fn any_few_are_enough() {
    let mut bed = Bed::new();
    for i in 0..200 {
        bed.run(&["geoadd", "g", &format!("{}", f64::from(i) / 1000.0), "1", &format!("p{i}")]);
    }
    let search = "geosearch g fromlonlat 0 1 byradius 100 km count 7 any";
    let reply = bed.run(&search.split(' ').collect::<Vec<_>>());
    assert!(reply.starts_with("*7\r\n"), "{reply}");
}
