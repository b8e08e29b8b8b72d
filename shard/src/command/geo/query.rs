//! The options of the searches. GEOSEARCH names its centre and its shape by options; the older commands
//! have them in fixed places, and may store what they find.

use super::super::{Refused, integer};
use super::hash::{Point, place};
use super::shape::{Extent, Shape};
use super::{metres, point};
use crate::value::zset::ZSetView;
use proto::args::Args;
use proto::error;
use proto::number::parse_f64;

const NO_RADIUS: &str = "ERR need numeric radius";
const NO_WIDTH: &str = "ERR need numeric width";
const NO_HEIGHT: &str = "ERR need numeric height";
const RADIUS_NEGATIVE: &str = "ERR radius cannot be negative";
const SIZE_NEGATIVE: &str = "ERR height or width cannot be negative";
const NO_MEMBER: &str = "ERR could not decode requested zset member";
const COUNT_POSITIVE: &str = "ERR COUNT must be > 0";
const ANY_WITHOUT_COUNT: &str = "ERR the ANY argument requires COUNT argument";

/// Which command asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// GEORADIUS: longitude, latitude, radius, unit stand behind the key.
    Radius {
        stores: bool,
    },
    /// GEORADIUSBYMEMBER: member, radius, unit.
    RadiusByMember {
        stores: bool,
    },
    Search,
    SearchStore,
}

impl Form {
    /// Where the key stands that is searched.
    pub fn source_at(self) -> usize {
        if self == Self::SearchStore { 2 } else { 1 }
    }

    /// Where options begin.
    fn options_at(self) -> usize {
        match self {
            Self::Radius { .. } => 6,
            Self::RadiusByMember { .. } => 5,
            Self::Search => 2,
            Self::SearchStore => 3,
        }
    }

    fn is_search(self) -> bool {
        matches!(self, Self::Search | Self::SearchStore)
    }

    /// Whether STORE and STOREDIST name a key.
    fn names_store(self) -> bool {
        matches!(self, Self::Radius { stores: true } | Self::RadiusByMember { stores: true })
    }
}

/// Where results go, and whether with distances for scores.
#[derive(Clone, Copy)]
pub(super) struct Store<'a> {
    pub key: &'a [u8],
    pub distances: bool,
}

/// A search.
pub(super) struct Query<'a> {
    pub shape: Shape,
    pub with_distance: bool,
    pub with_hash: bool,
    pub with_coordinates: bool,
    pub order: Option<Order>,
    /// At most so many results.
    pub count: Option<usize>,
    /// Any will do, not the nearest.
    pub any: bool,
    pub store: Option<Store<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    NearestFirst,
    FarthestFirst,
}

/// What is being read.
struct Parser<'a, 'v> {
    args: Args<'a>,
    form: Form,
    /// The set that is searched; there may be none, which is found out only after the options.
    view: Option<ZSetView<'v>>,
    query: Query<'a>,
    has_member: bool,
    has_point: bool,
    has_circle: bool,
    has_box: bool,
    store_distances: bool,
}

impl<'a> Query<'a> {
    pub fn parse(args: Args<'a>, form: Form, view: Option<ZSetView<'_>>) -> Result<Self, Refused> {
        let shape = Shape { centre: Point::default(), extent: Extent::Circle { radius: 0.0 }, unit: 1.0 };
        let query = Self {
            shape,
            with_distance: false,
            with_hash: false,
            with_coordinates: false,
            order: None,
            count: None,
            any: false,
            store: None,
        };
        let mut parser = Parser {
            args,
            form,
            view,
            query,
            has_member: false,
            has_point: false,
            has_circle: false,
            has_box: false,
            store_distances: false,
        };
        parser.fixed()?;
        let mut at = form.options_at();
        while at < args.len() {
            at += 1 + parser.option(at)?;
        }
        parser.finish()
    }
}

