# SPDX-License-Identifier: Apache-2.0
"""Renders examples of data sets into rows for cappy with the templates of PromptSource.

    python -m cappy.promptsource --templates DIR --dataset super_glue/cb CB/val.jsonl > cb.jsonl
    python -m cappy.promptsource --templates DIR --suite promptsource11 DATA OUT

DIR is a folder of templates as PromptSource publishes them: DATASET/SUBSET/templates.yaml. A row is made of each example
under each template that asks for the task the data set was made for and knows its choices:

    {"id": "cb/does it imply/0", "task": "cb", "template": ..., "example": 0, "instruction": ..., "choices": [...], "answer": 1}

Examples come from files in their original form (docs/reproduce.md lists them), or as JSON lines with the fields that the
Hugging Face hub gives them. Needs jinja2 and pyyaml.
"""
import argparse
import csv
import gzip
import json
import os
import random
import sys
from collections import Counter

import yaml
from jinja2.sandbox import SandboxedEnvironment

# ---- Templates ----


class _Loader(yaml.SafeLoader):
    """YAML in which the tags of PromptSource are plain mappings."""


for _tag in ("!Template", "!TemplateMetadata"):
    _Loader.add_constructor(_tag, lambda loader, node: loader.construct_mapping(node, deep=True))


def _most_frequent(items):
    counts = Counter(items).most_common()
    return [item for item, n in counts if n == counts[0][1]]


class Renderer:
    """Jinja as PromptSource sets it up, in a sandbox: a template comes from a file of others."""

    # What "|||" in an example is while a template is rendered, in which it parts prompt from answer.
    GUARD = "3ed2dface8203c4c9dfb1a5dc58e41e0"

    def __init__(self):
        self.environment = SandboxedEnvironment()
        self.environment.globals.update(zip=zip)
        self.environment.filters["highlight"] = lambda text: text
        self.environment.filters["most_frequent"] = _most_frequent
        self.environment.filters["choice"] = lambda items: self.random.choice(items)
        self.random = random.Random(0)
        self.compiled = {}

    def _render(self, source, fields):
        if source not in self.compiled:
            self.compiled[source] = self.environment.from_string(source)
        text = self.compiled[source].render(**fields)
        return [part.replace(self.GUARD, "|||").strip() for part in text.split("|||")]

    def apply(self, template, example, seed):
        """(prompt, choices, answer), or None where the template does not apply to the example."""
        fields = {k: v.replace("|||", self.GUARD) if isinstance(v, str) else v for k, v in example.items()}
        self.random = random.Random(seed)
        choices = self._render(template["answer_choices"], fields)
        parts = self._render(template["jinja"], {**fields, "answer_choices": choices})
        if len(parts) < 2 or not parts[0] or parts[1] not in choices:
            return None
        return parts[0], choices, choices.index(parts[1])


def read_templates(folder, dataset):
    """The templates of a data set that set its original task and have choices, by name."""
    with open(os.path.join(folder, dataset, "templates.yaml"), encoding="utf-8") as f:
        found = [t for t in yaml.load(f, _Loader)["templates"].values() if t.get("answer_choices")]
    # crows_pairs marks none of its templates so.
    original = [t for t in found if (t.get("metadata") or {}).get("original_task")] or found
    return sorted(original, key=lambda t: t["name"])


# ---- Data sets in their original form ----


def _open(path):
    return (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="")


def _lines(path):
    with _open(path) as f:
        yield from (json.loads(line) for line in f if line.strip())


def _table(path):
    with _open(path) as f:
        yield from csv.DictReader(f)


def _labelled(names):
    """Labels that are written out become numbers; numbers stay."""

    def read(path):
        for row in _lines(path):
            label = row.get("label")
            yield {**row, "label": names.index(label) if isinstance(label, str) else int(label)}

    return read


def _anli(path):
    for row in _lines(path):
        label = row["label"]
        yield {"premise": row.get("context", row.get("premise")), "hypothesis": row["hypothesis"],
               "label": "enc".index(label) if isinstance(label, str) else label}


def _wsc(path):
    for row in _lines(path):
        yield {**row, **row.get("target", {}), "label": int(row["label"])}


def _multirc(path):
    for row in _lines(path):
        passage = row.get("passage", {})
        for question in passage.get("questions", []):
            for answer in question["answers"]:
                yield {"paragraph": passage["text"], "question": question["question"], "answer": answer["text"],
                       "label": int(answer["label"])}


def _story_cloze(path):
    for row in _table(path):
        fields = {f"input_sentence_{i}": row[f"InputSentence{i}"] for i in range(1, 5)}
        yield {**fields, "story_id": row["InputStoryid"], "sentence_quiz1": row["RandomFifthSentenceQuiz1"],
               "sentence_quiz2": row["RandomFifthSentenceQuiz2"], "answer_right_ending": int(row["AnswerRightEnding"])}


BIAS_TYPES = ["race-color", "socioeconomic", "gender", "disability", "nationality", "sexual-orientation",
              "physical-appearance", "religion", "age"]


