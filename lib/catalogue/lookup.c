#include "lib/catalogue/lookup.h"

#include "lib/catalogue/blocklist.h"
#include "lib/catalogue/bounce.h"
#include "lib/catalogue/lookup_int.h"
#include "lib/catalogue/recognise.h"

enum code_sort { STANDARD, EXTENSION, REGISTRY, DRAFT, VENDOR, UNOFFICIAL };

static const struct code_row {
    unsigned number;
    enum code_sort sort;
    enum code_stage stage;
    enum code_scope scope;
    const char *cause;
    unsigned percent;
    const char *rfc;
} code_rows[CODE_COUNT] = {
#define CODE(number, sort, stage, scope, cause, percent, rfc, title, meaning, when, fix)           \
    [CODE_##number] = {number, sort, STAGE_##stage, SCOPE_##scope, cause, percent, rfc},
#include "lib/catalogue/codes.def"
#undef CODE
};

static const struct enhanced_row {
    const char *id; /* "X.1.1" */
    unsigned basic;
    const char *cause;
    const char *rfc;
} enhanced_rows[ENHANCED_COUNT] = {
#define ENHANCED(name, id, basic, cause, rfc, title) [ENHANCED_##name] = {id, basic, cause, rfc},
#include "lib/catalogue/enhanced.def"
#undef ENHANCED
};

/* What one explanation is made with. */
struct lookup {
    struct arena *a;
    struct phrasebook *book; /* or NULL */
    const struct language *lang;
    struct explanation e;
};

static bool code_find(unsigned number, enum code_id *ret)
{
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        if (code_rows[i].number == number) {
            *ret = (enum code_id)i;
            return true;
        }
    }
    return false;
}

/* id begins with "X" or a class; only what follows counts. */
static bool enhanced_find(slice id, enum enhanced_id *ret)
{
    for (unsigned i = 0; i < ENHANCED_COUNT; i++) {
        if (slice_is(slice_tail(id, 1), enhanced_rows[i].id + 1)) {
            *ret = (enum enhanced_id)i;
            return true;
        }
    }
    return false;
}

/* The reason that explains a cause: the one of the same name, else the first. */
static bool cause_reason(slice cause, enum reason_id *ret)
{
    if (reason_find(cause, ret) && slice_is_ci(cause, reason_of(*ret)->cause))
        return true;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (slice_is_ci(cause, reason_of((enum reason_id)i)->cause)) {
            *ret = (enum reason_id)i;
            return true;
        }
    }
    return false;
}

static enum class_id class_of(enum reply_kind kind)
{
    static const enum class_id classes[] = {
        [KIND_SUCCESS] = CLASS_SUCCESS,     [KIND_INTERMEDIATE] = CLASS_INTERMEDIATE,
        [KIND_TEMPORARY] = CLASS_TEMPORARY, [KIND_PERMANENT] = CLASS_PERMANENT,
        [KIND_PSEUDO] = CLASS_PSEUDO,
    };
    return classes[kind];
}

static enum who who_of_kind(enum reply_kind kind)
{
    return kind == KIND_PERMANENT || kind == KIND_PSEUDO ? WHO_SENDER_ADMIN : WHO_NOBODY;
}

static enum class_id digit_of(unsigned code)
{
    static const enum class_id digits[] = {CLASS_DIGIT_0, CLASS_DIGIT_1, CLASS_DIGIT_2,
                                           CLASS_DIGIT_3, CLASS_DIGIT_4, CLASS_DIGIT_5};
    unsigned digit = code / 10 % 10;
    return digit < 6 ? digits[digit] : CLASS_DIGIT_OTHER;
}

static enum class_id subject_of(unsigned subject)
{
    static const enum class_id subjects[] = {CLASS_SUBJECT_0, CLASS_SUBJECT_1, CLASS_SUBJECT_2,
                                             CLASS_SUBJECT_3, CLASS_SUBJECT_4, CLASS_SUBJECT_5,
                                             CLASS_SUBJECT_6, CLASS_SUBJECT_7};
    return subject < 8 ? subjects[subject] : CLASS_SUBJECT_OTHER;
}

static slice class_slice(const struct lookup *l, enum class_id id, enum text_field field)
{
    return slice_cstr(class_text(l->lang, id, field));
}

