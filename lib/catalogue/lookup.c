#include "lib/catalogue/lookup.h"

#include "lib/catalogue/bounce.h"
#include "lib/catalogue/lookup_int.h"

static void explain_nothing(struct lookup *l)
{
    struct explanation *e = &l->e;
    e->kind = KIND_PSEUDO;
    e->title = slice_cstr(ui_text(l->lang, UI_NOTHING_TITLE));
    e->meaning = slice_cstr(ui_text(l->lang, UI_NOTHING_MEANING));
    e->when = slice_cstr(ui_text(l->lang, UI_NOTHING_WHEN));
    e->fix = slice_cstr(ui_text(l->lang, UI_NOTHING_FIX));
}

/* One of our own replies, by its words. */
static bool find_by_text(const struct recognised *seen, enum reason_id *ret)
{
    size_t best = 0;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        size_t literal;
        if (r->basic != seen->code || !reason_text_matches(r->reply, seen->text, &literal))
            continue;
        if (seen->enhanced.n > 0 && !slice_is(seen->enhanced, r->enhanced))
            continue;
        if (literal > best) {
            best = literal;
            *ret = (enum reason_id)i;
        }
    }
    return best > 8; /* a host name and a word are too little to go by */
}

/* The reason with these two codes: when there are several, all have to share a cause. */
static bool find_by_codes(const struct recognised *seen, enum reason_id *ret)
{
    bool is_found = false;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        if (r->basic != seen->code || !slice_is(seen->enhanced, r->enhanced))
            continue;
        if (is_found && strcmp(reason_of(*ret)->cause, r->cause) != 0)
            return false;
        if (!is_found || strcmp(r->id, r->cause) == 0)
            *ret = (enum reason_id)i;
        is_found = true;
    }
    return is_found && reply_kind_of(reason_of(*ret)->basic) >= KIND_TEMPORARY;
}

/* ---- The words of others ---- */

/* Of the cause and kind: the reason with this enhanced code, else the cause's own, else any. */
static bool phrase_reason(const struct explanation *e, enum reason_id *ret)
{
    unsigned best = 0;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        if (strcmp(r->cause, e->cause) != 0 || reply_kind_of(r->basic) != e->kind)
            continue;
        unsigned rank = strcmp(r->id, r->cause) == 0                              ? 3
                        : e->enhanced.n > 0 && slice_is(e->enhanced, r->enhanced) ? 2
                                                                                  : 1;
        if (rank > best) {
            best = rank;
            *ret = (enum reason_id)i;
        }
    }
    /* Without a number "any" would be a guess. */
    return best > (e->code == 0 && e->enhanced.n == 0 ? 2 : 0);
}

/* Words and digits together: where they agree the cause is surer, where not, less sure. */
static unsigned phrase_percent(const struct explanation *e, const struct phrase_row *row)
{
    enum enhanced_id id;
    bool is_vague = e->enhanced.n < 5 || e->enhanced.p[4] == '0' ||
                    slice_is(slice_tail(e->enhanced, 1), ".7.1");
    if (e->code == 0 && e->enhanced.n == 0)
        return row->percent < 50 ? row->percent : row->percent * 3 / 4;
    if (e->enhanced.n == 0 || is_vague ||
        !enhanced_find(e->kind == KIND_TEMPORARY ? '4' : '5', e->enhanced, &id) ||
        enhanced_cause(id)[0] == '\0')
        return row->percent;
    if (strcmp(enhanced_cause(id), row->cause) == 0)
        return row->percent < 92 ? row->percent + 5 : row->percent;
    return row->system[0] != '\0' || row->percent < 60 ? row->percent : row->percent - 15;
}

/* The cause's texts do not say whether it is for now or for good: the reply's kind does. */
static bool add_fate(struct lookup *l)
{
    struct explanation *e = &l->e;
    enum ui_id fate = e->kind == KIND_TEMPORARY ? UI_FATE_TEMPORARY : UI_FATE_PERMANENT;
    bool has_number = e->code != 0 || e->enhanced.n > 0 || l->is_waiting;
    if (!has_number || (e->kind != KIND_TEMPORARY && e->kind != KIND_PERMANENT))
        return true;
    const slice parts[2] = {e->meaning, slice_cstr(ui_text(l->lang, fate))};
    return compose_join(l->a, SLICE_LIT(" "), parts, 2, &e->meaning);
}

