#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""python -m cappy.promptsource: templates of our own, data sets in their original forms, and, where CAPPY_SHARED is set, the
rows there, which were rendered elsewhere: an example is read out of what one template made of it, and all other templates
must make of it what stands there. Exit status 77: jinja2 or yaml is not there."""
import collections
import glob
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "python"))
try:
    from cappy import promptsource
except ImportError as missing:
    print(f"skipped: {missing}; CAPPY_PYTHON names a python that has jinja2 and pyyaml")
    sys.exit(77)

SHARED = os.environ.get("CAPPY_SHARED")
TEMPLATES = """
dataset: super_glue
subset: cb
templates:
  1: !Template
    answer_choices: Yes ||| No ||| Maybe
    jinja: '{{premise}} So "{{hypothesis}}"? ||| {% if label != -1 %}{{ answer_choices[label] }}{% endif %}'
    metadata: !TemplateMetadata
      original_task: true
    name: so
  2: !Template
    answer_choices: A ||| B ||| C
    jinja: '{% for a, b in zip(answer_choices, [1, 2]) %}{{a}}{{b}}{% endfor %} {{hypothesis}} ||| {{answer_choices[label]}}'
    metadata: !TemplateMetadata
      original_task: true
    name: a/slash
  3: !Template
    answer_choices: null
    jinja: '{{premise}} ||| {{hypothesis}}'
    metadata: !TemplateMetadata
      original_task: false
    name: no choices
  4: !Template
    answer_choices: x ||| y
    jinja: '{{ "".__class__.__mro__ }} ||| x'
    metadata: !TemplateMetadata
      original_task: false
    name: another task
