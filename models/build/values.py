"""Random values and names for fictional companies: prices, days, codes, plans, parts, people, contacts.

Every function takes a seeded random generator, so that the same seed gives the same text.
"""

from __future__ import annotations

import random
from collections.abc import Callable


def options(text: str, mark: str = "|") -> list[str]:
    """The alternatives of a table written as one text, separated by `mark`."""
    return text.split(mark)


ONSETS = options("b br c ch d dr f fl g gl h j k kr l m n p pl qu r s sh sk sp st t th tr v w y z", " ")
VOWELS = options("a e i o u ai ea ee ia io oa ou", " ")
CODAS = ["", "", "", "l", "n", "r", "s", "t", "x", "m", "nd", "rn", "lt", "ck"]
SUFFIXES = ["", "", "", "ia", "o", "ex", "ly", "on", "a", "er", "ix", "um"]
PLAN_WORDS = options(
    "Basic Start Light Classic Plus Silver Gold Prime Family Flex Home Pro Max Care Easy Smart Comfort "
    "Premium Bright Swift Solo Duo Green Total Saver Shield",
    " ",
)
PART_WORDS = options(
    "filter pump charger cable lid handle sensor valve motor fan lamp strap wheel remote tray brush seal hinge "
    "battery panel adapter switch hose bracket tank belt cover screen dial clip frame nozzle",
    " ",
)
CITIES = options(
    "Utrecht Leeds Lyon Porto Graz Ghent Turin Bergen Cork Malmo Bremen Nantes Tartu Bilbao Aarhus Basel Leipzig "
    "Gdansk Split Dundee Rouen Parma Linz Delft Bristol Exeter Galway Namur Kassel Verona Oulu Brno",
    " ",
)
COUNTRIES = options(
    "Austria Belgium Denmark Finland France Germany Ireland Italy Norway Poland Portugal Spain Sweden Switzerland "
    "Estonia Croatia Greece Hungary Latvia Malta",
    " ",
)
DAYS = options("Monday Tuesday Wednesday Thursday Friday Saturday Sunday", " ")
MONTHS = options("January February March April May June July August September October November December", " ")
MENUS = options(
    "Account Orders Settings Profile Billing Support Devices Security Payments Bookings Services Privacy Delivery "
    "Preferences Subscriptions Documents Contact Rewards",
    " ",
)
BUTTONS = options(
    "Confirm|Save|Send request|Start return|Change date|Cancel order|Upload photo|Next|Submit|Reset|Book a slot|"
    "Report a problem|Add address|Remove|Download|Pause|Verify|Continue|Edit details|Request copy"
)
COLOURS = options("red green blue orange white yellow purple", " ")
PEOPLE = options(
    "Ana Ben Carla Dirk Elif Finn Greta Hugo Ines Jonas Kira Leo Mara Nils Olga Pavel Rosa Sven Tara Yusuf", " "
)
BOXES = options("help support care service hello team orders info contact desk returns billing", " ")
DOMAINS = ["example", "example.com", "example.org", "example.net"]


def syllable(rng: random.Random) -> str:
    """One pronounceable lower-case syllable."""
    return rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)


def made_up_name(rng: random.Random) -> str:
    """A capitalised invented name of one or two syllables, such as `Troalia`."""
    count = rng.choice([1, 1, 2, 2, 2])
    return ("".join(syllable(rng) for _ in range(count)) + rng.choice(SUFFIXES)).capitalize()


def amount(rng: random.Random) -> str:
    """A number of euros without the sign: `9`, `4.95`, `1,250`; from 1 to 9,999."""
    kind = rng.random()
    if kind < 0.45:
        return str(rng.randint(2, 120))
    if kind < 0.85:
        return (
            f"{rng.randint(1, 199)}.{rng.choice(['50', '90', '95', '99', '25', '75', '49', f'{rng.randint(10, 99)}'])}"
        )
    return f"{rng.randint(120, 9999):,}"


def price(rng: random.Random) -> str:
    """A price, mostly with the sign in front, such as `€14.90`."""
    return f"€{amount(rng)}" if rng.random() < 0.93 else f"{amount(rng)} euros"