static void set_stage(struct explanation *e)
{
    enum code_id id;
    char subject = e->enhanced.n > 2 ? e->enhanced.p[2] : '5';
    bool is_address = subject == '1' || subject == '2';
    e->stage = is_address ? STAGE_ENVELOPE : subject == '6' ? STAGE_CONTENT : STAGE_ANYWHERE;
    e->scope = is_address ? SCOPE_ADDRESS : subject == '5' ? SCOPE_COMMAND : SCOPE_MESSAGE;
    if (code_find(e->code, &id)) {
        e->stage = code_rows[id].stage;
        e->scope = code_rows[id].scope;
    }
}

/* The texts of the class, where nothing finer is known. */
static void set_class_texts(struct lookup *l)
{
    enum class_id class = class_of(l->e.kind);
    l->e.when = class_slice(l, class, TEXT_WHEN);
    l->e.fix = class_slice(l, class, TEXT_FIX);
}

/* ---- A reason ---- */

static void explain_reason(struct lookup *l, enum reason_id id, unsigned percent)
{
    const struct reason *r = reason_of(id);
    struct explanation *e = &l->e;
    if (!reason_is_translated(l->lang, id))
        l->lang = language_english();
    e->reason = r->id;
    e->cause = r->cause;
    e->percent = percent;
    e->is_known = true;
    e->is_plain_code = false;
    e->code = e->code == 0 ? r->basic : e->code;
    e->enhanced = e->enhanced.n == 0 ? slice_cstr(r->enhanced) : e->enhanced;
    e->kind = reply_kind_of(e->code);
    e->who = r->who;
    e->title = slice_cstr(reason_text(l->lang, id, TEXT_TITLE));
    e->meaning = slice_cstr(reason_text(l->lang, id, TEXT_MEANING));
    e->when = slice_cstr(reason_text(l->lang, id, TEXT_WHEN));
    e->fix = slice_cstr(reason_text(l->lang, id, TEXT_FIX));
    e->rfc = slice_cstr(r->rfc);
    e->related = slice_cstr(r->related);
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

/* ---- An enhanced code ---- */

/* Whether a reason is sent with this code and is of the explanation's kind. */
static bool sends(const struct reason *r, const struct explanation *e, slice enhanced)
{
    return slice_is(enhanced, r->enhanced) && reply_kind_of(r->basic) == e->kind;
}

/* The reason that tells best what an enhanced code means in this class: one that is sent with this
 * very code for the likeliest cause, then the cause's, unless that is of another kind (4.7.1 is not
 * a refusal for good), then any that is sent with this code. */
static bool enhanced_reason(const struct explanation *e, slice enhanced, enum reason_id *ret)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        if (sends(r, e, enhanced) && strcmp(r->cause, e->cause) == 0) {
            *ret = (enum reason_id)i;
            return true;
        }
    }
    enum reason_id of_cause;
    if (cause_reason(slice_cstr(e->cause), &of_cause) &&
        reply_kind_of(reason_of(of_cause)->basic) == e->kind) {
        *ret = of_cause;
        return true;
    }
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (sends(reason_of((enum reason_id)i), e, enhanced)) {
            *ret = (enum reason_id)i;
            return true;
        }
    }
    return false;
}

/* The reason of another kind whose steps help all the same: 5.4.7 is told as 4.4.7. */
static bool steps_reason(const struct explanation *e, slice enhanced, enum reason_id *ret)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        slice detail = slice_tail(slice_cstr(r->enhanced), 1);
        if (detail.n > 0 && slice_eq(detail, slice_tail(enhanced, 1)) &&
            strcmp(r->cause, e->cause) == 0) {
            *ret = (enum reason_id)i;
            return true;
        }
    }
    return cause_reason(slice_cstr(e->cause), ret);
}

static void use_reason(struct lookup *l, enum reason_id id, slice *ret_meaning)
{
    const struct reason *r = reason_of(id);
    struct explanation *e = &l->e;
    e->cause = r->cause;
    e->who = r->who;
    e->related = slice_cstr(r->related);
    if (e->code == 0)
        e->code = r->basic;
    if (reason_is_translated(l->lang, id)) {
        *ret_meaning = slice_cstr(reason_text(l->lang, id, TEXT_MEANING));
        e->when = slice_cstr(reason_text(l->lang, id, TEXT_WHEN));
        e->fix = slice_cstr(reason_text(l->lang, id, TEXT_FIX));
    }
}