"""


class Rendering(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.write("templates/super_glue/cb/templates.yaml", TEMPLATES)
        self.templates = os.path.join(self.folder.name, "templates")

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with (gzip.open if name.endswith(".gz") else open)(path, "wt", encoding="utf-8") as f:
            f.write(text)
        return path

    def run_module(self, *arguments):
        environment = {**os.environ, "PYTHONPATH": os.path.join(ROOT, "python")}
        return subprocess.run([sys.executable, "-m", "cappy.promptsource", "--templates", self.templates, *arguments],
                              capture_output=True, text=True, check=False, env=environment)

    def test_rows(self):
        path = self.write("CB/val.jsonl", '{"premise": "It ||| rains.", "hypothesis": "wet", "label": "neutral"}\n'
                                          '{"premise": "p", "hypothesis": "h", "label": -1}\n')
        result = self.run_module("--dataset", "super_glue/cb", path)
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(rows[0], {"id": "cb/a/slash/0", "task": "cb", "template": "a/slash", "example": 0,
                                   "instruction": "A1B2 wet", "choices": ["A", "B", "C"], "answer": 2})
        self.assertEqual(rows[1]["instruction"], 'It ||| rains. So "wet"?')  # a separator in the text stays in it
        self.assertEqual(rows[1]["answer"], 2)
        # Without a label, a template that leaves the answer out does not apply.
        self.assertEqual([r["id"] for r in rows], ["cb/a/slash/0", "cb/so/0", "cb/a/slash/1"])

    def test_sandbox(self):
        template = {"answer_choices": "x ||| y", "jinja": '{{ "".__class__.__mro__ }} ||| x', "name": "n"}
        with self.assertRaises(Exception) as caught:
            promptsource.Renderer().apply(template, {}, "")
        self.assertIn("unsafe", str(caught.exception))

    def test_suite(self):
        self.write("data/CB/val.jsonl.gz", '{"premise": "p", "hypothesis": "h", "label": "contradiction"}\n')
        out = os.path.join(self.folder.name, "out")
        result = self.run_module("--suite", "promptsource11", os.path.join(self.folder.name, "data"), out)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(os.listdir(out)), ["cb.jsonl"])
        self.assertEqual(result.stderr.count("missing: "), 10)
        self.assertIn("cb: 2 rows, 2 templates", result.stderr)
        result = self.run_module("--suite", "promptsource11", out, out)
        self.assertEqual(result.returncode, 1)
        self.assertIn("has none of the files", result.stderr)

    def test_originals(self):
        read = promptsource.READERS
        path = self.write("a.jsonl", '{"uid": "1", "context": "p", "hypothesis": "h", "label": "c", "reason": ""}\n')
        self.assertEqual(list(read["anli"](path)), [{"premise": "p", "hypothesis": "h", "label": 2}])
        path = self.write("w.jsonl", '{"text": "t", "target": {"span1_text": "a", "span2_text": "b"}, "label": true}\n')
        self.assertEqual(next(read["super_glue/wsc.fixed"](path))["span2_text"], "b")
        self.assertEqual(next(read["super_glue/wsc.fixed"](path))["label"], 1)
        path = self.write("s.csv", "InputStoryid,InputSentence1,InputSentence2,InputSentence3,InputSentence4,"
                                   "RandomFifthSentenceQuiz1,RandomFifthSentenceQuiz2,AnswerRightEnding\n"
                                   '1,a,b,c,"d, e",f,g,2\n')
        row = next(read["story_cloze/2016"](path))
        self.assertEqual((row["input_sentence_4"], row["sentence_quiz2"], row["answer_right_ending"]), ("d, e", "g", 2))
        path = self.write("c.csv", ",sent_more,sent_less,stereo_antistereo,bias_type\n0,m,l,antistereo,gender\n")
        self.assertEqual(next(read["crows_pairs"](path)),
                         {"sent_more": "m", "sent_less": "l", "stereo_antistereo": 1, "bias_type": 2})
        path = self.write("m.jsonl", '{"passage": {"text": "t", "questions": [{"question": "q", "answers": '
                                     '[{"text": "a", "label": 1}, {"text": "b", "label": 0}]}]}}\n')
        self.assertEqual([r["label"] for r in read["super_glue/multirc"](path)], [1, 0])


@unittest.skipUnless(SHARED, "CAPPY_SHARED is not set: no comparison with rows that were rendered elsewhere")
class Shared(unittest.TestCase):
    # What one template makes of an example, to read the example out of.
    FORMS = {"cb": ("super_glue/cb", r"(.*)\nQuestion: (.*) True, False, or Neither\?"),
             "rte": ("super_glue/rte", r"(.*)\nQuestion: (.*) True or False\?"),
             "anli_r1": ("anli", r"(.*)\nQuestion: (.*) True, False, or Neither\?")}

    def compare(self, task):
        dataset, form = self.FORMS[task]
        path = glob.glob(os.path.join(SHARED, "data", "classify", task + ".jsonl*"))[0]
        by_example = collections.defaultdict(dict)
        with gzip.open(path, "rt", encoding="utf-8") as f:
            for row in map(json.loads, f):
                _, name, number = re.fullmatch(r"([^/]*)/(.*)/([^/]*)", row["id"], re.S).groups()
                by_example[int(number)][name] = row
        templates = promptsource.read_templates(os.path.join(SHARED, "data", "templates"), dataset)
        renderer = promptsource.Renderer()
        n = 0
        for rows in by_example.values():
            match = re.fullmatch(form, rows["GPT-3 style"]["instruction"], re.S)
            choices = rows["GPT-3 style"]["choices"]
            order = next(t for t in templates if t["name"] == "GPT-3 style")["answer_choices"].split(" ||| ")
            example = {"premise": match[1], "hypothesis": match[2],
                       "label": order.index(choices[rows["GPT-3 style"]["answer"]])}
            for template in templates:
                want = rows[template["name"]]
                got = renderer.apply(template, example, "")
                self.assertEqual(got, (want["instruction"], want["choices"], want["answer"]), want["id"])
                n += 1
        self.assertEqual(n, sum(map(len, by_example.values())))

    def test_cb(self):
        self.compare("cb")

    def test_rte(self):
        self.compare("rte")

    def test_anli(self):
        self.compare("anli_r1")


if __name__ == "__main__":
    unittest.main()
