//! Geospatial commands. The places stand in sorted sets, their scores are geohashes.

use super::prelude::*;

const fn geo(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Geo, arity).acl(&[Acl::GEO]).place(Place::Shard)
}

pub(super) const ROWS: &[CommandSpec] = &[
    geo(Id::Geoadd, -5)
        .syntax("key [condition<NX | XX>@6.2.0] [change=CH@6.2.0] data(longitude latitude member)...")
        .summary("Adds places, or moves them, in a geospatial set.")
        .since("3.2.0")
        .complexity("O(log(N)) for each item added, where N is the number of elements in the sorted set")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, UPDATE])])
        .history(&[("6.2.0", "Added the `CH`, `NX` and `XX` options.")])
        .built(),
    geo(Id::Geodist, -4)
        .syntax("key member1 member2 [unit<M | KM | FT | MI>]")
        .summary("Returns the distance between two places.")
        .since("3.2.0")
        .complexity("O(1)")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    geo(Id::Geohash, -2)
        .syntax("key [member...]")
        .summary("Returns the places as geohash strings.")
        .since("3.2.0")
        .complexity("O(1) for each member requested")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    geo(Id::Geopos, -2)
        .syntax("key [member...]")
        .summary("Returns the longitude and latitude of places.")
        .since("3.2.0")
        .complexity("O(1) for each member requested")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    geo(Id::Georadius, -6)
        .syntax(
            "key longitude latitude radius unit<M | KM | FT | MI> [WITHCOORD] [WITHDIST] \
             [WITHHASH] [count-block(COUNT count [ANY@6.2.0])] [order<ASC | DESC>] \
             [store<STORE storekey'key' | STOREDIST storedistkey'key'>]",
        )
        .summary("Finds places within a distance of a point, and may store them.")
        .since("3.2.0")
        .complexity(
            "O(N+log(M)) where N is the number of places in the circle's bounding box and M the \
            size of the set",
        )
        .flags(&[WRITE, DENYOOM])
        .keys(&[
            key(1, &[RO, ACCESS]),
            after("STORE", 6, ONE, &[OW, UPDATE]),
            after("STOREDIST", 6, ONE, &[OW, UPDATE]),
        ])
        .split(Split::Gather)
        .history(&[
            ("6.2.0", "Added the `ANY` option for `COUNT`."),
            ("7.0.0", "Added support for uppercase unit names."),
        ])
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")
        .built(),
    geo(Id::GeoradiusRo, -6)
        .syntax(
            "key longitude latitude radius unit<M | KM | FT | MI> [WITHCOORD] [WITHDIST] \
             [WITHHASH] [count-block(COUNT count [ANY@6.2.0])] [order<ASC | DESC>]",
        )
        .summary("Finds places within a distance of a point.")
        .since("3.2.10")
        .complexity(
            "O(N+log(M)) where N is the number of places in the circle's bounding box and M the \
            size of the set",
        )
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("6.2.0", "Added the `ANY` option for `COUNT`.")])
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")
        .built(),
    geo(Id::Georadiusbymember, -5)
        .syntax(
            "key member radius unit<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [count-block(COUNT count [ANY])] [order<ASC | DESC>] [store<STORE storekey'key' \
             | STOREDIST storedistkey'key'>]",
        )
        .summary("Finds places within a distance of another place, and may store them.")
        .since("3.2.0")
        .complexity(
            "O(N+log(M)) where N is the number of places in the circle's bounding box and M the \
            size of the set",
        )
        .flags(&[WRITE, DENYOOM])
        .keys(&[
            key(1, &[RO, ACCESS]),
            after("STORE", 5, ONE, &[OW, UPDATE]),
            after("STOREDIST", 5, ONE, &[OW, UPDATE]),
        ])
        .split(Split::Gather)
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .deprecated(
            "6.2.0",
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
        )
        .built(),
    geo(Id::GeoradiusbymemberRo, -5)
        .syntax(
            "key member radius unit<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [count-block(COUNT count [ANY])] [order<ASC | DESC>]",
        )
        .summary("Finds places within a distance of another place.")
        .since("3.2.10")
        .complexity(
            "O(N+log(M)) where N is the number of places in the circle's bounding box and M the \
            size of the set",
        )
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .built(),
    geo(Id::Geosearch, -7)
        .syntax(
            "key from<FROMMEMBER member \
             | FROMLONLAT fromlonlat(longitude latitude)> by<circle(BYRADIUS radius unit<M | KM \
             | FT | MI>) | box(BYBOX width height unit<M | KM | FT | MI>)> [order<ASC | DESC>] \
             [count-block(COUNT count [ANY])] [WITHCOORD] [WITHDIST] [WITHHASH]",
        )
        .summary("Finds places inside a circle or a box.")
        .since("6.2.0")
        .complexity(
            "O(N+log(M)) where N is the number of places in the shape's bounding box and M the \
            size of the set",
        )
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .built(),
    geo(Id::Geosearchstore, -8)
        .syntax(
            "destination source from<FROMMEMBER member \
             | FROMLONLAT fromlonlat(longitude latitude)> by<circle(BYRADIUS radius unit<M | KM \
             | FT | MI>) | box(BYBOX width height unit<M | KM | FT | MI>)> [order<ASC | DESC>] \
             [count-block(COUNT count [ANY])] [STOREDIST]",
        )
        .summary("Finds places inside a circle or a box and stores them.")
        .since("6.2.0")
        .complexity(
            "O(N+log(M)) where N is the number of places in the shape's bounding box and M the \
            size of the set",
        )
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS])])
        .split(Split::Gather)
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .built(),
];
