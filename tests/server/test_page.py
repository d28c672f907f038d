#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_page.py path/to/cappy [FOLDER]: the page at / in headless Chromium (Debian's package chromium; exit status 77
where there is none). Pictures of it go to FOLDER, light, dark and small."""

import os
import sys

from browser import CHROMIUM, browsing
from serving import DEFAULT, finish, score_rows, serving, upstream, want

ROWS = "[...document.querySelectorAll('#results li')].map(li => [li.children[0].textContent, li.children[1].textContent])"
TEXTS = ["Paris is the capital of France.", "Bananas are yellow.", "I do not know."]
QUESTION = "What is the capital of France?"


def set_value(page, name, value):
    page.run(f"document.getElementById({name!r}).value = {value!r}")


def read_rows(page, n):
    want(f"{n} rows", page.wait(f"document.querySelectorAll('#results li').length === {n}"), page.run(
        "document.getElementById('problem').textContent"))
    return page.run(ROWS)


def is_ordered(rows):
    scores = [float(row[0]) for row in rows]
    return scores == sorted(scores, reverse=True)


def is_wide(page):
    """Whether the page must be moved sideways to be read."""
    return page.run("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def check_rank(page):
    page.run("document.getElementById('go').click()")
    rows = read_rows(page, 3)
    scores = score_rows([(QUESTION, text) for text in TEXTS], DEFAULT)
    want("ranked", rows == [[f"{scores[i]:.4f}", TEXTS[i]] for i in sorted(range(3), key=lambda i: -scores[i])], rows)
    widths = page.run("[...document.querySelectorAll('.bar i')].map(bar => parseFloat(bar.style.width))")
    want("bars", all(abs(width - 100 * min(max(float(row[0]), 0), 1)) < 0.01 for width, row in zip(widths, rows)), widths)


def check_keys(page, n_tabs):
    page.run("document.getElementById('tab-rank').focus()")
    names = []
    for _ in range(n_tabs):
        page.press("ArrowRight")
        names.append(page.run("document.activeElement.id"))
    want("arrows go through the tabs", names == ["tab-classify", "tab-best", "tab-rank"][:n_tabs] if n_tabs == 3 else
         ["tab-classify", "tab-rank"], names)
    page.press("ArrowRight")
    want("one panel is shown", page.run(
        "[...document.querySelectorAll('[role=tabpanel]')].filter(p => !p.hidden).map(p => p.id)") == ["panel-classify"])
    page.run("document.getElementById('text').focus()")
    page.press("Enter", modifiers=2)  # Ctrl
    rows = read_rows(page, 2)
    want("classified", {row[1] for row in rows} == {"positive", "negative"} and is_ordered(rows), rows)
    page.run("document.getElementById('tab-rank').click()")


def check_best(page):
    page.run("document.getElementById('tab-best').click()")
    set_value(page, "question", "Say one. say:one|two|three")
    set_value(page, "count", "3")
    page.run("document.getElementById('go').click()")
    rows = read_rows(page, 3)
    want("the answers of the language model", {row[1] for row in rows} == {"one", "two", "three"} and is_ordered(rows),
         rows)
    set_value(page, "question", "fault:500*9")
    page.run("document.getElementById('go').click()")
    want("an error is shown", page.wait("document.getElementById('problem').textContent.includes('told to say 500')"))
    want("and no answer", page.run("document.querySelectorAll('#results li').length") == 0)
    set_value(page, "question", "<img src=x onerror=alert(1)> say:<b>bold</b>")
    set_value(page, "count", "1")
    page.run("document.getElementById('go').click()")
    want("what is said is text", read_rows(page, 1)[0][1] == "<b>bold</b>" and
         page.run("document.querySelectorAll('#results b b, #results span *').length") == 0)


def check_pictures(page, folder):
    tips = "Sleep eight hours a night.|Eat many vegetables, drink water, and walk every day.|Bananas.|I am not sure."
    set_value(page, "question", "Give three tips for staying healthy. say:" + tips)
    set_value(page, "count", "4")
    page.run("document.getElementById('go').click()")
    read_rows(page, 4)
    for name, width, height, dark in (("light", 900, 800, False), ("dark", 900, 800, True), ("small", 360, 740, False),
                                      ("tiny", 320, 560, True)):
        page.look_as(width, height, dark)
        want(f"{name} is not wider than the window", not is_wide(page))
        if folder:
            page.shoot(os.path.join(folder, f"best-{name}.png"))
    for tab in ("rank", "classify"):
        page.run(f"document.getElementById('tab-{tab}').click()")
        page.run("document.getElementById('go').click()")
        read_rows(page, 3 if tab == "rank" else 2)
        for name, width, dark in (("light", 900, False), ("small", 360, True)):
            page.look_as(width, 800, dark)
            want(f"{tab} is not wider than the window", not is_wide(page))
            if folder:
                page.shoot(os.path.join(folder, f"{tab}-{name}.png"))


def check_footer(page):
    want("the server's state is shown", page.wait("document.getElementById('speed').textContent.includes('tokens/s')"),
         page.run("document.querySelector('footer').textContent"))
    want("and its queue", "waiting" in page.run("document.getElementById('queue').textContent"))


def check_key(page, directory):
    path = os.path.join(directory, "keys")
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write("a-key-of-the-tests-0123456789\n")
    with serving("--model", f"default={DEFAULT}", "--api-key-file", path) as server:
        page.open(server.address + "/")
        page.run("document.getElementById('go').click()")
        want("the key is asked for", page.wait("!document.getElementById('key-row').hidden"))
        want("a tab without a language model is hidden", page.run("document.getElementById('tab-best').hidden"))
        set_value(page, "key", "a-key-of-the-tests-0123456789")
        page.run("document.getElementById('go').click()")
        read_rows(page, 3)
        check_keys(page, 2)


def main():
    if CHROMIUM is None:
        print("skipped: there is no chromium; CAPPY_CHROMIUM names one")
        sys.exit(77)
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    with upstream() as llm, browsing() as page:
        with serving("--model", f"default={DEFAULT}", "--llm", llm.url) as server:
            want("the page opens", page.open(server.address + "/"))
            want("with a language model there is a tab for it", page.wait("!document.getElementById('tab-best').hidden"))
            check_rank(page)
            check_keys(page, 3)
            check_best(page)
            check_footer(page)
            check_pictures(page, folder)
        problems = [p for p in page.problems if "500" not in str(p)]
        want("nothing is wrong on the page", problems == [], problems)
        check_key(page, llm.directory)
    finish()


main()
