"""Topics about repair, guarantee, visits, use and safety. See `topics.py` for the format."""

TEXT = """
== Guarantee | Warranty | What the guarantee covers
S The guarantee on [each|every] {item} is {years} years; the {part} is covered for {months} months.
S We give {years} years of guarantee on the {item} and {months} months on the {part}.
Q How long is the guarantee [on my {item}|]?
Q How long is the {part} covered?
A The {item} has {years} years of guarantee, and the {part} is covered for {months} months.
A You have {years} years on the {item} and {months} months on the {part}.
-
S Damage by water is not covered unless you have the {plan} plan.
S Only the {plan} plan covers damage by water.
Q Is water damage covered?
Q I spilled water on [it|my {item}]. Does the guarantee help?
A Water damage is only covered with the {plan} plan.
A Only if you have the {plan} plan: it covers damage by water.
-
S Register the {item} within {days} days to extend the guarantee by {months} months.
S Whoever registers within {days} days gets {months} months more.
Q How can I extend [my|the] guarantee?
Q Do I have to register my {item}?
A Register within {days} days and you get {months} months more.
A If you register within {days} days, the guarantee is {months} months longer.
== Repairs | Having something repaired | Repair service
S A repair takes {days} working days and the check costs {price}.
S We charge {price} for the check; the repair itself is done in {days} working days.
Q How long does a repair take[| and what does the check cost]?
Q My {item} is broken. What does [it cost|a check cost]?
A A repair takes {days} working days, and the check costs {price}.
A The check costs {price} and the repair takes {days} working days.
-
S During the repair you can borrow a {item} for {price} a week.
S A replacement {item} can be rented for {price} a week while we repair yours.
Q Can I [borrow|get] a replacement [during the repair|while you repair mine]?
Q What do I use while mine is being repaired?
A Yes, you can borrow one for {price} a week.
A You can have a replacement {item} for {price} a week.
-
S Book a repair under {menu} and put the form {code} in the box.
S Add form {code} to the box after you book under {menu}.
Q How do I book a repair?
Q Where [can|do] I book a repair and which form do I need?
A Book it under {menu} and put form {code} in the box.
A You can book under {menu}. Please add form {code} to the box.
== Spare parts | Ordering parts | Replacement parts
S A new {part} costs {price} and has the number {code}.
S The {part} has part number {code}; it costs {price}.
Q How much is a new {part}?
Q I need a new {part}. [What is the part number|What does it cost]?
A A new {part} costs {price}, and its number is {code}.
A The part number is {code}, and it costs {price}.
-
S We keep parts for {years} years after a {item} is no longer sold.
S Parts can be had for {years} years after the last sale.
Q How long do you [keep|sell] spare parts?
Q My {item} is old. Can I still get parts?
A We keep parts for {years} years after the last sale.
A Parts are available for {years} years after we stop selling a model.
-
S Change the {part} every {months} months.
S The {part} should be replaced every {months} months.
Q How often [do I|should I] [replace|change] the {part}?
Q When does the {part} need replacing?
A Replace the {part} every {months} months.
A The {part} should be changed every {months} months.
== Cleaning and care | Looking after your product | Maintenance
S Clean the {part} every {days} days with water of at most {degrees}.
S The {part} needs cleaning every {days} days; the water may be {degrees} at most.
Q How [often|do I] [clean|wash] the {part}?
Q How hot may the water be for the {part}?
A Clean the {part} every {days} days with water of at most {degrees}.
A It needs cleaning every {days} days, with water of {degrees} at most.
-
S Let the {item} dry for {hours} hours before you use it again.
S After cleaning it must dry for {hours} hours.
Q How long does it have to dry?
Q When can I use my {item} again after cleaning?
A Let it dry for {hours} hours first.
A It has to dry for {hours} hours after cleaning.
-
S Use only the cleaner {name}, which we sell for {price}.
S The right cleaner is called {name} and costs {price}.
Q Which cleaner [should I use|is best]?
Q What can I clean my {item} with?
A Use the cleaner {name}, which costs {price}.
A The right one is {name}; we sell it for {price}.
== First use | Setting up | Getting started
S Charge the {item} for {hours} hours before the first use.
S Before first use it has to charge for {hours} hours.
Q How long [do I charge|must I charge] it [first|before the first use]?
Q What do I have to do before the first use?
A Charge it for {hours} hours before the first use.
A Before you start, charge the {item} for {hours} hours.
-
S Hold the {colour} button for {minutes} minutes until the {part} clicks.
S Press the {colour} button and wait {minutes} minutes until the {part} clicks.
Q Which button do I press to start?
Q How do I switch on my {item}?
A Press the {colour} button for {minutes} minutes until the {part} clicks.
A Hold the {colour} button until the {part} clicks, about {minutes} minutes.
-
S Pair it with the {name} app under {menu}.
S The app is called {name}; pair the {item} under {menu}.
Q Is there an app[| for my {item}]?
Q How do I [connect|pair] it with my phone?
A Use the {name} app and pair it under {menu}.
A Yes, the app is called {name}. You pair it under {menu}.
== Problems and error codes | Troubleshooting | When it does not work
S {code} means that the {part} is blocked: take it out and wait {minutes} minutes.
S If the display shows {code}, the {part} is blocked. Remove it and wait {minutes} minutes.
Q [My {item} shows|The display says|I see] {code}. What [does that mean|should I do|now]?
Q What does [error|code] {code} mean?
A {code} means that the {part} is blocked. Take it out and wait {minutes} minutes.
A The {part} is blocked. Take it out, wait {minutes} minutes and {code} should go away.
-
S If there is no power, press the {colour} reset switch for {count} seconds.
S No power? Hold the {colour} reset switch for {count} seconds.
Q My {item} [does not start|won't turn on|is dead]. What [can|should] I do?
Q How do I reset [it|my {item}]?
A Press the {colour} reset switch for {count} seconds.
A Please hold the {colour} reset switch for {count} seconds.
-
S A loud noise comes from a loose {part}: tighten it {count} turns.
S When it is loud, tighten the {part} by {count} turns.
Q My {item} is [very loud|making a noise|rattling]. What is [it|wrong]?
Q What can I do about the noise?
A The {part} is probably loose: tighten it {count} turns.
A Tighten the {part} by {count} turns.
== Appointments | Booking a visit | Home visits
S A technician comes between {time} and {time2}, and the visit costs {price}.
S Visits take place from {time} to {time2} and cost {price}.
Q When does the technician come and what does it cost?
Q [Can someone|Do you] come to my home?
A Yes, a technician comes between {time} and {time2} for {price}.
A A visit costs {price} and takes place between {time} and {time2}.
-
S You can move an appointment until {hours} hours before.
S Changes are free until {hours} hours before the visit.
Q Until when can I [change|move] my appointment?
Q I cannot make [it|my appointment]. Can I move it?
A You can move it until {hours} hours before.
A Yes, changes are free until {hours} hours before the visit.
-
S Who is not at home pays {price} for the lost visit.
S A missed visit costs {price}.
Q What happens if I miss the [appointment|visit]?
Q Do I pay for a missed visit?
A A missed visit costs {price}.
A Yes, we charge {price} for a missed visit.
== Opening hours | When we are open | Shop hours
S Our shop in {city} is open from {time} to {time2}, and closed on {day}.
S In {city} you can visit us from {time} to {time2}; {day} is our day off.
Q When [are you|is the shop] open?
Q What are your opening hours in {city}?
A Our shop in {city} is open from {time} to {time2}, but not on {day}.
A We are open from {time} to {time2} in {city}. On {day} we are closed.
-
S On {day} there is a late evening until {time}.
S Late shopping: {day} until {time}.
Q Is there a day when you are open [late|longer]?
Q On which day are you open late?
A Yes, on {day} we are open until {time}.
A We are open until {time} on {day}.
-
S Parking at the {city} shop is free for {minutes} minutes.
S In {city} customers park free for {minutes} minutes.
Q Can I park at the shop?
Q How long is parking free?
A In {city} you can park free for {minutes} minutes.
A Parking in {city} is free for {minutes} minutes.
== Contact | How to reach us | Customer service
S Call {phone}, from {time} to {time2} on working days.
S Our phone line {phone} is open on working days from {time} to {time2}.
Q [How|When] can I [call|reach|phone] you?
Q What is your phone number?
A Call {phone} on working days from {time} to {time2}.
A You can reach us on {phone}, from {time} to {time2} on working days.
-
S We answer e-mails to {email} within {hours} hours.
S Write to {email}; an answer comes within {hours} hours.
Q [Can I|How do I] [e-mail|write to] you?
Q How fast do you answer e-mails?
A Write to {email}, and we answer within {hours} hours.
A Yes, at {email}. You get an answer within {hours} hours.
-
S Complaints are handled by {person} within {days} days.
S {person} looks after complaints and replies within {days} days.
Q Who handles complaints?
Q I want to complain. [Who do I talk to|How long does it take]?
A {person} handles complaints and replies within {days} days.
A Complaints go to {person}, and you get a reply within {days} days.
== Trade-in and recycling | Old for new | Recycling
S For an old {item} you get up to {price}.
S We pay up to {price} for your old {item}.
Q Do you [take|buy] [back|] old {items}?
Q What do I get for my old {item}?
A You get up to {price} for your old {item}.
A Yes, we pay up to {price} for it.
-
S Old {items} can be handed in at our depot in {city} on {day}.
S The depot in {city} takes old {items} every {day}.
Q Where can I [hand in|leave|recycle] my old {item}?
Q Where is the depot and when is it open?
A At our depot in {city}, on {day}.
A You can hand it in at the depot in {city} on {day}.
-
S The value is checked within {days} days and paid as a voucher {code}.
S Within {days} days we check it and send the voucher {code}.
Q How do I get the money for my old {item}?
Q How long does the trade-in check take?
A We check it within {days} days and send you the voucher {code}.
A The check takes {days} days, and then you get the voucher {code}.
== Rental | Renting instead of buying | Hire
S Renting a {item} costs {price} a day, with a deposit of {price2}.
S The rent is {price} a day; the deposit is {price2}.
Q What does it cost to rent a {item}?
Q How much is the deposit[| for renting]?
A Renting costs {price} a day, and the deposit is {price2}.
A The rent is {price} a day, with a deposit of {price2}.
-
S Bring it back before {time}, or pay {price} for each hour.
S Late return after {time} costs {price} an hour.
Q When do I have to bring [it|the rented {item}] back?
Q What if I return the rental late?
A Bring it back before {time}; each hour after that costs {price}.
A It has to be back before {time}, or it costs {price} an hour.
-
S To rent for more than {days} days you must be over {years} and show a driving licence.
S For more than {days} days you need a driving licence and must be over {years}.
Q What do I need to rent for longer?
Q Is there an age limit for renting?
A For more than {days} days you must be over {years} and have a driving licence.
A You have to be over {years} with a driving licence for more than {days} days.
"""
