# SPDX-License-Identifier: Apache-2.0
"""Task rows with choices that ask for the topic of a text, for tools/default_tasks.py, made of rows of P3 and of
Super-NaturalInstructions.

The texts are pieces of news, taken out of their prompts. No set has their topics, so a piece gets that of the words it
has: at least two of one topic, and none of another. P3's AG News has right labels, but of two of its four topics alone
(business and science); its prompts are asked of all pieces.
"""
import collections
import os
import re

WORDS = {
    "world": """president prime-minister parliament troops soldiers military army rebels militants embassy nuclear
        united-nations iraq iraqi iran israel israeli palestinian gaza syria afghanistan taliban election elections
        peace-talks ceasefire insurgents hostages diplomat diplomats sanctions refugees coup nato foreign-ministry
        foreign-minister ministers opposition-party kremlin baghdad beijing pyongyang suicide-bomber air-strikes rebel
        protesters warplanes genocide treaty summit security-council chechnya darfur guerrillas""",
    "sports": """coach season league goals striker midfielder quarterback innings wicket wickets tournament olympic
        olympics medal scored rugby football tennis golf nba nfl playoff playoffs semi-final quarter-final defender
        touchdown halftime half-time team-mate team-mates champions championship batsman cricket baseball basketball
        grand-prix world-cup penalty-shootout birdie goalkeeper pitcher yankees red-sox sprint formula-one victory-over
        champion sixth-seed unbeaten midfield captain""",
    "business": """shares profit profits stock stocks investors inflation interest-rates earnings revenue revenues
        retailer shareholders oil-prices crude-oil bankruptcy merger takeover chief-executive unemployment
        federal-reserve wall-street economists analysts dow-jones nasdaq pre-tax sales-fell sales-rose central-bank
        fiscal takeover-bid quarterly-profit net-income trade-deficit exports per-share acquisition airline-said
        consumer-spending hedge-fund lender mortgage budget-deficit economic-growth stock-exchange manufacturer""",
    "science": """software computer computers internet google microsoft apple facebook smartphone smartphones iphone
        hackers cyber nasa spacecraft space-station scientists researchers telescope planet satellite broadband
        video-game robot robots species fossil fossils dna genetic chip chips wireless browser linux intel ibm laptop
        astronauts galaxy mars moon asteroid server servers android operating-system search-engine peer-to-peer
        semiconductor physicists biologists encryption spam web-site websites digital supercomputer laser""",
    "health": """patients hospital hospitals disease vaccine cancer doctors nhs obesity diabetes symptoms infection
        surgery drug-trial virus outbreak flu tumour medical-journal clinical heart-attack""",
    "entertainment": """film films actor actress album singer band movie movies oscar oscars hollywood concert
        box-office soundtrack comedy sitcom celebrity rapper theatre festival novel starring pop-star""",
    "crime": """police arrested murder court jailed stabbed robbery detectives suspect convicted sentenced burglary
        prosecutors guilty victim shooting assault manslaughter custody gunman""",
    "education": """school schools pupils students teachers university classroom exam exams curriculum teacher
        headteacher college tuition literacy gcse a-level""",
    "weather": """rain storm storms flooding floods snow temperatures hurricane winds tornado heatwave forecast
        drought thunderstorms blizzard gusts cyclone""",
}
# What a topic is called: in the three ways of P3's prompts, whose topics are the first four, and in others.
NAMES = {
    "world": ("World politics", "World News", "Politician", "Politics", "International affairs", "World"),
    "sports": ("Sports", "Sports", "Athlete", "Sport", "Games and athletics"),
    "business": ("Business", "Business", "Business executive", "Economy", "Finance", "Companies and markets"),
    "science": ("Science and technology", "Science and Technology", "Scientist", "Technology", "Science",
                "Computers and the internet", "Sci/Tech"),
    "health": ("Health", "Medicine"), "entertainment": ("Entertainment", "Film and music", "Culture"),
    "crime": ("Crime", "Crime and justice"), "education": ("Education", "Schools"), "weather": ("Weather",),
}
FOUR = list(NAMES)[:4]
ASK = ["{text}\n\nWhat is this text about?", "Choose the topic of the text.\n\n{text}", "Topic of the following news: {text}",
       "{text}\nWhich category fits best?", "Classify the article by subject.\n\n{text}",
       "{text}\n\nThe subject of this news story is:", "In which part of a newspaper would this appear?\n\n{text}",
       "Label the text with its theme.\n\nText: {text}\nTheme:"]
