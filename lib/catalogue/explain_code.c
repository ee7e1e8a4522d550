/* What a code, an enhanced code, a cause or a reason says by itself. */
#include "lib/catalogue/lookup_int.h"
#include "lib/catalogue/reply_make.h"

enum code_sort { STANDARD, EXTENSION, REGISTRY, DRAFT, VENDOR, UNOFFICIAL };

static const struct code_row {
    unsigned number;
    enum code_sort sort;
    enum code_stage stage;
    enum code_scope scope;
    const char *cause;
    unsigned percent;
    enum who who;
    const char *rfc;
    const char *related;
    const char *example;
} code_rows[CODE_COUNT] = {
#define CODE(number, sort, stage, scope, cause, percent, who, rfc, related, example, title,        \
             meaning, when, fix)                                                                   \
    [CODE_##number] = {number,  sort,      STAGE_##stage, SCOPE_##scope, cause,                    \
                       percent, WHO_##who, rfc,           related,       example},
#include "lib/catalogue/codes.def"
#undef CODE
};

static const struct enhanced_row {
    const char *id; /* "5.1.1" */
    unsigned basic;
    const char *cause;
    unsigned percent;
    enum who who;
    const char *rfc;
    const char *related;
    const char *example;
} enhanced_rows[ENHANCED_COUNT] = {
#define ENHANCED(name, id, basic, cause, percent, who, rfc, related, example, title, meaning,      \
                 when, fix)                                                                        \
    [ENHANCED_##name] = {id, basic, cause, percent, WHO_##who, rfc, related, example},
#include "lib/catalogue/enhanced.def"
#undef ENHANCED
};

bool code_find(unsigned number, enum code_id *ret)
{
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        if (code_rows[i].number == number) {
            *ret = (enum code_id)i;
            return true;
        }
    }
    return false;
}

bool enhanced_find(char class, slice id, enum enhanced_id *ret)
{
    for (unsigned i = 0; i < ENHANCED_COUNT; i++) {
        const char *row = enhanced_rows[i].id;
        if (row[0] == class && slice_is(slice_tail(id, 1), row + 1)) {
            *ret = (enum enhanced_id)i;
            return true;
        }
    }
    return false;
}

unsigned code_number(enum code_id id)
{
    return code_rows[id].number;
}

const char *enhanced_name(enum enhanced_id id)
{
    return enhanced_rows[id].id;
}

unsigned code_percent(enum code_id id)
{
    return code_rows[id].percent;
}

const char *enhanced_cause(enum enhanced_id id)
{
    return enhanced_rows[id].cause;
}

enum class_id class_of(enum reply_kind kind)
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

slice class_slice(const struct lookup *l, enum class_id id, enum text_field field)
{
    return slice_cstr(class_text(l->lang, id, field));
}

/* The four texts of what the table's function gives. */
#define SET_TEXTS(l, of, id)                                                                       \
    do {                                                                                           \
        (l)->e.title = slice_cstr(of((l)->lang, id, TEXT_TITLE));                                  \
        (l)->e.meaning = slice_cstr(of((l)->lang, id, TEXT_MEANING));                              \
        (l)->e.when = slice_cstr(of((l)->lang, id, TEXT_WHEN));                                    \
        (l)->e.fix = slice_cstr(of((l)->lang, id, TEXT_FIX));                                      \
    } while (0)

/* The enhanced code is the finer of the two where it speaks of an address, of the content or of a
 * check of the message (RFC 7372: 5.7.20 and up); else the basic code's row knows. */
void set_stage(struct explanation *e)
{
    enum code_id id;
    char subject = e->enhanced.n > 2 ? e->enhanced.p[2] : '5';
    bool is_address = subject == '1' || subject == '2';
    bool is_check = subject == '7' && e->enhanced.n == 6 && e->enhanced.p[4] == '2';
    e->stage = is_address ? STAGE_ENVELOPE : subject == '6' ? STAGE_CONTENT : STAGE_ANYWHERE;
    e->scope = is_address ? SCOPE_ADDRESS : subject == '5' ? SCOPE_COMMAND : SCOPE_MESSAGE;
    if (!is_address && !is_check && subject != '6' && code_find(e->code, &id)) {
        e->stage = code_rows[id].stage;
        e->scope = code_rows[id].scope;
    }
}

