"""How people write in a chat: styles of answers, declining, small talk, anger, typing errors."""

from __future__ import annotations

import random
from dataclasses import dataclass

from models.build import topics, values
from models.build.companies import Company

OPENERS = {
    "friendly": "Happy to help. |Good question. |Of course. |Sure. |Glad you asked. |Thanks for asking. |No problem. ",
    "formal": "Thank you for your question. |Thank you for contacting us. |Dear customer, thank you for your message. ",
    "brief": "",
    "calm": "I am sorry about the trouble. |I'm sorry for the inconvenience. |"
    "I understand that this is annoying. |Sorry about that. ",
    "plain": "||||Sure. |Hello. |Thanks for your message. ",
}
CLOSERS = {
    "friendly": " Let me know if you need anything else.| Is there anything else I can do for you?| Have a nice day.||",
    "formal": " We remain at your disposal.| Please contact us with any further question.| Kind regards.||",
    "brief": "",
    "calm": " As a next step, write to us again if that does not help.| Please tell me at once if it does not work.|"
    " Next, please send me your number and I will look after it.| Please try that, and I will stay with you until it "
    "is solved.",
    "plain": "|||| Let me know if you need more help.",
}
STYLE_TEXT = {
    "friendly": "Be friendly.|Be warm and friendly.|Write in a friendly, warm tone.|"
    "Use a kind and relaxed tone.|"
    "Be friendly and warm, in plain words.",
    "formal": "Be formal.|Write politely and formally.|Use a formal tone.|Keep a polite, formal style.|"
    "Be formal and polite, in complete sentences, without jokes or exclamation marks.|"
    "Formal English, no exclamation marks.|Write as in a business letter.",
    "brief": "Be brief.|Answer in one short sentence.|Be brief: one sentence of at most 25 words, no "
    "greeting.|"
    "Keep answers as short as possible.|Be short and to the point.|Answer in at most {n} words.|"
    "Use no more than {n} words.|One sentence of {n} words at the most, please, and no greeting.",
    "calm": "Be calm and say sorry for the trouble first.|The customer may be upset: say sorry for the "
    "trouble in one "
    "short sentence, then give the answer and one clear next step.|Show that you are sorry, then help.",
    "plain": "|Answer clearly.|Be helpful.|Use plain words.|Answer the customer's question.|"
    "Answer in one to four sentences.",
}
AGENTS = (
    "a customer service agent of|a customer service agent of|the support assistant of|a helpful agent of|"
    "the chat agent of"
)
CITE_RULES = (
    "Cite the passage as [n].|Cite the passage of every statement as [n], such as [1].|"
    "Name the passage used, such as [1].|Put the number of the passage in brackets after the answer."
)
STEP_RULES = (
    "Answer in numbered steps.|Answer in numbered steps, one action in each, in the order to do them.|"
    "Write the answer as numbered steps.|Number the steps of your answer: 1., 2., 3."
)
BULLET_RULES = (
    "Answer in bullet points.|Use a list with dashes.|Write the answer as a bulleted list.|"
    "Each fact on a line of its own that starts with a dash."
)
ORDER_RULES = (
    "Ask for the order number first.|Before you answer, ask for the order number.|"
    "Always ask for the order number before anything else."
)
ASK_ORDER = values.options(
    "Could you tell me your order number, please?|May I have your order number first?|"
    "Before I answer: what is your order number?|Please send me your order number, then I can help you."
)
PASSAGE_RULES = "Answer only from the passages.|Use only the passages.|Take every fact from the passages."
CONTACT_RULES = (
    "If you do not know, offer a person: {c}.|Contact for people: {c}.|"
    "When the passages do not say, say so and offer a person: {c}.|A person can be reached at {c}."
)
PERSON_RULES = (
    "If the help centre does not say, say so and offer a person from our team.|"
    "If you do not know, say so and offer a person.|Never guess. Offer a person when the passages do not say."
)
GREETINGS = values.options(
    "Hello from {company}.|Welcome to {company}.|Hi there.|Thanks for reaching {company}!|Good day.|"
    "Hello, {word} here.|"
    "Greetings from the {word} team.|Dear customer,|Nice to hear from you."
)
SIGN_OFFS = values.options(
    "Your {company} team.|Best wishes, {company}.|Kind regards, the {word} team.|"
    "See you soon, your friends at {company}.|"
    "Take care.|Yours, {word}.|Warm greetings, {company}.|All the best, {word}.|Always there for you."
)
DONT_KNOW = values.options(
    "I could not find that in our help centre.|Our help centre does not say.|That is not in our help pages.|"
    "I do not have that information.|Sorry, I don't know that; our articles do not cover it.|"
    "The help centre has no answer to that.|I'm afraid our help pages do not mention that.|"
    "I have nothing on that in our help pages and will not guess."
    "|The passages do not say.|I don't know, sorry: it is not in the help centre.|"
    "We have nothing written about that."
)
NO_PASSAGE = values.options(
    "I cannot look that up right now.|I do not have the details here, and I do not want to guess.|"
    "I'm not sure about the exact details.|I do not have that information at hand."
)
OFFERS = values.options(
    "A person can help you: {contact}.|A colleague can help you: {contact}.|"
    "Please contact our {team}: {contact}.|"
    "Our {team} will be glad to help: {contact}.|You can ask a person at {contact}.|"
    "Please ask a colleague: {contact}.|For this, please reach a person at {contact}."
)
OFFERS_PLAIN = values.options(
    "A person from our team can help you.|Please ask a person from our team.|A colleague can help you.|"
    "Shall I pass you on to a person?|Would you like to talk to a person?|"
    "I can connect you with a colleague.|Please contact our {team}; they can tell you more."
)
ANGRY = values.options(
    "This is ridiculous!|I am really annoyed.|I have been waiting for ages!|Terrible service.|I am so angry.|"
    "Nobody answers me!|This is the third time I ask.|Not good enough!|I am fed up.|wtf"
)
SORRY = values.options(
    "I am sorry about the trouble. |I'm sorry for the inconvenience. |I understand that this is annoying. |"
    "Sorry about that. |My apologies for the trouble. |I am sorry you had to wait. "
)
LEADS = values.options(
    "||||||||Hello, |Hi, |Hi! |Good morning. |Quick question: |Hey, |Excuse me, |Please tell me: |"
    "One question: |"
    "I have a question. |It is about my {item}. |Hello {company}, "
)
BUYERS = values.options("I bought a {item} from you. |My {item} came last week. |I have a {item} of yours. ")
FOLLOW = values.options("And |Okay, and |Thanks. |Thank you. |And one more thing: |Also, |Good. |I see. |Great, ")
ABOUT = values.options(
    "I have a question about the {e}.|Hi, it is about the {e}.|Can you tell me something about the {e}?|The {e}.|"
    "hello, need info on the {e}|I am thinking of the {e}."
)
WHAT_ABOUT = values.options(
    "Of course. What would you like to know about the {e}?|Sure, what is your question about the {e}?|"
    "With pleasure. What shall I look up?|What would you like to know?"
)
SMALL_TALK = (
    (
        "Hello|Hi|Hey there|Good morning|Hello?|hi",
        "Hello! How can I help you?|Hi, what can I do for you?|Hello and welcome to {company}. How can I help?",
    ),
    (
        "Thanks|Thank you!|Thanks a lot|great, thanks|Thank you very much.",
        "You're welcome.|You are welcome. Anything else?|Glad I could help.|My pleasure.",
    ),
    (
        "Bye|Goodbye|ok bye|That is all.|No, that's all.",
        "Goodbye, and have a nice day.|Goodbye!|Thank you for contacting {company}. Goodbye.",
    ),
    (
        "Are you a robot?|Am I talking to a person?|Is this a bot?",
        "I am an automated assistant of {company}. I can "
        "connect you with a person.|I am an assistant program. A person can help you as well.",
    ),
    (
        "Can I talk to a person?|I want a human|Please connect me to an agent.|human please",
        "Of course, I can pass you on to our {team}.|Yes. Our {team} will take over.",
    ),
    (
        "Who are you?|What is your name?|What can you do?",
        "I am the assistant of {company} and answer questions about our {items}.|I help customers of {company}.",
    ),
    (
        "I need help|Can you help me?|I have a problem|help|Something is wrong with my {item}",
        "Of course. What is it "
        "about?|Sure, please tell me what happened.|I'm sorry to hear that. What exactly is the problem?",
    ),
    (
        "You are useless!|This is so frustrating|I hate this",
        "I am sorry about that. What can I do to help?|I'm sorry "
        "for the trouble. Please tell me what happened.|I understand. Let me try to help.",
    ),
    (
        "Tell me a joke|What is the weather?|Who won the match?|Write me a poem",
        "I can only help with questions about "
        "{company}.|Sorry, I only answer questions about our {items} and services.",
    ),
)


