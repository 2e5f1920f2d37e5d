"""Fictional companies: a trade with its nouns, a name, a contact, house names.

Shops stand in the table below: add one by adding a row. All other trades come from the topics, and what such a
company "sells" is a booking, a contract or a visit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from models.build import values

# trade: items sold (singular, with a regular or given plural after a slash), what the firm calls itself
TRADES: dict[str, tuple[str, str]] = {
    "books": ("book, novel, atlas/atlases, textbook, notebook", "bookshop"),
    "coffee": ("coffee machine, grinder, kettle, espresso maker, milk frother", "coffee shop"),
    "garden": ("mower, hedge trimmer, greenhouse, planter, watering set", "garden shop"),
    "phones": ("phone, headset, tablet, smartwatch/smartwatches, speaker", "phone shop"),
    "furniture": ("sofa, table, bookcase, wardrobe, desk, bed", "furniture maker"),
    "shoes": ("pair of boots/pairs of boots, pair of trainers/pairs of trainers, coat, jacket", "clothes shop"),
    "pets": ("aquarium, dog bed, cat tree, feeder, cage", "pet shop"),
    "music": ("guitar, keyboard, violin, amplifier, drum kit", "music shop"),
    "kitchen": ("blender, oven, dishwasher, toaster, fridge", "kitchen shop"),
    "sports": ("tent, kayak, treadmill, rowing machine, racket", "sports shop"),
    "toys": ("train set, puzzle, doll house, game, robot", "toy shop"),
    "solar": ("solar panel, inverter, heat pump, boiler, thermostat", "energy firm"),
    "internet": ("router, modem, TV box/TV boxes, extender", "internet provider"),
    "optics": ("pair of glasses/pairs of glasses, telescope, camera, lens/lenses", "optician"),
    "tools": ("drill, saw, ladder, sander, welding set", "tool shop"),
    "travel": ("suitcase, backpack, travel bag, roof box/roof boxes", "travel shop"),
}


SERVICES = "booking, contract, visit, order, appointment, membership"


@dataclass(frozen=True)
class Company:
    """One fictional company; `item` and `items` are the singular and plural of what a chat is about.

    `shop` says that the item is a thing that one buys.
    """

    name: str
    trade: str
    item: str
    items: str
    email: str
    phone: str
    team: str
    shop: bool


def plural(noun: str) -> tuple[str, str]:
    """Singular and plural of a noun given as `lens/lenses` or `book`."""
    one, _, many = noun.partition("/")
    return one, many or one + "s"


def company(rng: random.Random, trade: str = "") -> Company:
    """A new company of a trade, by default a shop."""
    trade = trade or rng.choice(sorted(TRADES))
    nouns, firm = TRADES.get(trade, (SERVICES, trade))
    item, items = plural(rng.choice(nouns.split(", ")))
    base = values.made_up_name(rng)
    name = (
        base
        if rng.random() < 0.6
        else f"{base} {rng.choice([trade.capitalize(), values.made_up_name(rng), 'Direct', '& Co'])}"
    )
    box = rng.choice(["help", "support", "care", "service", "team"])
    mail = f"{box}@{base.lower()}.{rng.choice(values.DOMAINS)}"
    team = rng.choice(["team", "support team", "service desk", "customer care", "colleagues", f"{base} team"])
    return Company(name, firm, item, items, mail, values.phone(rng), team, trade in TRADES)