/* "550" as a slice that lives in buf. */
static slice digits_of(unsigned code, char buf[3])
{
    buf[0] = (char)('0' + code / 100);
    buf[1] = (char)('0' + code / 10 % 10);
    buf[2] = (char)('0' + code % 10);
    return slice_of(buf, 3);
}

/* ---- Reasons and causes ---- */

/* Whether the last line is the server's: nothing is to be added then. */
static bool ends_in_reply(slice example)
{
    slice line = {0};
    while (slice_split(&example, '\n', &line))
        continue;
    return slice_starts(line, SLICE_LIT("S: "));
}

/* The client's line and our answer, with facts made up where the row does not say it itself. */
static bool set_example(struct lookup *l, enum reason_id id)
{
    const struct reason *r = reason_of(id);
    const struct reply_facts facts = {.address = SLICE_LIT("user@example.org"),
                                      .domain = SLICE_LIT("example.org"),
                                      .host = SLICE_LIT("mx.example.org"),
                                      .client = SLICE_LIT("192.0.2.1"),
                                      .word = SLICE_LIT("XYZ"),
                                      .moved_to = SLICE_LIT("user@example.net"),
                                      .queue_id = SLICE_LIT("01J8ZK4Q"),
                                      .limit = 100,
                                      .is_greeting = r->is_bare};
    struct buf out;
    bool is_ok = true;
    l->e.example = slice_cstr(r->example);
    if (r->reply[0] == '\0' || ends_in_reply(l->e.example))
        return true;
    buf_init(&out, EXAMPLE_MAX_BYTES);
    buf_adds(&out, r->example);
    struct buf reply;
    buf_init(&reply, EXAMPLE_MAX_BYTES);
    if (reply_make(&reply, id, &facts) != REPLY_MADE)
        is_ok = false;
    slice lines = buf_slice(&reply), line;
    while (slice_split(&lines, '\n', &line)) {
        if (line.n == 0)
            continue;
        buf_addf(&out, "%sS: ", out.n > 0 ? "\n" : "");
        buf_add(&out, slice_head(line, line.n - 1)); /* without CR */
    }
    is_ok = is_ok && out.err == BUF_OK && arena_copy(l->a, buf_slice(&out), &l->e.example);
    buf_release(&reply);
    buf_release(&out);
    return is_ok;
}

bool explain_reason(struct lookup *l, enum reason_id id, unsigned percent)
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
    e->rfc = slice_cstr(r->rfc);
    e->related = slice_cstr(r->related);
    SET_TEXTS(l, reason_text, id);
    return set_example(l, id);
}

void explain_cause(struct lookup *l, enum cause_id id)
{
    const struct cause *c = cause_of(id);
    struct explanation *e = &l->e;
    if (!cause_is_translated(l->lang, id))
        l->lang = language_english();
    e->cause = c->id;
    e->is_known = true;
    e->who = c->who;
    e->rfc = slice_cstr(c->rfc);
    e->related = slice_cstr(c->related);
    e->example = slice_cstr(c->example);
    SET_TEXTS(l, cause_text, id);
}

/* ---- An enhanced code ---- */

static bool explain_unknown_enhanced(struct lookup *l, const struct recognised *seen)
{
    struct explanation *e = &l->e;
    e->percent = 10;
    e->who = who_of_kind(e->kind);
    SET_TEXTS(l, class_text, class_of(e->kind));
    e->title = slice_cstr(ui_text(l->lang, UI_UNKNOWN_TITLE));
    const struct compose_value code = {"code", seen->enhanced};
    slice parts[3] = {{0}, class_slice(l, subject_of(seen->subject), TEXT_MEANING), e->meaning};
    return compose_fill(l->a, slice_cstr(ui_text(l->lang, UI_UNKNOWN_CODE)), &code, 1, &parts[0]) &&
           compose_join(l->a, SLICE_LIT(" "), parts, 3, &e->meaning);
}