NEWS = re.compile("p3_(xsum|cnn_dailymail|multi_news|gigaword)|task1579_|task1290_")
PATTERNS = {topic: re.compile(r"\b(" + "|".join(w.replace("-", "[ -]") for w in words.split()) + r")\b")
            for topic, words in WORDS.items()}


def topic_of(text):
    """The only topic of which the text has words, if it has two different ones; else None."""
    found = {t: len(set(p.findall(text.lower()))) for t, p in PATTERNS.items()}
    found = {t: n for t, n in found.items() if n}
    if len(found) != 1:
        return None
    (topic, n), = found.items()
    return topic if n >= 2 else None


def pieces(text):
    """One to three sentences in a row, of 12 to 60 words together."""
    sentences = [s for s in re.split(r"(?<=[.?!])\s+|\n+", text.replace("``", '"').replace("''", '"')) if s.strip()]
    at = 0
    while at < len(sentences):
        piece = sentences[at]
        at += 1
        while at < len(sentences) and len(piece.split()) < 25:
            piece += " " + sentences[at]
            at += 1
        if 12 <= len(piece.split()) <= 60:
            yield " ".join(piece.split())


def read_prompts(rows):
    """P3's AG News rows: [(head, tail, which of the names)], [(text, topic)]."""
    templates, prompts, texts = collections.defaultdict(list), [], {}
    for row in rows:
        templates[row["task"]].append(row)
    for group in templates.values():
        both = [r["instruction"] for r in group]
        head, tail = os.path.commonprefix(both), os.path.commonprefix([b[::-1] for b in both])[::-1]
        column = next(k for k in range(3) if {NAMES[t][k] for t in FOUR} == set(group[0]["choices"]))
        prompts.append((head, tail, column))
        for row in group:
            right = row["choices"][row["answer"]]
            texts[row["instruction"][len(head):len(row["instruction"]) - len(tail)]] = \
                next(t for t in FOUR if NAMES[t][column] == right)
    return prompts, list(texts.items())


def ask(text, topic, prompts, rng):
    """(instruction, choices, answer)"""
    if topic in FOUR and rng.random() < 0.5:
        head, tail, column = rng.choice(prompts)
        return head + text + tail, [NAMES[t][column] for t in FOUR], FOUR.index(topic)
    topics = FOUR if topic in FOUR and rng.random() < 0.5 else \
        [topic] + rng.sample([t for t in NAMES if t != topic], rng.randint(2, 5))
    topics = rng.sample(topics, len(topics))
    choices = [rng.choice(NAMES[t]) for t in topics]
    text = rng.choice(ASK).replace("{text}", text)
    if rng.random() < 0.4:
        text += "\nOptions: " + ", ".join(choices)
    return text, choices, topics.index(topic)


def rows(sources, rng):
    """The task rows, made of those in sources."""
    prompts, known = read_prompts([r for r in sources if r["task"].startswith("p3_ag_news")])
    texts = {p for r in sources if NEWS.match(r["task"]) for t in r.get("references", []) + [r["instruction"]]
             for p in pieces(t.split("\n\n", 1)[-1] if r["task"].startswith("task") else t)}
    by_topic = collections.defaultdict(list)
    for text in sorted(texts):
        if topic := topic_of(text):
            by_topic[topic].append(text)
    wanted = {t: 1000 if t in FOUR else 250 for t in NAMES}
    asked = [(x, t) for x, t in known for _ in range(3)]
    for topic, n in wanted.items():
        some = rng.sample(by_topic[topic], min(len(by_topic[topic]), n))
        missing = n - len(some) - sum(t == topic for _, t in asked)
        asked += [(x, topic) for x in some] + [(rng.choice(some), topic) for _ in range(missing)]
    out = []
    for text, topic in asked:
        instruction, choices, answer = ask(text, topic, prompts, rng)
        out.append({"task": "topics", "instruction": instruction, "choices": choices, "answer": answer})
    return out