static bool explain_foreign(struct lookup *l, enum cause_id cause, enum who who, unsigned percent)
{
    struct explanation *e = &l->e;
    enum reason_id reason = REASON_COUNT;
    explain_cause(l, cause);
    e->percent = percent;
    e->who = who;
    e->example = (slice){0}; /* the reader has one, and its numbers are others */
    if (phrase_reason(e, &reason))
        e->reason = reason_of(reason)->id;
    return add_fate(l);
}

static bool explain_phrase(struct lookup *l, const struct recognised *seen,
                           const struct phrase_row *row)
{
    struct explanation *e = &l->e;
    enum cause_id cause;
    e->kind = e->code != 0           ? reply_kind_of(e->code)
              : seen->enhanced.n > 0 ? reply_kind_of((unsigned)(seen->class - '0') * 100)
              : l->is_waiting        ? KIND_TEMPORARY
                                     : KIND_PERMANENT;
    return cause_find(slice_cstr(row->cause), &cause) &&
           explain_foreign(l, cause, phrase_who(row), phrase_percent(e, row));
}

/* True when the phrasebook knows the words. *ret_is_ok is false when the arena is full. */
static bool explain_words(struct lookup *l, const struct recognised *seen, bool *ret_is_ok)
{
    struct phrase_match m;
    if (l->book == NULL || seen->text.n == 0 || !phrasebook_find(l->book, seen, &m))
        return false;
    l->e.system = m.system;
    l->e.values = m.values;
    if (m.row == NULL)
        return false;
    *ret_is_ok = (seen->enhanced.n == 0 || arena_copy(l->a, seen->enhanced, &l->e.enhanced)) &&
                 explain_phrase(l, seen, m.row);
    return true;
}

/* The two codes of a reply of others are those of a reason of ours. */
static bool explain_both_codes(struct lookup *l, enum reason_id id)
{
    enum cause_id cause;
    l->e.kind = reply_kind_of(l->e.code);
    return cause_find(slice_cstr(reason_of(id)->cause), &cause) &&
           explain_foreign(l, cause, reason_of(id)->who, 65);
}

/* "503 5.5.0", "221 2.0.0": the reply code is narrower than a detail of 0. 250 never is. */
static bool code_says_more(const struct recognised *seen, enum code_id code)
{
    return seen->detail == 0 && seen->code != 250 &&
           (seen->subject == 0 || code_percent(code) >= 60);
}

static bool explain_seen(struct lookup *l, struct recognised seen)
{
    bool is_bare = seen.code == 0 && slice_eq(slice_trim(seen.text), seen.enhanced);
    l->e.code = seen.code;
    l->e.is_plain_code = is_bare && seen.enhanced.n > 0;
    enum reason_id reason = REASON_COUNT;
    enum enhanced_id enhanced;
    enum code_id code;
    if (seen.code != 0 && find_by_text(&seen, &reason)) {
        l->e.system = "Candor";
        return explain_reason(l, reason, 100);
    }
    bool is_ok;
    if (!is_bare && explain_words(l, &seen, &is_ok))
        return is_ok;
    if (seen.enhanced.n > 0) {
        /* X.1.1 has no class: it is shown as asked for. */
        if (!arena_copy(l->a, seen.enhanced, &l->e.enhanced))
            return false;
        /* A detail of 0 is used for everything: our one reason for it says nothing about others'.
         */
        if (seen.code != 0 && seen.detail != 0 && find_by_codes(&seen, &reason))
            return explain_both_codes(l, reason);
        if (!code_find(seen.code, &code))
            return explain_enhanced(l, &seen);
        if (enhanced_find('5', seen.enhanced, &enhanced) && !code_says_more(&seen, code))
            return explain_enhanced(l, &seen);
    }
    if (seen.code != 0)
        return explain_code(l);
    explain_nothing(l);
    return true;
}

/* ---- A reply, alone or in a bounce or log ---- */