def code(rng: random.Random) -> str:
    """A code such as `E-417`, `KX-20` or `R2084`."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWX") for _ in range(rng.choice([1, 1, 2, 3])))
    digits = "".join(rng.choice("0123456789") for _ in range(rng.choice([2, 3, 3, 4])))
    return f"{letters}{rng.choice(['-', '-', '-', ''])}{digits}"


def clock(rng: random.Random) -> str:
    """A time of day such as `8:30`, `17:00` or `5 pm`."""
    if rng.random() < 0.25:
        return f"{rng.randint(1, 12)} {rng.choice(['am', 'pm'])}"
    return f"{rng.randint(6, 22)}:{rng.choice(['00', '00', '30', '15', '45'])}"


def phone(rng: random.Random) -> str:
    """A phone number such as `+31 50 555 0142`; always with 555, so that it belongs to nobody."""
    area = rng.randint(10, 99)
    tail = f"{rng.randint(0, 9999):04d}"
    forms = [f"+{rng.randint(30, 49)} {area} 555 {tail}", f"0{area} 555 {tail}", f"0{area}-555-{tail}"]
    return rng.choice(forms)


def email(rng: random.Random) -> str:
    """An address at a reserved example domain."""
    box = rng.choice(BOXES)
    return f"{box}@{made_up_name(rng).lower()}.{rng.choice(DOMAINS)}"


def count_of(rng: random.Random) -> str:
    """A count from 1 to 60, small numbers more often; sometimes in words."""
    n = rng.choice([rng.randint(1, 12), rng.randint(2, 60)])
    words = options("one two three four five six seven eight nine ten", " ")
    return words[n - 1] if n <= 10 and rng.random() < 0.2 else str(max(n, 2))


def span(rng: random.Random) -> str:
    """A number or a range of days, such as `14` or `3 to 5`."""
    if rng.random() < 0.35:
        low = rng.randint(1, 9)
        return (
            f"{low} {rng.choice(['to', 'to', 'or'])} {low + 1}"
            if rng.random() < 0.4
            else f"{low} to {low + rng.randint(2, 6)}"
        )
    return str(rng.choice([rng.randint(2, 10), rng.randint(5, 40), 14, 21, 28, 30, 45, 60, 90, 100, 120]))


KINDS: dict[str, Callable[[random.Random], str]] = {
    "price": price,
    "days": span,
    "hours": lambda r: str(r.choice([2, 3, 4, 6, 8, 12, 24, 36, 48, 72, r.randint(2, 96)])),
    "minutes": lambda r: str(r.choice([5, 10, 15, 20, 30, 45, 60, 90, r.randint(2, 90)])),
    "weeks": lambda r: str(r.choice([2, 3, 4, 6, 8, 10, 12, r.randint(2, 52)])),
    "months": lambda r: str(r.choice([2, 3, 6, 9, 12, 18, 24, 36, 48, r.randint(2, 60)])),
    "years": lambda r: str(r.randint(2, 15)),
    "pct": lambda r: f"{r.choice([5, 10, 12, 15, 20, 25, 30, 40, 50, r.randint(2, 95)])}%",
    "count": count_of,
    "kg": lambda r: f"{r.randint(2, 90)} kg",
    "km": lambda r: f"{r.randint(2, 900)} km",
    "cm": lambda r: f"{r.randint(2, 250)} cm",
    "litres": lambda r: f"{r.choice([r.randint(2, 90), r.randint(2, 900)])} litres",
    "gb": lambda r: f"{r.choice([2, 5, 10, 20, 50, 100, 500, r.randint(2, 900)])} GB",
    "degrees": lambda r: f"{r.randint(5, 90)} °C",
    "code": code,
    "time": clock,
    "day": lambda r: r.choice(DAYS),
    "date": lambda r: f"{r.randint(1, 28)} {r.choice(MONTHS)}",
    "email": email,
    "url": lambda r: f"{made_up_name(r).lower()}.{r.choice(DOMAINS)}/{r.choice(BOXES)}",
    "phone": phone,
    "plan": lambda r: f"{made_up_name(r)} {r.choice(PLAN_WORDS)}" if r.random() < 0.5 else f"{r.choice(PLAN_WORDS)}",
    "part": lambda r: (
        f"{made_up_name(r).lower() if r.random() < 0.2 else r.choice(COLOURS)} {r.choice(PART_WORDS)}"
        if r.random() < 0.4
        else r.choice(PART_WORDS)
    ),
    "name": made_up_name,
    "city": lambda r: r.choice(CITIES) if r.random() < 0.7 else made_up_name(r),
    "country": lambda r: r.choice(COUNTRIES),
    "menu": lambda r: " > ".join(r.sample(MENUS, 2)) if r.random() < 0.6 else f"My {r.choice(MENUS)}",
    "button": lambda r: r.choice(BUTTONS),
    "colour": lambda r: r.choice(COLOURS),
    "person": lambda r: r.choice(PEOPLE),
}


def draw(kind: str, rng: random.Random) -> str:
    """A value of one kind. `kind` is a key of KINDS, digits at its end ignored; KeyError otherwise."""
    return KINDS[kind.rstrip("0123456789")](rng)