impl<'a> Parser<'a, '_> {
    /// What stands in fixed places.
    fn fixed(&mut self) -> Result<(), Refused> {
        match self.form {
            Form::Radius { .. } => {
                self.query.shape.centre = point(self.args.at(2), self.args.at(3))?;
                self.circle(4)
            }
            Form::RadiusByMember { .. } if self.view.is_some() => {
                self.centre_of(self.args.at(2))?;
                self.circle(3)
            }
            Form::SearchStore => {
                self.query.store = Some(Store { key: self.args.at(1), distances: false });
                Ok(())
            }
            Form::RadiusByMember { .. } | Form::Search => Ok(()),
        }
    }

    /// One option; how many words follow that belong to it.
    fn option(&mut self, at: usize) -> Result<usize, Refused> {
        let (word, left) = (self.args.at(at), self.args.len() - at - 1);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let query = &mut self.query;
        if is("withdist") {
            query.with_distance = true;
        } else if is("withhash") {
            query.with_hash = true;
        } else if is("withcoord") {
            query.with_coordinates = true;
        } else if is("any") {
            query.any = true;
        } else if is("asc") {
            query.order = Some(Order::NearestFirst);
        } else if is("desc") {
            query.order = Some(Order::FarthestFirst);
        } else if is("count") && left >= 1 {
            let count = usize::try_from(integer(self.args.at(at + 1))?).ok().filter(|&count| count > 0);
            query.count = Some(count.ok_or(COUNT_POSITIVE)?);
            return Ok(1);
        } else if (is("store") || is("storedist")) && left >= 1 && self.form.names_store() {
            query.store = Some(Store { key: self.args.at(at + 1), distances: is("storedist") });
            return Ok(1);
        } else if is("storedist") && self.form == Form::SearchStore {
            self.store_distances = true;
        } else if self.form.is_search() {
            return self.search_option(at, left);
        } else {
            return Err(error::SYNTAX.into());
        }
        Ok(0)
    }

    /// An option that only GEOSEARCH and GEOSEARCHSTORE have.
    fn search_option(&mut self, at: usize, left: usize) -> Result<usize, Refused> {
        let word = self.args.at(at);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("frommember") && left >= 1 && !self.has_point {
            if self.view.is_some() {
                self.centre_of(self.args.at(at + 1))?;
            }
            self.has_member = true;
            Ok(1)
        } else if is("fromlonlat") && left >= 2 && !self.has_member {
            self.query.shape.centre = point(self.args.at(at + 1), self.args.at(at + 2))?;
            self.has_point = true;
            Ok(2)
        } else if is("byradius") && left >= 2 && !self.has_box {
            self.circle(at + 1)?;
            self.has_circle = true;
            Ok(2)
        } else if is("bybox") && left >= 3 && !self.has_circle {
            self.sides(at + 1)?;
            self.has_box = true;
            Ok(3)
        } else {
            Err(error::SYNTAX.into())
        }
    }

    /// Puts the centre where a member is.
    fn centre_of(&mut self, member: &[u8]) -> Result<(), Refused> {
        let score = self.view.and_then(|view| view.score(member)).ok_or(NO_MEMBER)?;
        self.query.shape.centre = place(score);
        Ok(())
    }

    /// A radius and its unit.
    fn circle(&mut self, at: usize) -> Result<(), Refused> {
        let radius = parse_f64(self.args.at(at)).ok_or(NO_RADIUS)?;
        if radius < 0.0 {
            return Err(RADIUS_NEGATIVE.into());
        }
        self.query.shape.extent = Extent::Circle { radius };
        self.query.shape.unit = metres(self.args.at(at + 1))?;
        Ok(())
    }

    /// A width, a height and their unit.
    fn sides(&mut self, at: usize) -> Result<(), Refused> {
        let width = parse_f64(self.args.at(at)).ok_or(NO_WIDTH)?;
        let height = parse_f64(self.args.at(at + 1)).ok_or(NO_HEIGHT)?;
        if width < 0.0 || height < 0.0 {
            return Err(SIZE_NEGATIVE.into());
        }
        self.query.shape.extent = Extent::Box { width, height };
        self.query.shape.unit = metres(self.args.at(at + 2))?;
        Ok(())
    }

    /// What can only be judged with all options known.
    fn finish(mut self) -> Result<Query<'a>, Refused> {
        let query = &mut self.query;
        if query.store.is_some() && (query.with_distance || query.with_hash || query.with_coordinates) {
            let what = if self.form.is_search() { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let text = format!("ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
            return Err(text.into());
        }
        let name = String::from_utf8_lossy(self.args.at(0));
        if self.form.is_search() && !(self.has_member || self.has_point) {
            let text = format!("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}");
            return Err(text.into());
        }
        if self.form.is_search() && !(self.has_circle || self.has_box) {
            return Err(format!("ERR exactly one of BYRADIUS and BYBOX can be specified for {name}").into());
        }
        if query.any && query.count.is_none() {
            return Err(ANY_WITHOUT_COUNT.into());
        }
        if let Some(store) = &mut query.store {
            store.distances |= self.store_distances;
        }
        // The nearest few must be found, unless any will do.
        if query.count.is_some() && query.order.is_none() && !query.any {
            query.order = Some(Order::NearestFirst);
        }
        Ok(self.query)
    }
}