/* Defined, but nobody has told what it says of a success: the digits do. */
static bool explain_enhanced_success(struct lookup *l, const struct recognised *seen)
{
    struct explanation *e = &l->e;
    e->is_known = true;
    e->cause = "ok";
    e->percent = 60;
    e->who = WHO_NOBODY;
    e->rfc = SLICE_LIT("RFC 3463 2");
    SET_TEXTS(l, class_text, CLASS_SUCCESS);
    slice parts[2] = {class_slice(l, subject_of(seen->subject), TEXT_MEANING), e->meaning};
    return compose_join(l->a, SLICE_LIT(" "), parts, 2, &e->meaning);
}

bool explain_enhanced(struct lookup *l, const struct recognised *seen)
{
    struct explanation *e = &l->e;
    enum enhanced_id id;
    /* Where the two disagree, the reply code says what becomes of the message (RFC 3463 2). */
    char class = e->code >= 200 && e->code < 600 ? (char)('0' + e->code / 100)
                 : seen->class == 'X'            ? '5'
                                                 : seen->class;
    e->kind = reply_kind_of((unsigned)(class - '0') * 100);
    if (!enhanced_find(class, seen->enhanced, &id)) {
        bool is_defined = enhanced_find('5', seen->enhanced, &id);
        return is_defined && e->kind == KIND_SUCCESS ? explain_enhanced_success(l, seen)
                                                     : explain_unknown_enhanced(l, seen);
    }
    const struct enhanced_row *row = &enhanced_rows[id];
    if (!enhanced_is_translated(l->lang, id))
        l->lang = language_english();
    e->is_known = true;
    if (e->code == 0)
        e->code = row->basic;
    e->cause = row->cause[0] != '\0' ? row->cause : NULL;
    e->percent = row->percent;
    e->who = row->who;
    e->rfc = slice_cstr(row->rfc);
    e->related = slice_cstr(row->related);
    e->example = slice_cstr(row->example);
    SET_TEXTS(l, enhanced_text, id);
    return true;
}

/* ---- A basic code ---- */

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
    e->who = row->who;
    e->rfc = slice_cstr(row->rfc);
    e->related = slice_cstr(row->related);
    e->example = slice_cstr(row->example);
    SET_TEXTS(l, code_text, id);
    if (row->sort != UNOFFICIAL || e->kind == KIND_PSEUDO)
        return true;
    char digits[3];
    const struct compose_value code = {"code", digits_of(e->code, digits)};
    slice parts[2] = {{0}, e->meaning};
    return compose_fill(l->a, slice_cstr(ui_text(l->lang, UI_NOT_STANDARD)), &code, 1, &parts[0]) &&
           compose_join(l->a, SLICE_LIT(" "), parts, 2, &e->meaning);
}

static bool explain_unknown_code(struct lookup *l)
{
    struct explanation *e = &l->e;
    char digits[3];
    const struct compose_value code = {"code", digits_of(e->code, digits)};
    e->kind = reply_kind_of(e->code);
    e->percent = 10;
    e->who = who_of_kind(e->kind);
    SET_TEXTS(l, class_text, class_of(e->kind));
    e->title = slice_cstr(ui_text(l->lang, UI_UNKNOWN_TITLE));
    slice parts[3] = {{0}, e->meaning, {0}};
    if (e->kind != KIND_PSEUDO)
        parts[2] = class_slice(l, digit_of(e->code), TEXT_MEANING);
    return compose_fill(l->a, slice_cstr(ui_text(l->lang, UI_UNKNOWN_CODE)), &code, 1, &parts[0]) &&
           compose_join(l->a, SLICE_LIT(" "), parts, 3, &e->meaning);
}

bool explain_code(struct lookup *l)
{
    enum code_id id;
    l->e.is_plain_code = true;
    return code_find(l->e.code, &id) ? explain_known_code(l, id) : explain_unknown_code(l);
}