@dataclass(frozen=True)
class Style:
    """What the system message asks of every answer; `shape` is steps, bullets or nothing, `words` 0 for no limit."""

    tone: str
    shape: str
    cite: bool
    words: int
    ask_order: bool
    greeting: str
    sign_off: str
    contact: str


def pick(options: str, rng: random.Random) -> str:
    """One of the alternatives separated by `|`."""
    return rng.choice(options.split("|"))


def nouns(firm: Company, word: str = "") -> dict[str, str]:
    """The slots that every pattern here may use."""
    base = {"company": firm.name, "item": firm.item, "items": firm.items, "team": firm.team}
    return base | {"word": word or firm.name.split()[0]}


def style(firm: Company, rng: random.Random) -> Style:
    """A random style; greeting, sign-off and contact are empty when the system message names none."""
    tone = rng.choice(["friendly", "friendly", "formal", "brief", "brief", "calm", "plain", "plain"])
    slots = nouns(firm, rng.choice([firm.name.split()[0], values.made_up_name(rng)]))
    greeting = rng.choice(GREETINGS).format(**slots) if rng.random() < 0.12 else ""
    sign_off = rng.choice(SIGN_OFFS).format(**slots) if rng.random() < 0.2 else ""
    both = rng.choice(["{e} or {p}", "{p} or {e}", "{e}, {p}"])
    form = rng.choice(["", "", "", "", "", both, "{e}", "{p}"])
    contact = form.format(e=firm.email, p=firm.phone)
    shape = rng.choices(["", "steps", "bullets"], [0.80, 0.15, 0.05])[0]
    words = rng.randint(15, 30) if tone == "brief" else 0
    if tone == "brief":
        shape, greeting, sign_off = "", "", ""
    return Style(tone, shape, rng.random() < 0.2, words, rng.random() < 0.02, greeting, sign_off, contact)