static bool explain_enhanced(struct lookup *l, const struct recognised *seen)
{
    struct explanation *e = &l->e;
    enum enhanced_id id;
    bool is_known = enhanced_find(seen->enhanced, &id);
    unsigned class = seen->class == 'X' ? 5 : (unsigned)(seen->class - '0');
    if (e->code == 0 && is_known && enhanced_rows[id].basic / 100 == class)
        e->code = enhanced_rows[id].basic;
    e->kind = e->code != 0 ? reply_kind_of(e->code) : reply_kind_of(class * 100);
    e->is_known = is_known;
    e->who = who_of_kind(e->kind);
    set_class_texts(l);
    slice parts[3] = {{0},
                      class_slice(l, subject_of(seen->subject), TEXT_MEANING),
                      class_slice(l, class_of(e->kind), TEXT_MEANING)};
    size_t parts_n = 3;
    if (!is_known) {
        e->percent = 10;
        e->title = slice_cstr(ui_text(l->lang, UI_UNKNOWN_TITLE));
        const struct compose_value code = {"code", seen->enhanced};
        if (!compose_fill(l->a, slice_cstr(ui_text(l->lang, UI_UNKNOWN_CODE)), &code, 1, &parts[0]))
            return false;
    } else {
        e->title = slice_cstr(enhanced_title(l->lang, id));
        e->rfc = slice_cstr(enhanced_rows[id].rfc);
        e->cause = e->kind == KIND_SUCCESS ? "ok" : enhanced_rows[id].cause;
        /* X.0.0, X.7.0 and X.7.1 are used for everything. */
        e->percent = seen->detail == 0 || (seen->subject == 7 && seen->detail == 1) ? 35 : 60;
        enum reason_id reason;
        if (e->cause[0] == '\0') {
            e->cause = NULL;
            e->percent = 0;
        } else if (e->kind >= KIND_TEMPORARY && enhanced_reason(e, seen->enhanced, &reason)) {
            use_reason(l, reason, &parts[0]);
            if (parts[0].n > 0)
                parts_n = 1; /* a reason says it better than digits do */
        } else if (e->kind >= KIND_TEMPORARY && steps_reason(e, seen->enhanced, &reason)) {
            /* The steps are right, but its meaning speaks of another kind of reply. */
            unsigned code = e->code;
            slice meaning;
            use_reason(l, reason, &meaning);
            e->code = code;
        }
    }
    return compose_join(l->a, SLICE_LIT(" "), parts, parts_n, &e->meaning);
}

/* ---- A basic code ---- */

/* The names of the reasons that use this code, so that the reader finds his own. */
static bool set_related(struct lookup *l)
{
    slice ids[8];
    size_t n = 0;
    for (unsigned i = 0; i < REASON_COUNT && n < sizeof ids / sizeof ids[0]; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        if (r->basic == l->e.code)
            ids[n++] = slice_cstr(r->id);
    }
    return compose_join(l->a, SLICE_LIT(" "), ids, n, &l->e.related);
}

static bool explain_known_code(struct lookup *l, enum code_id id)
{
    const struct code_row *row = &code_rows[id];
    struct explanation *e = &l->e;
    if (!code_is_translated(l->lang, id))
        l->lang = language_english();
    e->is_known = true;
    e->kind = reply_kind_of(e->code);
    e->cause = row->cause[0] != '\0' ? row->cause : NULL;
    e->percent = row->percent;
    e->rfc = slice_cstr(row->rfc);
    e->title = slice_cstr(code_text(l->lang, id, TEXT_TITLE));
    e->who = who_of_kind(e->kind);
    set_class_texts(l);
    enum reason_id reason;
    if (e->cause != NULL && cause_reason(slice_cstr(e->cause), &reason)) {
        e->who = reason_of(reason)->who;
        if (row->percent >= 50 && e->kind >= KIND_TEMPORARY &&
            reason_is_translated(l->lang, reason)) {
            e->when = slice_cstr(reason_text(l->lang, reason, TEXT_WHEN));
            e->fix = slice_cstr(reason_text(l->lang, reason, TEXT_FIX));
        }
    }
    slice own = slice_cstr(code_text(l->lang, id, TEXT_MEANING));
    if (*code_text(l->lang, id, TEXT_FIX) != '\0') {
        e->meaning = own;
        e->when = slice_cstr(code_text(l->lang, id, TEXT_WHEN));
        e->fix = slice_cstr(code_text(l->lang, id, TEXT_FIX));
        return true;
    }
    slice parts[3] = {{0}, own, class_slice(l, class_of(e->kind), TEXT_MEANING)};
    if (row->sort == UNOFFICIAL && e->kind != KIND_PSEUDO) {
        char digits[3] = {(char)('0' + e->code / 100), (char)('0' + e->code / 10 % 10),
                          (char)('0' + e->code % 10)};
        const struct compose_value code = {"code", slice_of(digits, sizeof digits)};
        if (!compose_fill(l->a, slice_cstr(ui_text(l->lang, UI_NOT_STANDARD)), &code, 1, &parts[0]))
            return false;
        if (own.n == 0) {
            const slice sentence[2] = {e->title, SLICE_LIT(".")};
            if (!compose_join(l->a, (slice){0}, sentence, 2, &parts[1]))
                return false;
        }
    }
    return compose_join(l->a, SLICE_LIT(" "), parts, 3, &e->meaning);
}

