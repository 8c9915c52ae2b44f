//! Words that generated payloads are made of; hosts end in the reserved `.example`.

/// First names, with their spelling in an address.
pub(super) const FIRST: [(&str, &str); 12] = [
    ("Priya", "priya"),
    ("Zoë", "zoe"),
    ("Jürgen", "juergen"),
    ("María", "maria"),
    ("Tomas", "tomas"),
    ("Amina", "amina"),
    ("Łukasz", "lukasz"),
    ("Grace", "grace"),
    ("Kenji", "kenji"),
    ("Chloé", "chloe"),
    ("Samuel", "samuel"),
    ("Ingrid", "ingrid"),
];

/// Family names, with their spelling in an address.
pub(super) const LAST: [(&str, &str); 10] = [
    ("Okafor", "okafor"),
    ("Nørgaard", "norgaard"),
    ("Weiß", "weiss"),
    ("Castillo", "castillo"),
    ("Nguyen", "nguyen"),
    ("Mwangi", "mwangi"),
    ("Kowalska", "kowalska"),
    ("Hopper", "hopper"),
    ("Tanaka", "tanaka"),
    ("Lindqvist", "lindqvist"),
];

/// Trades, and what a site of one says of itself.
pub(super) const TRADES: [(&str, &str); 7] = [
    ("Studio", "Portraits and prints"),
    ("Bakery", "Bread from our own oven"),
    ("Cycles", "Bicycles built, sold and repaired"),
    ("Books", "New and used books"),
    ("Garden", "Plants for small balconies"),
    ("Café", "Coffee & cake by the river"),
    ("Legal", "Advice in plain words"),
];

/// City, state, country and the pattern of its postal code.
pub(super) const PLACES: [(&str, &str, &str, &str); 6] = [
    ("Portland", "OR", "US", "972##"),
    ("Austin", "TX", "US", "787##"),
    ("Köln", "NW", "DE", "506##"),
    ("Málaga", "MA", "ES", "290##"),
    ("Leeds", "", "GB", "LS# #AB"),
    ("Toronto", "ON", "CA", "M#V #A1"),
];

/// Streets.
pub(super) const STREETS: [&str; 6] =
    ["Harbour Lane", "Mill Road", "Station Street", "Elm Avenue", "Canal Walk", "Hill Close"];

/// Plans, and what one costs a month in whole units.
pub(super) const PLANS: [(&str, u32); 4] =
    [("Starter Plan", 9), ("Studio Plan", 29), ("Business Plan", 49), ("Agency Plan", 99)];

/// Extras that a payment can hold beside a plan, and what one costs in whole units.
pub(super) const EXTRAS: [(&str, u32); 3] =
    [("Extra Storage", 11), ("Priority Support", 15), ("Custom Domain", 5)];

/// Currencies, and how WordPress shows their symbols.
pub(super) const CURRENCIES: [(&str, &str); 4] =
    [("USD", "$"), ("USD", "$"), ("EUR", "&euro;"), ("GBP", "&pound;")];

/// Gateways of payments that cost something.
pub(super) const GATEWAYS: [&str; 5] = ["stripe", "stripe", "stripe-checkout", "paypal", "manual"];

/// Taxes in tenths of a percent.
pub(super) const TAXES: [u32; 4] = [0, 80, 190, 200];