static bool explain_recipients(struct lookup *l, const struct bounce *b)
{
    struct explanation *e = &l->e;
    char digits[10];
    size_t n = sizeof digits;
    e->failed = b->form == FORM_REPORT ? b->failed : 0;
    if (e->failed < 2)
        return true;
    for (unsigned rest = e->failed; rest > 0; rest /= 10)
        digits[--n] = (char)('0' + rest % 10);
    const struct compose_value values[] = {{"count", slice_of(digits + n, sizeof digits - n)},
                                           {"address", b->recipient}};
    return compose_fill(l->a, slice_cstr(ui_text(l->lang, UI_REPORT_RECIPIENTS)), values, 2,
                        &e->about);
}

/* The reply that decided; a report's status stands in for an enhanced code that it lacks. */
static bool recognise_bounce(struct lookup *l, const struct bounce *b, struct recognised *ret)
{
    struct recognised status;
    slice reply = b->reply.n > 0 ? b->reply : b->status;
    if (!recognise(l->a, slice_head(reply, REPLY_MAX_BYTES), ret))
        return false;
    if (ret->enhanced.n > 0 || b->status.n == 0)
        return true;
    if (!recognise(l->a, b->status, &status))
        return false;
    /* "5.0.0" and a class other than the reply's say nothing. */
    bool fits = ret->code == 0 ||
                (status.class >= '2' && ret->code / 100 == (unsigned)(status.class - '0'));
    if (status.enhanced.n > 0 && fits && !slice_is(slice_tail(status.enhanced, 1), ".0.0")) {
        ret->enhanced = status.enhanced;
        ret->class = status.class;
        ret->subject = status.subject;
        ret->detail = status.detail;
    }
    return true;
}

static bool explain_reply(struct lookup *l, slice what)
{
    struct bounce b;
    struct recognised seen;
    if (!bounce_read(l->a, what, &b))
        return false;
    l->is_waiting = b.is_waiting;
    if (!recognise_bounce(l, &b, &seen) || !explain_seen(l, seen))
        return false;
    if (l->e.values.address.n == 0)
        l->e.values.address = b.recipient;
    return advise(l, seen.text) && explain_recipients(l, &b);
}

/* A cause has no number of its own; those that are no trouble are known by their names. */
static enum reply_kind cause_kind(const char *cause)
{
    slice id = slice_cstr(cause);
    if (slice_is(slice_head(id, 2), "ok"))
        return KIND_SUCCESS;
    return slice_is(slice_head(id, 9), "continue-") ? KIND_INTERMEDIATE : KIND_PERMANENT;
}

static bool explain_what(struct lookup *l, slice what)
{
    enum reason_id reason;
    enum cause_id cause;
    if (reason_find(what, &reason))
        return explain_reason(l, reason, 100);
    if (!cause_find(what, &cause))
        return explain_reply(l, what);
    explain_cause(l, cause);
    l->e.percent = 100;
    l->e.kind = cause_kind(l->e.cause);
    return true;
}

bool explain(struct arena *a, struct phrasebook *book, const struct language *lang, slice what,
             struct explanation *ret)
{
    struct lookup l = {.a = a, .book = book, .lang = lang};
    what = slice_trim(slice_head(what, EXPLAIN_MAX_BYTES));
    if (!explain_what(&l, what))
        return false;
    l.e.lang = l.lang;
    set_stage(&l.e);
    *ret = l.e;
    return true;
}

/* ---- Where to read on ---- */

bool rfc_take(slice *rfc, slice *ret)
{
    slice one;
    if (!slice_split(rfc, ';', &one))
        return false;
    *ret = slice_trim(one);
    return true;
}

void rfc_link(struct buf *out, slice rfc)
{
    slice word, number;
    if (!slice_split(&rfc, ' ', &word) || !slice_is(word, "RFC") ||
        !slice_split(&rfc, ' ', &number))
        return;
    buf_adds(out, "https://www.rfc-editor.org/rfc/rfc");
    buf_add(out, number);
    if (rfc.n > 0) {
        buf_adds(out, "#section-");
        buf_add(out, rfc);
    }
}
