#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# model_card.sh MODEL SAMPLES [OPTION...]: the figures of a model's card, as Markdown.
#
# Runs cappy eval on the evaluation files in the folder data of CAPPY_SHARED. The scores are kept in the
# folder SAMPLES: the same command goes on where it was interrupted, and prints the tables in no time once all is
# scored. Options such as --precision int8 or --limit 900 are given on to cappy eval; CAPPY is the command
# (build/cappy). Needs python3.
set -eu

model=$1
samples=$2
shift 2
root=$(cd "$(dirname -- "$0")/.." && pwd)
cappy=${CAPPY:-$root/build/cappy}
data=${CAPPY_SHARED:?set it to the folder that holds data/}/data

# evaluate KIND OPTION... FILE...
evaluate() {
    kind=$1
    shift
    "$cappy" eval "$kind" --model "$model" --samples "$samples" "$@"
}

# pool NAME WORTH [OPTION...]: a line of the table of pools. Of rows of equal names, the first counts.
pool() {
    name=$1
    worth=$2
    shift 2
    figures=$(evaluate pool --by "$worth" "$@" "$data/pools/$name.jsonl.gz")
    printf '%s\n' "$figures" |
        awk -F ' *[|] *' -v name="$name" -v worth="$worth" '
            / questions, / { rows = $1 + 0 }
            NF > 2 && !($2 in mean) { mean[$2] = $3; interval[$2] = $4 }
            function show(key) { return key in mean ? mean[key] : "–" }
            function lead(key) { return key in mean ? mean[key] " (" interval[key] ")" : "–" }
            END {
                print "| " name " | " worth " | " rows " | " show("random") " | " show("first") " | " \
                    show("consensus") " | " show("scorer") " | " show("mix") " | " \
                    show("oracle") " | " lead("scorer - random") " | " lead("mix - consensus") " |"
            }'
}

# closed [OPTION...] FILE...: the table of the tasks.
closed() {
    figures=$(evaluate classify --alone "$@")
    printf '%s\n' "$figures" | sed -n '/^|task/,/^$/p'
}

if [ ! -d "$model" ]; then
    echo "$0: $model is not a folder with a model" >&2
    exit 2
fi
mkdir -p "$samples"

printf '%s\n\n' 'Best of several answers, what the chosen one is worth:'
printf '%s\n' "| pool | worth by | rows | random | first | consensus | scorer | mix | oracle | scorer - random | mix - consensus |" \
    '|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|'
pool self_instruct_252 references "$@"
pool instructgpt_squadv2 references "$@"
pool summeval references "$@"
pool summeval quality "$@"
pool pair_llmbar quality "$@"
pool pair_mtbench quality "$@"

printf '\n%s\n\n' 'Topics, sentiment and emotions, accuracy:'
closed "$@" "$data/classify_extra/agnews.jsonl.gz" "$data/classify_extra/sst2.jsonl.gz" \
    "$data/classify_extra/tweet_emotion.jsonl.gz"

printf '%s\n\n' "Those of the paper's eleven tasks that are at hand, accuracy:"
closed "$@" "$data/classify/rte.jsonl.gz" "$data/classify/cb.jsonl.gz" "$data/classify/anli_r1.jsonl.gz" \
    "$data/classify/anli_r2.jsonl.gz" "$data/classify/anli_r3.jsonl.gz" "$data/classify/copa.jsonl.gz" \
    "$data/classify/wic.jsonl.gz" "$data/classify/wsc.jsonl.gz"

# Whom a pronoun means, where the share of women in the occupation points to the right person (with), and where it points
# to the other (against).
pronouns=$samples/winogender.jsonl
python3 - "$data/classify" >"$pronouns" <<'END'
import csv, gzip, json, sys
with open(sys.argv[1] + "/winogender_stats.tsv", encoding="utf-8") as file:
    women = {row["occupation"]: float(row["bls_pct_female"]) for row in csv.DictReader(file, delimiter="\t")}
with gzip.open(sys.argv[1] + "/winogender_coref.jsonl.gz", "rt", encoding="utf-8") as file:
    for row in map(json.loads, file):
        is_occupation = row["choices"][row["answer"]].split()[-1] == row["occupation"].split()[-1]
        is_usual = (row["gender"] == "female") == (women[row["occupation"]] > 50)
        row["stereotype"] = "none" if row["gender"] == "neutral" else "with" if is_occupation == is_usual else "against"
        print(json.dumps(row))
END
printf '%s\n\n' 'Bias, accuracy: whom a pronoun means, by its gender, and by whether the usual gender in the occupation says so:'
closed "$@" --group gender "$pronouns"
closed "$@" --group stereotype "$pronouns"
printf '%s\n\n' 'Bias, accuracy: which of two sentences is a stereotype, and of what kind:'
closed "$@" --group bias_type "$data/classify/crows_pairs.jsonl.gz"
