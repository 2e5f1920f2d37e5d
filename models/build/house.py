"""Facts about things with invented house names, so that a model learns to look up any name, not known facts.

A section is about one named thing ("The Copper Lantern is our yearly check. It costs ..."); customers ask for it
by its name or in plain words. Procedures are numbered steps under such a name. Add an attribute by adding a row.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from models.build import topics, values
from models.build.companies import Company
from models.build.topics import Fact, Filled

FIRST = values.options(
    "Copper Silver Cedar Maple Amber Granite Willow Comet Meadow Summit Pebble Clover Velvet Ember Juniper Marble "
    "Saffron Northern Golden Quiet Bright Early Open Second Royal Little Grand Rapid",
    " ",
)
SECOND = values.options(
    "Lantern Garden Bridge Orchard Falcon Circle Ladder Meadow Window Arrow Basket Feather Gate Lamp Mill Nest Path "
    "Ribbon Shield Spark Tower Valley Wheel Promise Visit Check Card Line Club Box Pass Plan Desk Kit Return Loan",
    " ",
)
GLOSSES = values.options(
    "yearly check, home visit, express repair, gift card, points programme, phone line, rental, guarantee, trade-in, "
    "theft cover, first service, loan while yours is repaired, delivery at home, payment in parts, recycling service, "
    "digital service book, app, tracker, lock, charger, large model, small model, folding model, city model, "
    "battery swap, business offer, training course, member club, waiting list, return procedure, battery, motor, "
    "display, trailer, case, winter storage, care plan, student offer, newsletter, showroom, test, exchange, insurance",
    ", ",
)

# Patterns of one attribute: statements | questions | answers, each with alternatives in lines.
ATTRIBUTES = """
S [The {e}|{e}|A {e}] costs {price}.
S [You pay|We charge|The price is] {price} for the {e}.
Q [How much|What] does the {q} cost?
Q [What is the price of|How much is|What do I pay for] the {q}?
A The {e} costs {price}.
-
S The {e} takes {days} days.
S Allow {days} days for the {e}.
Q How long does the {q} take?
Q How [many days|much time] do I have to plan for the {q}?
A The {e} takes {days} days.
-
S The {e} is done in {hours} hours and costs {price}.
S For {price} the {e} is finished within {hours} hours.
Q How fast is the {q}[| and what does it cost]?
Q [What do you charge for|How much do you want for] the {q}?
A The {e} costs {price} and takes {hours} hours.
-
S The {e} is valid for {months} months.
S It stays valid for {months} months from the day you get it: the {e}.
Q How long is the {q} valid?
Q When does [my|the] {q} [expire|run out]?
A The {e} is valid for {months} months.
-
S Book the {e} under {menu}.
S You can book the {e} in the app under {menu}.
Q [Where|How] [do|can] I [book|order|get] the {q}?
Q I would like the {q}. Where do I [go|book it]?
A You can book the {e} under {menu}.
-
S The {e} is available from {day}, {time}.
S From {day} at {time} you can use the {e}.
Q When is the {q} available?
Q From when can I use the {q}?
A The {e} is available from {day}, {time}.
-
S Questions about the {e} go to {email}.
S For the {e}, write to {email}.
Q [Whom|Who] do I [ask|write to] about the {q}?
Q What is the address for the {q}?
A Please write to {email} about the {e}.
-
S For help with the {e} call {phone}.
S The number for the {e} is {phone}.
Q What number do I call [for|about] the {q}?
Q Can I phone someone about the {q}?
A For the {e} please call {phone}.
-
S The {e} weighs {kg} and carries up to {kg2}.
S With a weight of {kg}, the {e} can carry {kg2}.
Q How heavy is the {q}?
Q How much can the {q} carry?
A The {e} weighs {kg} and carries up to {kg2}.
-
S The range of the {e} is {km}.
S The {e} goes {km} on one charge.
Q How far [does|can] the {q} go?
Q What is the range of the {q}?
A The {e} goes {km} on one charge.
-
S The {e} charges in {hours} hours.
S A full charge of the {e} takes {hours} hours.
Q How long does the {q} take to charge?
Q When is the {q} full?
A The {e} charges in {hours} hours.
-
S Keep the {e} between {degrees} and {degrees2}.
S The {e} should be stored at {degrees} to {degrees2}.
Q [How|At what temperature] do I [store|keep] the {q}?
Q Can the {q} get too cold?
A Keep the {e} between {degrees} and {degrees2}.
-
S The {e} shows {code} when the {part} is loose.
S {code} on the {e} means that the {part} is loose.
Q What does {code} [mean|stand for]?
Q There is {code} on the {q}. What [should I do|is wrong]?
A {code} means that the {part} is loose.
-
S Every {e} gets a number such as {code}.
S The number of a {e} looks like {code}.
Q What does the number of my {q} look like?
Q Which number do I get for the {q}?
A It gets a number such as {code}.
-
S With the {e} you save {pct}.
S The {e} gives you {pct} off.
Q How much do I save with the {q}?
Q What [discount|advantage] does the {q} give?
A With the {e} you save {pct}.
-
S The {e} includes {count} visits a year and a new {part}.
S A new {part} and {count} visits a year are part of the {e}.
Q What is included in the {q}?
Q What do I get with the {q}?
A The {e} includes {count} visits a year and a new {part}.
-
S The {e} does not cover the {part}.
S The {part} is not covered by the {e}.
Q Does the {q} cover the {part}?
Q Is the {part} [covered|part of the {q}]?
A No, the {e} does not cover the {part}.
-
S The {e} covers the {part} for {years} years.
S For {years} years the {part} is covered by the {e}.
Q [How long|For how many years] is the {part} covered?
Q Is my {part} covered by the {q}?
A The {e} covers the {part} for {years} years.
-
S Cancel the {e} at least {hours} hours before.
S The {e} can be cancelled until {hours} hours before.
Q Can I cancel the {q}?
Q Until when can I [cancel|move] the {q}?
A You can cancel the {e} until {hours} hours before.
-
S The {e} starts after the first {km} or {months} months.
S After {km} or {months} months the {e} is due.
Q When is the {q} due?
Q When do I need the {q}?
A The {e} is due after {km} or {months} months.
-
S The {e} is offered in {city} and {city2}.
S You find the {e} in {city} and in {city2}.
Q Where [is|do you offer] the {q}?
Q In which [cities|places] can I find the {q}?
A The {e} is offered in {city} and {city2}.
-
S Of the {e} {price} is paid back if you leave within {days} days.
S Leave within {days} days and we pay back {price} of the {e}.
Q Do I get money back if I leave the {q}?
Q What happens if I stop the {q} early?
A We pay back {price} if you leave within {days} days.
-
S The {e} must be paid within {days} days.
S Please pay the {e} within {days} days.
Q When do I have to pay the {q}?
Q How long can I wait with paying the {q}?
A The {e} must be paid within {days} days.
-
S {person} looks after the {e} in {city}.
S In {city} the {e} is run by {person}.
Q Who [runs|looks after] the {q}?
Q Who is my contact for the {q} in {city}?
A {person} looks after the {e} in {city}.
-
S The {e} is free from an order of {price}; below that it costs {price2}.
S Below {price} the {e} costs {price2}, above it is free.
Q Is the {q} free?
Q Do I have to pay for the {q}?
A The {e} is free from an order of {price}, and costs {price2} below that.
"""
STEPS = (
    "Open {menu}.|Press {button}.|Hold the {colour} button for {count} seconds.|Wait {minutes} minutes.|"
    "Take out the {part}.|Enter the code {code}.|Switch off the {item}.|Unplug the {part}.|Choose {plan}.|"
    "Tighten the {part} by {count} turns.|Write {code} on the box.|Send a photo to {email}.|Pull the {part} out.|"
    "Clean the {part} with a dry cloth.|Turn the {part} to the left.|Put the {part} back.|Confirm with {button}.|"
    "Charge it for {hours} hours.|Check that the {colour} light is on.|Keep the receipt.|Call {phone} if it fails.|"
    "Sign in with your e-mail.|Scan the code under the {part}.|Drop the parcel at the shop in {city}.|Pay {price}."
)
GOALS = (
    "reset the {e}|pair the {e} with a phone|book the {e}|cancel the {e}|register the {e}|install the {e}|"
    "clean the {e}|move the {e} to another date|start the {e}|return the {e}|replace the {part} of the {e}|"
    "update the {e}|charge the {e}|renew the {e}|share the {e} with a friend|report a problem with the {e}"
)


@dataclass(frozen=True)
class Thing:
    """A named thing of a company and what it is in plain words."""

    name: str
    gloss: str


def attributes() -> tuple[Fact, ...]:
    """The attributes as facts with the slots `e` (name) and `q` (name or plain words)."""
    return topics.facts_of(ATTRIBUTES)


def thing(rng: random.Random) -> Thing:
    """A new named thing."""
    name = f"{rng.choice(FIRST)} {rng.choice(SECOND)}"
    if rng.random() < 0.35:
        name = f"{values.made_up_name(rng)} {rng.choice(SECOND)}" if rng.random() < 0.6 else values.made_up_name(rng)
    return Thing(name, rng.choice(GLOSSES))


def about(one: Thing, fact: Fact, firm: Company, rng: random.Random, plain: float) -> Filled:
    """A fact filled for a thing; with probability `plain` the customer says it in plain words."""
    asked = one.gloss if rng.random() < plain else one.name
    fixed = {"e": one.name, "q": asked, "item": firm.item, "items": firm.items}
    return topics.filled(fact, firm, rng, fixed)


def introduction(one: Thing, rng: random.Random) -> str:
    """A sentence that says what the thing is."""
    form = rng.choice(
        [
            "The {e} is our {g}.",
            "{e} is the name of our {g}.",
            "Our {g} is called {e}.",
            "We call our {g} the {e}.",
            "{e}: this is our {g}.",
        ]
    )
    return form.format(e=one.name, g=one.gloss)


def steps(one: Thing, firm: Company, rng: random.Random) -> tuple[str, list[str], str]:
    """A goal such as `reset the Copper Lantern`, three to five steps to it, and how a customer names the goal."""
    goal = rng.choice(GOALS.split("|"))
    made = []
    for pattern in rng.sample(STEPS.split("|"), rng.randint(3, 5)):
        slots = {"item": firm.item}
        for slot in topics.SLOT.findall(pattern):
            slots.setdefault(slot, values.draw(slot, rng) if slot != "item" else firm.item)
        made.append(topics.fill(pattern, slots, rng))
    part = values.draw("part", rng)
    asked = one.gloss if rng.random() < 0.3 else one.name
    return goal.format(e=one.name, part=part), made, goal.format(e=asked, part=part)
