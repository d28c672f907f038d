/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/page.h"

#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--back:#fff;--text:#1c2430;--soft:#5c6675;--line:#dde2e9;"
    "--card:#f6f8fa;--plain:#98a2b0;--alone:#b8860b;--consensus:#c77700;--base:#8250df;--scorer:#"
    "0969da;--mix:#1a7f37;--oracle:#57606a;--low:#cf4a3c;--middle:#d9a300;"
    "--high:#2a9d5c}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#10151c;--text:#e4e9f0;--soft:#98a4b3;"
    "--line:#2c3541;--card:#19202a;--random:#7d8896;--first:#7d8896;--majority:#7d8896;"
    "--consensus:#f0a63a;--base:#b392f0;--scorer:#58a6ff;--mix:#4cc76a;--oracle:#aab4c0;"
    "--low:#f0756a;--middle:#e3b83c;--high:#4fc17f}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1120px;padding:24px 20px 60px;"
    "background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:26px;margin:0 0 4px}p~h1{margin-top:64px}h2{font-size:19px;margin:36px 0 "
    "8px}p{margin:6px 0 12px}\n"
    ".soft,td.soft{color:var(--soft)}.grid2{display:grid;gap:20px 28px;"
    "grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}\n"
    "figure{margin:0;padding:14px 14px 8px;background:var(--card);border:1px solid var(--line);"
    "border-radius:8px}figcaption{font-weight:600;margin-bottom:6px}figure p{font-size:13px;"
    "color:var(--soft);margin:4px 0}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:4px 10px;border-bottom:1px solid var(--line);"
    "white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}td "
    ".soft{margin-left:.4em}th{color:var(--soft);font-weight:500}\n"
    "td.wide{width:45%;min-width:160px}th.wide{text-align:center}.wrap{overflow-x:auto}.wrap+.wrap{"
    "margin-top:20px}"
    "tr.strong td{font-weight:600}@media(max-width:640px){td .soft,th.wide,td.wide{display:none}"
    "th,td{padding:4px 6px}th:first-child,td:first-child{white-space:normal;overflow-wrap:anywhere}"
    "th:first-child,td:first-child{min-width:7em}}\n"
    "svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}"
    ".grid{stroke:var(--line)}.axis{stroke:var(--soft)}.mark,.title{fill:var(--soft)}"
    ".key{fill:var(--text)}.line{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    ".range{stroke-width:9;stroke-opacity:.3}.point{stroke-width:3}\n"
    ".swatch{display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:5px}\n"
#define COLOUR(name, colour)                                                                       \
    ".c-" name "{stroke:var(--" colour ")}.bar.c-" name ",.dot.c-" name "{fill:var(--" colour      \
    ");stroke:none}.swatch.c-" name "{background:var(--" colour ")}\n"
#define SAME(name)  COLOUR(name, name)
#define PLAIN(name) COLOUR(name, "plain")
    PLAIN("random") PLAIN("first") PLAIN("shortest") PLAIN("longest") PLAIN("source") PLAIN(
        "majority") SAME("alone") SAME("consensus") SAME("base") SAME("scorer") COLOUR("calibrated",
                                                                                       "base")
        COLOUR("vote", "middle") SAME("mix") SAME("oracle") SAME("low") SAME("middle") SAME("high")
#undef PLAIN
#undef SAME
#undef COLOUR
            ".case{border:1px solid var(--line);border-radius:8px;padding:10px 14px;margin:10px 0;"
            "background:var(--card)}.case pre{margin:0 0 "
            "8px;white-space:pre-wrap;overflow-wrap:anywhere;"
            "font:13px/1.45 ui-monospace,monospace;max-height:9.5em;overflow-y:auto}\n"
            ".pick{display:grid;grid-template-columns:5.5em 4em 1fr;gap:8px;align-items:baseline;"
            "padding:3px 0;border-top:1px solid var(--line)}.pick span:last-child{"
            "overflow-wrap:anywhere}.better{color:var(--high)}.worse{color:var(--low)}\n";

cappy_status cappy_page_begin(cappy_text title, struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(cappy_buffer_format(out, error,
                                  "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
                                  "<meta name=viewport content=\"width=device-width\">\n"
                                  "<title>"));
    CAPPY_TRY(cappy_page_text(title, SIZE_MAX, out, error));
    CAPPY_TRY(cappy_buffer_format(out, error, "</title>\n<style>\n"));
    CAPPY_TRY(cappy_buffer_append(out, style, sizeof style - 1, error));
    return cappy_buffer_format(out, error, "</style>\n");
}

cappy_status cappy_page_end(struct cappy_buffer *out, cappy_error *error)
{
    return cappy_buffer_format(out, error, "</html>\n");
}

cappy_status cappy_page_text(cappy_text text, size_t limit, struct cappy_buffer *out,
                             cappy_error *error)
{
    size_t n = text.size < limit ? text.size : limit;
    while (n < text.size && n > 0 && ((unsigned char)text.data[n] & 0xC0u) == 0x80u) {
        n--; /* no character is cut in two */
    }
    for (size_t i = 0; i < n; i++) {
        const char c = text.data[i];
        const char *name = c == '<'   ? "&lt;"
                           : c == '>' ? "&gt;"
                           : c == '&' ? "&amp;"
                           : c == '"' ? "&quot;"
                                      : NULL;
        const bool is_control = ((unsigned char)c < ' ' && c != '\n' && c != '\t') || c == 127;
        CAPPY_TRY(name != NULL ? cappy_buffer_append(out, name, strlen(name), error)
                               : cappy_buffer_append(out, is_control ? " " : &c, 1, error));
    }
    return n < text.size ? cappy_buffer_append(out, " …", strlen(" …"), error) : CAPPY_OK;
}
