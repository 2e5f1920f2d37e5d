"""Topics about accounts, plans, membership and stock. See `topics.py` for the format."""

TEXT = """
== Your account | Account and password | Signing in
S Choose a new password under {menu}; the link in the e-mail works for {minutes} minutes.
S The link for a new password is valid for {minutes} minutes. Ask for it under {menu}.
Q [I forgot|I lost] my password. [What now|What can I do]?
Q How do I [reset|change] my password?
A Ask for a new one under {menu}; the link works for {minutes} minutes.
A You can do that under {menu}. The link is valid for {minutes} minutes.
-
S After {count} wrong tries the account is locked for {hours} hours.
S We lock the account for {hours} hours after {count} wrong passwords.
Q My account is locked. [Why|For how long]?
Q How long is my account locked?
A After {count} wrong tries it is locked for {hours} hours.
A It is locked for {hours} hours, which happens after {count} wrong passwords.
-
S To delete your account, press {button} under {menu}.
S The button {button} under {menu} deletes the account.
Q How [do|can] I delete my account?
Q I want to close my account. Where [is that|do I go]?
A Go to {menu} and press {button}.
A You can delete it under {menu}: press {button}.
== Your data | Privacy | Data protection
S We keep order data for {years} years and chats for {months} months.
S Chats are stored for {months} months, orders for {years} years.
Q How long do you keep my [data|chats]?
Q What do you store about me?
A We keep orders for {years} years and chats for {months} months.
A Chats are kept for {months} months and order data for {years} years.
-
S For a copy of your data write to {email}; it comes within {days} days.
S A copy of your data is sent within {days} days if you ask at {email}.
Q [How|Where] can I get a copy of my data?
Q I want to see my data. Whom do I ask?
A Write to {email} and you get it within {days} days.
A Ask at {email}; the copy comes within {days} days.
== Plans and prices | Our plans | Service plans
S The {plan} plan costs {price} a month and runs for {months} months.
S With the {plan} plan you pay {price} a month, for at least {months} months.
Q [How much|What] does the {plan} plan cost?
Q How long does the {plan} plan run?
A The {plan} plan costs {price} a month and runs for {months} months.
A You pay {price} a month for at least {months} months.
-
S The {plan2} plan includes {count} free visits a year.
S Members with the {plan2} plan have {count} free visits each year.
Q What is included in the {plan2} plan?
Q Which plan includes free visits?
A The {plan2} plan includes {count} free visits a year.
A With {plan2} you get {count} free visits each year.
-
S You can change your plan once every {months} months for {price}.
S A change of plan costs {price} and is possible every {months} months.
Q Can I [change|switch] my plan?
Q What does it cost to [change|switch] to another plan?
A Yes, every {months} months, for {price}.
A A change costs {price} and is possible every {months} months.
== Ending a contract | Leaving us | Cancelling a plan
S The notice period is {days} days; write to {email}.
S Send your notice to {email} at least {days} days before the end.
Q How do I [cancel|end|stop] my [plan|contract|membership]?
Q What is the notice period?
A Write to {email}; the notice period is {days} days.
A Send it to {email} at least {days} days before the end.
-
S If you leave early, a fee of {price} is due.
S Leaving before the end costs {price}.
Q What does it cost to leave early?
Q Can I [leave|stop] before the end of the contract?
A Leaving early costs {price}.
A Yes, but then a fee of {price} is due.
-
S You may pause for {months} months each year under {menu}.
S A break of up to {months} months a year is possible under {menu}.
Q Can I pause my [plan|membership|contract]?
Q I am away for a while. Can I take a break?
A Yes, for up to {months} months a year, under {menu}.
A You can pause it for {months} months a year. Go to {menu}.
== Loyalty points | Collecting points | Rewards
S For every {price} you get {count} points.
S You collect {count} points for each {price} you spend.
Q How [do I collect|many do I get|do I get] points?
Q What do I get points for?
A You get {count} points for every {price}.
A For each {price} you spend you get {count} points.
-
S Points expire after {months} months.
S Collected points stay valid for {months} months.
Q Do [my|the] points expire?
Q How long are my points valid?
A Points are valid for {months} months.
A Yes, they expire after {months} months.
-
S Members of level {name} get {pct} off.
S Level {name} means {pct} off every order.
Q What do I get at level {name}?
Q How much off do [regular customers|members] get?
A At level {name} you get {pct} off.
A Members of level {name} get {pct} off.
== Installation | Putting it up | Having it installed
S Installation costs {price} and takes about {minutes} minutes.
S Our installers charge {price} and need {minutes} minutes.
Q What does installation cost?
Q How long does it take to install [it|my {item}]?
A Installation costs {price} and takes about {minutes} minutes.
A It takes about {minutes} minutes and costs {price}.
-
S Keep {count} metres of free space around the {part}.
S There must be {count} metres of space around the {part}.
Q How much [room|space] does it need?
Q Where can I put my {item}?
A Keep {count} metres free around the {part}.
A It needs {count} metres of space around the {part}.
-
S The old {item} is taken away for {price}.
S We take your old {item} with us for {price}.
Q Do you take [my|the] old {item} [away|with you]?
Q What happens to my old {item}?
A Yes, we take it away for {price}.
A We take the old {item} with us for {price}.
== Insurance | Cover for accidents | Protection
S The insurance {name} costs {price} a year and covers falls and theft.
S For {price} a year the insurance {name} pays after a fall or a theft.
Q Is there an insurance [for my {item}|]?
Q What does the insurance cost?
A Yes, the insurance {name} costs {price} a year.
A The insurance {name} covers falls and theft for {price} a year.
-
S You pay {price} yourself for each claim.
S Your own share is {price} for every claim.
Q How much do I pay myself if something happens?
Q What is my own share?
A You pay {price} yourself for each claim.
A Your own share is {price} for every claim.
-
S Report a theft within {hours} hours on {phone}.
S A theft must be reported within {hours} hours: call {phone}.
Q My {item} was stolen. [What do I do|What now]?
Q How do I report a theft?
A Please report it within {hours} hours on {phone}.
A Call {phone} within {hours} hours.
== Stock and waiting list | Out of stock | Availability
S The {colour} {item} is back in stock in {days} days.
S In {days} days we expect the {item} in {colour} again.
Q When is the {colour} {item} back?
Q The {item} I want is sold out. When can I buy it?
A The {colour} {item} is back in {days} days.
A We expect the {item} in {colour} again in {days} days.
-
S You can reserve one for {price} and we hold it for {days} days.
S A reservation costs {price} and is kept for {days} days.
Q Can I reserve a {item}?
Q How long do you [hold|keep] a reservation?
A Yes, a reservation costs {price} and is kept for {days} days.
A You can reserve one for {price}, and we hold it for {days} days.
== Courses and events | Workshops | Events
S The course with {person} takes place on {day} at {time} in {city}.
S Every {day} at {time} {person} gives a course in {city}.
Q When is the course?
Q [Where is|Who gives] the course?
A The course with {person} is on {day} at {time} in {city}.
A {person} gives it in {city}, on {day} at {time}.
-
S A place costs {price}; a group has {count} people at most.
S Groups have up to {count} people and the price is {price} each.
Q What does the course cost?
Q How many people [are in a group|can come]?
A A place costs {price}, and groups have {count} people at most.
A The price is {price}, for groups of up to {count} people.
== Moving house | A new address | When you move
S Tell us {days} days before you move, under {menu}.
S Please enter the new address under {menu} at least {days} days before the move.
Q I am moving. [When|How] do I tell you?
Q What do I have to do when I move?
A Tell us {days} days before, under {menu}.
A Enter the new address under {menu} at least {days} days before the move.
-
S Moving the {item} costs {price}; with the {plan} plan it is free.
S We move your {item} for {price}, or for free if you have the {plan} plan.
Q What does it cost to move my {item}?
Q Can you move my {item} to the new place?
A Yes, for {price}, and it is free with the {plan} plan.
A It costs {price}. With the {plan} plan it is free.
== Delivery abroad | Other countries | International orders
S We deliver to {country} in {days} days for {price}.
S Parcels to {country} take {days} days and cost {price}.
Q Do you [deliver|ship] to {country}?
Q What does delivery to {country} cost?
A Yes, delivery to {country} takes {days} days and costs {price}.
A We deliver to {country} for {price} in {days} days.
-
S For orders from {country2} customs take {pct} of the value.
S Customs in {country2} charge {pct} of the value.
Q Do I pay customs in {country2}?
Q How much are the customs?
A Customs in {country2} charge {pct} of the value.
A Yes, customs take {pct} of the value in {country2}.
"""