static bool explain_unknown_code(struct lookup *l)
{
    struct explanation *e = &l->e;
    e->kind = reply_kind_of(e->code);
    e->percent = 10;
    e->who = who_of_kind(e->kind);
    e->title = slice_cstr(ui_text(l->lang, UI_UNKNOWN_TITLE));
    set_class_texts(l);
    char digits[3] = {(char)('0' + e->code / 100), (char)('0' + e->code / 10 % 10),
                      (char)('0' + e->code % 10)};
    const struct compose_value code = {"code", slice_of(digits, sizeof digits)};
    slice parts[3] = {{0}, class_slice(l, class_of(e->kind), TEXT_MEANING), {0}};
    if (e->kind != KIND_PSEUDO)
        parts[2] = class_slice(l, digit_of(e->code), TEXT_MEANING);
    return compose_fill(l->a, slice_cstr(ui_text(l->lang, UI_UNKNOWN_CODE)), &code, 1, &parts[0]) &&
           compose_join(l->a, SLICE_LIT(" "), parts, 3, &e->meaning);
}

static void explain_nothing(struct lookup *l)
{
    struct explanation *e = &l->e;
    e->kind = KIND_PSEUDO;
    e->title = slice_cstr(ui_text(l->lang, UI_NOTHING_TITLE));
    e->meaning = slice_cstr(ui_text(l->lang, UI_NOTHING_MEANING));
    e->when = slice_cstr(ui_text(l->lang, UI_NOTHING_WHEN));
    e->fix = slice_cstr(ui_text(l->lang, UI_NOTHING_FIX));
}

static bool explain_code(struct lookup *l)
{
    enum code_id id;
    l->e.is_plain_code = true;
    return (code_find(l->e.code, &id) ? explain_known_code(l, id) : explain_unknown_code(l)) &&
           set_related(l);
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
    return best > 0;
}

/* Words and digits together: where they agree the cause is surer, where not, less sure. */
static unsigned phrase_percent(const struct explanation *e, const struct phrase_row *row)
{
    enum enhanced_id id;
    bool is_vague = e->enhanced.n < 5 || e->enhanced.p[4] == '0' ||
                    slice_is(slice_tail(e->enhanced, 1), ".7.1");
    if (e->enhanced.n == 0 || is_vague || !enhanced_find(e->enhanced, &id) ||
        enhanced_rows[id].cause[0] == '\0')
        return row->percent;
    if (strcmp(enhanced_rows[id].cause, row->cause) == 0)
        return row->percent < 92 ? row->percent + 5 : row->percent;
    return row->system[0] != '\0' || row->percent < 60 ? row->percent : row->percent - 15;
}

