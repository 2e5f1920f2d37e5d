"""Topics about orders, delivery, returns and money. See `topics.py` for the format."""

TEXT = """
== Returns | Sending something back | Return policy
S You can [return|send back] [any|a] {item} within {days} days [of|after] delivery.
S Returns are accepted for {days} days, counted from the day [the|your] {item} arrives.
Q [How long|How many days] do I have to [return|send back] [my|a|the] {item}?
Q [Until when|For how long] can I [return|bring back|send back] [my|the] {item}?
A You can [return|send back] [your|the] {item} within {days} days of delivery.
A You have {days} days from delivery to [return|send back] [your|the] {item}.
-
S A return label costs {price} and is taken off the refund.
S For the return label we [charge|deduct] {price}.
Q [What|How much] does [the|a] return label cost?
Q Do I [have to|need to] pay for the return label?
A The return label costs {price}.
A We charge {price} for the return label[|, which comes off your refund].
-
S Before you post anything, ask for return code {code} on the page {menu}.
S Write return code {code} on the parcel; you find the form under {menu}.
Q Which code do I [put|write] on [my|the] return parcel?
Q [Where do I find|Where is] the return form and what is the code?
A Use return code {code}; the form is under {menu}.
A Please write {code} on the parcel. You find the form under {menu}.
== Refunds | Getting your money back | Refund times
S We pay the money back within {days} days [after|once] the {item} [is back in our warehouse|has been checked].
S Refunds take {days} days from the moment the {item} reaches us.
Q [When|How soon] do I get my money back?
Q How long does a refund take?
A [Your|The] refund takes {days} days after the {item} reaches us.
A You get your money back within {days} days once we have the {item}.
-
S If the box is damaged by you, we keep {pct} of the price.
S An opened {item} is refunded with a deduction of {pct}.
Q How much do you [keep|deduct] if [the box is damaged|I opened it]?
Q Is there a deduction on the refund?
A There is a deduction of {pct}.
A We deduct {pct} from the refund in that case.
-
S Ask about a missing refund at {email} and name your invoice number.
S If a refund has not arrived, write to {email} with your invoice number.
Q My refund [has not come|is missing|never arrived]. Whom do I [ask|write to]?
Q [Who|What address] do I contact about a missing refund?
A Please write to {email} and name your invoice number.
A For a missing refund, write to {email} with your invoice number.
== Delivery times | When your parcel comes | Shipping
S Standard delivery takes {days} working days.
S A standard parcel is with you {days} working days after the order.
Q [How long|How many days] does [standard delivery|shipping|delivery] take?
Q When will my {item} [arrive|get here|come]?
A Standard delivery takes {days} working days.
A Your {item} arrives {days} working days after you order.
-
S Express delivery costs {price} and arrives within {hours} hours.
S For {price} extra we send it by express, and it is there in {hours} hours.
Q [How much|What] is express delivery and how fast is it?
Q Can I get my {item} [faster|sooner|more quickly]?
A Yes, express delivery costs {price} and takes {hours} hours.
A With express delivery for {price} it arrives within {hours} hours.
-
S Orders placed before {time} leave our warehouse the same day.
S We ship on the same day if you order before {time}.
Q Until what time do I have to order for same-day [shipping|dispatch]?
Q [What is the cut-off time|By when must I order] so that it leaves today?
A Order before {time} and we ship it the same day.
A Orders placed before {time} leave on the same day.
== Delivery costs | Shipping fees | What delivery costs
S Delivery costs {price}; above an order of {price2} it is free.
S We charge {price} for delivery. Orders over {price2} are delivered free of charge.
Q [How much|What] [do you charge for|is] delivery?
Q [From which amount|When] is delivery free, and what does it cost otherwise?
A Delivery costs {price}, and it is free for orders over {price2}.
A We charge {price}. Above {price2} delivery is free.
-
S A heavy parcel over {kg} costs {price} more.
S For parcels heavier than {kg} we add {price}.
Q Is there a [fee|surcharge] for heavy parcels?
Q What does it cost to send something heavy?
A Yes, parcels over {kg} cost {price} more.
A We add {price} for parcels heavier than {kg}.
-
S Delivery to an island takes {days} more days and costs {price} extra.
S Islands: {price} on top, and {days} days longer.
Q I live on an island. [What does delivery cost|Do you deliver there]?
Q Is delivery to islands possible?
A Yes, delivery to islands costs {price} extra and takes {days} days longer.
A For an island we charge {price} extra, and it takes {days} more days.
== Tracking a parcel | Where is my order | Following your order
S The tracking number starts with {code} and comes by e-mail within {hours} hours.
S Within {hours} hours we e-mail a tracking number that begins with {code}.
Q [When|How soon] do I get my tracking number?
Q What does the tracking number look like and when does it come?
A You get it by e-mail within {hours} hours; it starts with {code}.
A The tracking number begins with {code} and comes within {hours} hours.
-
S If a parcel has not moved for {days} days, call {phone}.
S No news for {days} days? Then call us on {phone}.
Q My parcel [has not moved|is stuck|seems lost]. What [should|can] I do?
Q The tracking [does not change|shows nothing new]. Whom do I call?
A If it has not moved for {days} days, please call {phone}.
A Please call {phone} when there is no news for {days} days.
-
S The carrier tries to deliver {count} times and then keeps the parcel for {days} days.
S After {count} attempts the parcel waits {days} days at the pick-up point.
Q What happens if I am not at home?
Q I missed the [courier|driver|delivery]. How long is my parcel kept?
A The carrier tries {count} times and then keeps the parcel for {days} days.
A After {count} attempts your parcel is kept for {days} days.
== Changing or cancelling an order | Cancelling | Order changes
S An order can be cancelled free of charge for {hours} hours.
S You can cancel within {hours} hours at no cost.
Q [Can I|How long can I] [still cancel|cancel] my order?
Q I want to cancel my order. [Is that possible|Until when]?
A Yes, you can cancel free of charge within {hours} hours.
A You can cancel your order at no cost for {hours} hours.
-
S A late cancellation costs {price}.
S After that time a cancellation fee of {price} applies.
Q What does a late cancellation cost?
Q Is there a fee if I cancel too late?
A A late cancellation costs {price}.
A Yes, the fee for a late cancellation is {price}.
-
S To change the address, open {menu} and press {button}.
S The address can be changed under {menu} with the button {button}.
Q [How|Where] do I change the delivery address?
Q I [moved|gave the wrong address]. [What now|How can I change it]?
A Open {menu} and press {button}.
A You can change the address under {menu}: press {button}.
== Payment | Ways to pay | Paying for your order
S You can pay in {count} instalments from an order of {price}.
S From {price} on, payment in {count} instalments is possible.
Q Can I pay in instalments?
Q [From what amount|When] can I pay in parts?
A Yes, from {price} you can pay in {count} instalments.
A You can pay in {count} instalments if your order is {price} or more.
-
S An invoice is due after {days} days; a reminder costs {price}.
S Please pay invoices within {days} days. We charge {price} for each reminder.
Q When is my invoice due?
Q How long do I have to pay the invoice and what does a reminder cost?
A Your invoice is due after {days} days, and a reminder costs {price}.
A Please pay within {days} days; a reminder costs {price}.
-
S Error {code} at checkout means that the bank refused the payment: wait {minutes} minutes and try again.
S When you see {code} while paying, try again after {minutes} minutes.
Q I get error {code} when I [pay|check out]. What [does it mean|now]?
Q [What does {code} mean|What is {code}]?
A With {code}, please wait {minutes} minutes and try again.
A For error {code}, try again after {minutes} minutes.
== Invoices | Receipts and invoices | Your invoice
S Download invoices under {menu}; they stay there for {years} years.
S Every invoice can be found under {menu} for {years} years.
Q Where [do I find|can I download] my invoice?
Q I [lost|need] my invoice. Can I get [it again|a copy]?
A You find your invoice under {menu}, where it stays for {years} years.
A You can download it under {menu} for {years} years.
-
S A paper invoice costs {price}.
S We charge {price} for an invoice by post.
Q Can I get an invoice on paper?
Q What does a paper invoice cost?
A Yes, a paper invoice costs {price}.
A We charge {price} for an invoice on paper.
-
S To correct a company name, write to {email} within {days} days.
S Corrections of an invoice are possible for {days} days through {email}.
Q My invoice [is wrong|has the wrong name]. [What can I do|How do I correct it]?
Q Can I [correct|change] an invoice?
A Yes, write to {email} within {days} days.
A Please write to {email}; corrections are possible for {days} days.
== Discounts and vouchers | Gift cards | Saving money
S Students get {pct} off with the code {code}.
S With the code {code} students pay {pct} less.
Q Is there a student discount?
Q [I am a student|I study]. Do I [get a discount|pay less]?
A Yes, students get {pct} off with the code {code}.
A Students get {pct} off. Use the code {code}.
-
S A gift card is valid for {months} months and can be bought from {price}.
S Gift cards start at {price} and run for {months} months.
Q How long is a gift card valid?
Q [What is the smallest gift card|Do you sell gift cards]?
A Gift cards start at {price} and are valid for {months} months.
A A gift card is valid for {months} months; they start at {price}.
-
S Newsletter readers get a voucher of {price} after {days} days.
S A voucher of {price} comes {days} days after you sign up for the newsletter.
Q [What do I get|Do I get something] for the newsletter?
Q I signed up for the newsletter. Where is my voucher?
A You get a voucher of {price}, {days} days after you sign up.
A The voucher of {price} comes {days} days after signing up.
== Price promise | Lower price elsewhere | Price match
S If you find the same {item} cheaper within {days} days, we pay back {pct} of the difference.
S We refund {pct} of the difference when the {item} is cheaper elsewhere within {days} days.
Q I found the {item} cheaper [elsewhere|in another shop]. Do you match the price?
Q What if [it|the {item}] gets cheaper after I buy it?
A We pay back {pct} of the difference if it is cheaper within {days} days.
A Within {days} days you get {pct} of the difference back.
-
S Send a photo of the lower price to {email}.
S Claims go to {email}, with a picture of the offer.
Q Where do I send [the proof|my claim] for the price match?
Q How do I claim the price difference?
A Send a photo of the offer to {email}.
A Please send it to {email} with a picture of the offer.
== Bulk orders | Business customers | Ordering for a company
S From {count} pieces on you get {pct} off.
S Companies that order {count} or more pieces pay {pct} less.
Q Do you give a discount for [large|bulk] orders?
Q [How many do I have to order|How much off do I get] for a bulk discount?
A Yes, from {count} pieces you get {pct} off.
A You get {pct} off from {count} pieces.
-
S Your contact for business orders is {person}, {phone}.
S Business orders are looked after by {person} on {phone}.
Q Who [do I call|is my contact] for business orders?
Q I order for a company. Whom can I talk to?
A Your contact is {person}, who can be reached on {phone}.
A Please call {person} on {phone}.
-
S A quote is free and stays valid for {days} days.
S We write quotes free of charge; a quote holds for {days} days.
Q How long is a quote valid?
Q Can I get a quote?
A A quote is free and valid for {days} days.
A Yes, a quote is free, and it holds for {days} days.
"""
