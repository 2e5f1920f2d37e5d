"""Lists of a help centre: several things of one kind, each with its own value, and one is asked for."""

from __future__ import annotations

import random
from dataclasses import dataclass

from models.build import values
from models.build.companies import Company
from models.build.topics import Fact, Filled, fill


@dataclass(frozen=True)
class Table:
    """A kind of list: title, kind of the thing, kind of the value, and patterns with `{e}` and `{v}`."""

    title: str
    entity: str
    value: str
    states: tuple[str, ...]
    asks: tuple[str, ...]
    says: tuple[str, ...]


TABLES = (
    Table(
        "Prices of our plans",
        "plan",
        "price",
        ("{e}: {v} a month", "{e} costs {v} a month", "for {e} you pay {v} a month"),
        ("[How much|What] does {e} cost?", "What is the price of {e}?", "How much is [the|] {e}?"),
        ("{e} costs {v} a month.", "The price of {e} is {v} a month."),
    ),
    Table(
        "Prices of parts",
        "part",
        "price",
        ("{e}: {v}", "a new {e} costs {v}", "{e} for {v}"),
        ("[How much|What] does a new {e} cost?", "How much is the {e}?", "What do I pay for a {e}?"),
        ("A new {e} costs {v}.", "The {e} costs {v}.", "You pay {v} for a {e}."),
    ),
    Table(
        "Part numbers",
        "part",
        "code",
        ("{e}: {v}", "the {e} has number {v}", "{e}, number {v}"),
        ("What is the part number of the {e}?", "Which number does the {e} have?", "I need a new {e}. Number?"),
        ("The part number of the {e} is {v}.", "The {e} has the number {v}."),
    ),
    Table(
        "Opening hours by city",
        "city",
        "time",
        ("{e}: open until {v}", "our shop in {e} closes at {v}", "{e} is open until {v}"),
        ("When does the shop in {e} close?", "Until when [are you|is the shop] open in {e}?"),
        ("Our shop in {e} is open until {v}.", "The shop in {e} closes at {v}."),
    ),
    Table(
        "Delivery by country",
        "country",
        "days",
        ("{e}: {v} days", "to {e} it takes {v} days", "delivery to {e} takes {v} days"),
        ("How long does delivery to {e} take?", "When does a parcel to {e} arrive?", "How many days to {e}?"),
        ("Delivery to {e} takes {v} days.", "A parcel to {e} takes {v} days."),
    ),
    Table(
        "Delivery costs by country",
        "country",
        "price",
        ("{e}: {v}", "to {e} delivery costs {v}", "for {e} we charge {v}"),
        ("What does delivery to {e} cost?", "How much is a parcel to {e}?", "I live in {e}. What is delivery?"),
        ("Delivery to {e} costs {v}.", "A parcel to {e} costs {v}."),
    ),
    Table(
        "Messages on the display",
        "code",
        "part",
        ("{e}: check the {v}", "{e} means a problem with the {v}", "{e} stands for the {v}"),
        ("[What does {e} mean|The display shows {e}]?", "I see {e}. What is wrong?", "What is error {e}?"),
        ("{e} means a problem with the {v}. Please check it.", "{e} stands for the {v}. Check the {v}."),
    ),
    Table(
        "Guarantee by part",
        "part",
        "months",
        ("{e}: {v} months", "the {e} is covered for {v} months", "{v} months on the {e}"),
        ("How long is the guarantee on the {e}?", "Is the {e} still covered?", "How long is the {e} covered?"),
        ("The {e} is covered for {v} months.", "The guarantee on the {e} is {v} months."),
    ),
    Table(
        "Who does what",
        "person",
        "email",
        ("{e}: {v}", "{e} can be reached at {v}", "write to {e} at {v}"),
        ("How do I reach {e}?", "What is the address of {e}?", "Where can I write to {e}?"),
        ("You can reach {e} at {v}.", "Please write to {v}.", "The address of {e} is {v}."),
    ),
    Table(
        "Phone numbers",
        "city",
        "phone",
        ("{e}: {v}", "in {e} call {v}", "the number in {e} is {v}"),
        ("What is the phone number in {e}?", "How do I call the shop in {e}?", "Which number for {e}?"),
        ("The number in {e} is {v}.", "Please call {v} for {e}."),
    ),
    Table(
        "Discount codes",
        "name",
        "code",
        ("{e}: {v}", "the code for {e} is {v}", "with {e} use {v}"),
        ("What is the code for {e}?", "Which code do I use with {e}?"),
        ("The code for {e} is {v}.", "Use the code {v} for {e}."),
    ),
    Table(
        "Courses in the week",
        "day",
        "person",
        ("{e}: with {v}", "on {e} {v} teaches", "{v} is there on {e}"),
        ("Who teaches on {e}?", "Who is there on {e}?", "With whom is the course on {e}?"),
        ("On {e} the course is with {v}.", "{v} is there on {e}."),
    ),
)


def rows(firm: Company, rng: random.Random, count: int) -> tuple[str, list[Filled], Filled]:
    """A title, `count` filled rows of one list, and one more row of the same kind that is left out of it."""
    table = rng.choice(TABLES)
    fact = Fact(table.states, table.asks, table.says)
    things: set[str] = set()
    while len(things) < count + 1:
        things.add(values.draw(table.entity, rng))
    made = []
    pattern = rng.choice(table.states)
    for thing in rng.sample(sorted(things), count + 1):
        slots = {"e": thing, "v": values.draw(table.value, rng), "item": firm.item, "items": firm.items}
        made.append(Filled(fact, slots, (fill(pattern, slots, rng),)))
    return table.title, made[:count], made[count]