def system_text(firm: Company, how: Style, passages: bool, rng: random.Random) -> str:
    """The system message: who the agent is, then the style, in varying words and order."""
    rules = [pick(STYLE_TEXT[how.tone], rng).format(n=how.words)]
    if how.greeting:
        rules.append(pick("Begin with|Start every answer with", rng) + f' "{how.greeting}"')
    if how.sign_off:
        rules.append(pick("Sign off with|End every answer with|Close with", rng) + f' "{how.sign_off}"')
    if how.cite:
        rules.append(pick(CITE_RULES, rng))
    if how.shape:
        rules.append(pick(STEP_RULES if how.shape == "steps" else BULLET_RULES, rng))
    if how.ask_order:
        rules.append(pick(ORDER_RULES, rng))
    if passages and rng.random() < 0.3:
        rules.append(pick(PASSAGE_RULES, rng))
    if how.contact:
        rules.append(pick(CONTACT_RULES, rng).format(c=how.contact))
    elif rng.random() < 0.8:
        rules.append(pick(PERSON_RULES, rng))
    if rng.random() < 0.3:
        rng.shuffle(rules)
    return " ".join([f"You are {pick(AGENTS, rng)} {firm.name}.", *[r for r in rules if r]])


def cited(parts: list[str], number: int, how: Style) -> list[str]:
    """Every part with the number of its passage, when the style wants it."""
    return [f"{part} [{number}]" for part in parts] if how.cite else parts


def dress(core: list[str], how: Style, angry: bool, rng: random.Random) -> str:
    """An answer in a style: `core` holds one text for each part of the question."""
    sorry = rng.choice(SORRY).strip() if how.tone == "calm" else ""
    if how.shape or (len(core) > 3 and how.tone != "brief" and rng.random() < 0.5):
        body = "\n".join(f"- {part}" if how.shape == "bullets" else f"{i}. {part}" for i, part in enumerate(core, 1))
        return "\n".join(part for part in (how.greeting, sorry, body, how.sign_off) if part)
    if angry and how.tone not in ("brief", "calm"):
        sorry = rng.choice(SORRY).strip()
    opener = " ".join(part for part in (how.greeting, sorry) if part) or pick(OPENERS[how.tone], rng).strip()
    closer = pick(CLOSERS[how.tone], rng).strip() if how.tone == "calm" or not how.sign_off else ""
    return " ".join(part for part in (opener, *core, closer, how.sign_off) if part)


def decline(firm: Company, how: Style, passages: bool, angry: bool, rng: random.Random) -> tuple[str, list[str]]:
    """An answer that says we do not know and offers a person, and the contact values it must hold."""
    slots = nouns(firm) | {"contact": how.contact}
    offer = topics.fill(rng.choice(OFFERS if how.contact else OFFERS_PLAIN), slots, rng)
    reason = rng.choice(DONT_KNOW if passages else NO_PASSAGE)
    if how.words:  # one sentence was asked for
        rest = offer if offer.startswith("I ") else offer[:1].lower() + offer[1:]
        return f"{reason.rstrip('.')}; {rest}", [how.contact] if how.contact else []
    start = how.greeting + " " if how.greeting else ""
    if how.tone == "calm" or (angry and how.tone != "brief"):
        start += rng.choice(SORRY)
    end = f" {how.sign_off}" if how.sign_off else ""
    return f"{start}{reason} {offer}{end}", [how.contact] if how.contact else []


def typos(text: str, rng: random.Random, rate: float) -> str:
    """Typing errors in long lower-case words with probability `rate` each; names and codes stay as they are."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) > 4 and word.isalpha() and word.islower() and rng.random() < rate:
            k = rng.randrange(1, len(word) - 1)
            swapped = word[:k] + word[k + 1] + word[k] + word[k + 2 :]
            words[i] = rng.choice([swapped, word[:k] + word[k + 1 :], word[:k] + word[k] + word[k:]])
    return " ".join(words)