def _crows_pairs(path):
    for row in _table(path):
        yield {"sent_more": row["sent_more"], "sent_less": row["sent_less"],
               "stereo_antistereo": ["stereo", "antistereo"].index(row["stereo_antistereo"]),
               "bias_type": BIAS_TYPES.index(row["bias_type"])}


# Data set -> how a file of it is read. Others are JSON lines with the fields that templates name.
READERS = {
    "anli": _anli,
    "super_glue/cb": _labelled(["entailment", "contradiction", "neutral"]),
    "super_glue/rte": _labelled(["entailment", "not_entailment"]),
    "super_glue/axg": _labelled(["entailment", "not_entailment"]),
    "super_glue/wic": _labelled([]),
    "super_glue/copa": _labelled([]),
    "super_glue/boolq": _labelled([]),
    "super_glue/wsc.fixed": _wsc,
    "super_glue/multirc": _multirc,
    "story_cloze/2016": _story_cloze,
    "crows_pairs": _crows_pairs,
}

# Task of promptsource11 -> data set, and where its file is expected: the first that is there.
SUITES = {
    "promptsource11": {
        "anli_r1": ("anli", ["anli_v1.0/R1/dev.jsonl"]),
        "anli_r2": ("anli", ["anli_v1.0/R2/dev.jsonl"]),
        "anli_r3": ("anli", ["anli_v1.0/R3/dev.jsonl"]),
        "cb": ("super_glue/cb", ["CB/val.jsonl"]),
        "rte": ("super_glue/rte", ["RTE/val.jsonl"]),
        "story_cloze": ("story_cloze/2016", ["story_cloze/cloze_test_val__spring2016 - cloze_test_ALL_val.csv",
                                             "story_cloze/cloze_test_val__spring2016.csv"]),
        "wsc": ("super_glue/wsc.fixed", ["WSC/val.jsonl"]),
        "wic": ("super_glue/wic", ["WiC/val.jsonl"]),
        "winogrande": ("winogrande/winogrande_xl", ["winogrande_1.1/dev.jsonl"]),
        "winogender": ("super_glue/axg", ["AX-g/AX-g.jsonl"]),
        "crows_pairs": ("crows_pairs", ["crows-pairs/data/crows_pairs_anonymized.csv", "crows_pairs_anonymized.csv"]),
    }
}


# ---- Rows ----


def render(templates, examples, task, limit=0):
    """Yields a row for each example under each template that applies to it."""
    renderer = Renderer()
    for number, example in enumerate(examples):
        if limit and number >= limit:
            return
        for template in templates:
            name = template["name"]
            made = renderer.apply(template, example, f"{task}/{name}/{number}")
            if made:
                prompt, choices, answer = made
                yield {"id": f"{task}/{name}/{number}", "task": task, "template": name, "example": number,
                       "instruction": prompt, "choices": choices, "answer": answer}


def _find(folder, paths):
    for path in paths:
        for end in ("", ".gz"):
            if os.path.exists(os.path.join(folder, path + end)):
                return os.path.join(folder, path + end)
    return None


def _write_suite(args):
    data, out = args.files
    os.makedirs(out, exist_ok=True)
    found = 0
    for task, (dataset, paths) in SUITES[args.suite].items():
        path = _find(data, paths)
        if path is None:
            print(f"missing: {task}: {os.path.join(data, paths[0])}", file=sys.stderr)
            continue
        found += 1
        templates = read_templates(args.templates, dataset)
        n = 0
        with open(os.path.join(out, task + ".jsonl"), "w", encoding="utf-8") as f:
            for n, row in enumerate(render(templates, READERS.get(dataset, _lines)(path), task, args.limit), 1):
                f.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(f"{task}: {n} rows, {len(templates)} templates", file=sys.stderr)
    if not found:
        sys.exit(f"{data} has none of the files: docs/reproduce.md lists them")


def main():
    parser = argparse.ArgumentParser(prog="python -m cappy.promptsource", description=__doc__.split("\n\n")[0])
    parser.add_argument("--templates", required=True, metavar="DIR", help="folder of PromptSource's templates")
    parser.add_argument("--dataset", help="such as super_glue/cb: whose templates to use, and how to read FILE")
    parser.add_argument("--task", help="what rows are called; the last part of --dataset if not given")
    parser.add_argument("--suite", choices=sorted(SUITES), help="render all of a benchmark: DATA OUT")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the first N examples")
    parser.add_argument("files", nargs="+", help="FILE of examples; or with --suite, folders DATA and OUT")
    args = parser.parse_args()
    if args.suite:
        if args.dataset or len(args.files) != 2:
            parser.error("--suite takes two folders, DATA and OUT, and no --dataset")
        _write_suite(args)
        return
    if not args.dataset:
        parser.error("--dataset or --suite is needed")
    task = args.task or args.dataset.rsplit("/", 1)[-1]
    templates = read_templates(args.templates, args.dataset)
    for path in args.files:
        for row in render(templates, READERS.get(args.dataset, _lines)(path), task, args.limit):
            print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
