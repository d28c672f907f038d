# SPDX-License-Identifier: Apache-2.0
"""Strings that break tokenizers: every list here is made of code points by rule, so that it stays short."""
import random

SPECIALS = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"]
SPACES = [chr(c) for c in (9, 10, 11, 12, 13, 0x1C, 0x1F, 0x20, 0x85, 0xA0, 0x1680, 0x180E, 0x2000, 0x2003, 0x200A,
                           0x200B, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)]
MARKS = [chr(c) for c in (0x300, 0x301, 0x308, 0x30A, 0x315, 0x31B, 0x323, 0x327, 0x334, 0x338, 0x345, 0x34F, 0x35C,
                          0x591, 0x5B0, 0x5BC, 0x64B, 0x651, 0x93C, 0x94D, 0xE38, 0xE48, 0xF71, 0xF72, 0x1CED, 0x1DCE,
                          0x20D0, 0x20E3, 0x302A, 0x302E, 0x3099, 0xFB1E, 0xFE0F, 0x1D165, 0x1D16D, 0x16FF0, 0x1E94A)]
EMOJI = ["\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466", "\U0001F3F3\uFE0F\u200D\U0001F308",
         "\U0001F44D\U0001F3FD", "\U0001F1E9\U0001F1EA", "1\uFE0F\u20E3", "\u2764\uFE0F\u200D\U0001F525",
         "\U0001F3F4\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F", "\U0001FAE0", "\u263A"]
WORDS = ["It's", "we'll", "I'VE", "don't", "'tis", "''s", "naïve", "Straße", "İstanbul", "ΑΣΣ", "ŉ", "ﬁne", "Å", "A\u030A",
         "مرحبا", "שָׁלוֹם", "नमस्ते", "สวัสดี", "안녕하세요", "\u1100\u1161\u11A8", "中文字", "日本語のテスト", "Tiếng", "Việt",
         "русский", "ЙОЖ", "ǅ", "ß", "ſ", "K", "x²", "½", "Ⅷ", "٣٤", "１２３", "①", "e=mc^2", "$100.00", "a_b-c", "http://x.y/?z=1#q",
         "...", "—", "“quoted”", "¿qué?", "\\n", "%s%n", "<script>", "'; DROP TABLE", "NULL", "../..", "0x7f", "1e309", "-0",
         "𝕬𝖇𝖈", "𠀋", "\U0002B740", "\U0002F800", "\uF900", "\u3400", "\u202Eabc\u202C", "\u0000", "\u0007", "\u001B[31m",
         "\uFFFD", "\uFFFE", "\U0010FFFF", "\uE000", "\u0378", "\u00AD", "\u034F", "\uFEFF", "zal\u0321\u031B\u0334go"]
ILL_FORMED = [b"\x80", b"\xff", b"\xc0\xaf", b"\xc3", b"\xe2\x82", b"\xe2\x28\xa1", b"\xed\xa0\x80", b"\xed\xb0\x80",
              b"\xf0\x9f\x92", b"\xf0\x9f", b"\xf5\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf0\x80\x80\x80",
              b"\xe0\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xc3\xc3\xa9", b"\xe2\x82\xe2\x82\xac"]


def fixed():
    """Each item alone, between letters and between spaces; then some made by hand. Bytes."""
    items = SPECIALS + SPACES + MARKS + EMOJI + WORDS
    texts = [before + item + behind for item in items for before, behind in (("", ""), ("a", "b"), ("x ", " y"))]
    texts += [a + b + "end" for a in SPACES for b in SPACES]
    texts += ["a" + a + b for a in MARKS for b in MARKS]
    texts += ["text" + a + s + b + "text" for s in SPECIALS for a in SPACES for b in ("", " ", "\n")]
    texts += ["", " ", "  ", "\n", " \n ", "a" * 99, "a" * 100, "a" * 101, "é" * 100, "é" * 101, "ab" * 300, " " * 300,
              "\u0301" * 300, "<s" * 50, "<<s>>", "< s>", "<s><s></s>", "[CLS][SEP]", "[cls]", "[ CLS ]", "<MASK>"]
    texts += ["a" + "".join(MARKS * k) for k in (1, 2, 10)]
    out = [t.encode() for t in texts]
    out += [form % item for item in ILL_FORMED for form in (b"%s", b"a%sb", b" %s ", b"%s.")]
    return out


def mixed(n, seed):
    """n random texts of all of it. Bytes."""
    rng = random.Random(seed)
    pools = [SPECIALS, SPACES, MARKS, EMOJI, WORDS]
    texts = []
    for _ in range(n):
        parts = []
        for _ in range(rng.randint(1, 30)):
            kind = rng.random()
            if kind < 0.70:
                parts.append(rng.choice(rng.choice(pools)).encode())
            elif kind < 0.85:
                code_point = rng.choice([rng.randrange(0x80), rng.randrange(0x3000), rng.randrange(0x110000)])
                parts.append(b"?" if 0xD800 <= code_point <= 0xDFFF else chr(code_point).encode())
            elif kind < 0.95:
                parts.append(b" ")
            else:
                parts.append(rng.choice(ILL_FORMED))
        texts.append(b"".join(parts))
    return texts