static bool explain_phrase(struct lookup *l, const struct recognised *seen,
                           const struct phrase_row *row)
{
    struct explanation *e = &l->e;
    enum reason_id reason = REASON_COUNT;
    e->cause = row->cause;
    e->percent = phrase_percent(e, row);
    e->is_known = true;
    e->kind = e->code != 0           ? reply_kind_of(e->code)
              : seen->enhanced.n > 0 ? reply_kind_of((unsigned)(seen->class - '0') * 100)
                                     : KIND_PERMANENT;
    bool is_of_kind = phrase_reason(e, &reason);
    if (!is_of_kind && !cause_reason(slice_cstr(row->cause), &reason))
        return false;
    const struct reason *r = reason_of(reason);
    if (!reason_is_translated(l->lang, reason))
        l->lang = language_english();
    e->who = phrase_who(row);
    e->title = slice_cstr(reason_text(l->lang, reason, TEXT_TITLE));
    e->when = slice_cstr(reason_text(l->lang, reason, TEXT_WHEN));
    e->fix = slice_cstr(reason_text(l->lang, reason, TEXT_FIX));
    e->rfc = slice_cstr(r->rfc);
    e->related = slice_cstr(r->related);
    if (is_of_kind) {
        e->reason = r->id;
        e->meaning = slice_cstr(reason_text(l->lang, reason, TEXT_MEANING));
        return true;
    }
    /* Its meaning speaks of another kind of reply. */
    const slice parts[3] = {e->title, SLICE_LIT(". "),
                            class_slice(l, class_of(e->kind), TEXT_MEANING)};
    return compose_join(l->a, (slice){0}, parts, 3, &e->meaning);
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

static bool explain_seen(struct lookup *l, struct recognised seen)
{
    l->e.code = seen.code;
    enum reason_id reason = REASON_COUNT;
    enum enhanced_id enhanced;
    enum code_id code;
    if (seen.code != 0 && find_by_text(&seen, &reason)) {
        l->e.system = "Candor";
        explain_reason(l, reason, 100);
        return true;
    }
    bool is_ok;
    if (explain_words(l, &seen, &is_ok))
        return is_ok;
    if (seen.enhanced.n > 0) {
        /* X.1.1 has no class: it is shown as asked for. */
        if (!arena_copy(l->a, seen.enhanced, &l->e.enhanced))
            return false;
        if (seen.code != 0 && find_by_codes(&seen, &reason)) {
            explain_reason(l, reason, 65);
            return true;
        }
        if (enhanced_find(seen.enhanced, &enhanced) || !code_find(seen.code, &code))
            return explain_enhanced(l, &seen);
    }
    if (seen.code != 0)
        return explain_code(l);
    explain_nothing(l);
    return true;
}

/* ---- Block lists ---- */

static bool is_about_lists(const char *cause)
{
    static const char *const causes[] = {"ip-blocklisted", "ip-reputation", "domain-reputation",
                                         "dynamic-ip"};
    for (size_t i = 0; cause != NULL && i < sizeof causes / sizeof causes[0]; i++) {
        if (strcmp(cause, causes[i]) == 0)
            return true;
    }
    return false;
}

static enum ui_id listed_text(const struct blocklist *list, const struct explanation *e)
{
    if (list->state == LIST_CLOSED)
        return UI_LISTED_CLOSED;
    if (list->removal[0] == '\0')
        return UI_LISTED_NO_PAGE;
    if (list->target == TARGET_DOMAINS)
        return UI_LISTED_DOMAIN;
    return e->values.ip.n > 0 ? UI_LISTED_ADDRESS : UI_LISTED_SOMETHING;
}

/* Where the text names a list, the first step is the way off it. */
static bool advise_list(struct lookup *l, slice text)
{
    struct explanation *e = &l->e;
    enum blocklist_id id;
    if (!is_about_lists(e->cause) || !blocklist_named(text, &id))
        return true;
    const struct blocklist *list = blocklist_of(id);
    const struct compose_value values[] = {{"ip", e->values.ip},
                                           {"list", slice_cstr(list->name)},
                                           {"url", slice_cstr(list->removal)}};
    slice parts[3] = {{0}, SLICE_LIT("\n"), e->fix};
    if (list->state == LIST_CLOSED)
        e->who = WHO_RECIPIENT_ADMIN;
    e->values.list = slice_cstr(list->name);
    return compose_fill(l->a, slice_cstr(ui_text(l->lang, listed_text(list, e))), values, 3,
                        &parts[0]) &&
           compose_join(l->a, (slice){0}, parts, 3, &e->fix);
}

/* ---- A reply, alone or in a bounce or log ---- */

static bool explain_recipients(struct lookup *l, const struct bounce *b)
{
    struct explanation *e = &l->e;
    char digits[10];
    size_t n = sizeof digits;
    if (e->values.address.n == 0)
        e->values.address = b->recipient;
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
    if (!recognise(l->a, b->reply.n > 0 ? b->reply : b->status, ret))
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
    return bounce_read(l->a, what, &b) && recognise_bounce(l, &b, &seen) && explain_seen(l, seen) &&
           advise_list(l, seen.text) && explain_recipients(l, &b);
}

bool explain(struct arena *a, struct phrasebook *book, const struct language *lang, slice what,
             struct explanation *ret)
{
    struct lookup l = {.a = a, .book = book, .lang = lang};
    what = slice_trim(slice_head(what, EXPLAIN_MAX_BYTES));
    enum reason_id reason;
    if (reason_find(what, &reason) || cause_reason(what, &reason))
        explain_reason(&l, reason, 100);
    else if (!explain_reply(&l, what))
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
